"""What a process keeps of commands that it answers."""

import asyncio
from datetime import timedelta
from typing import Any

from adapters.discord.client import Rest
from adapters.discord.commands import CommandMentions
from adapters.discord.direct_messages import DirectMessages
from adapters.discord.replies import REMEMBERED, DiscordReplies
from bot.clock import SystemClock
from bot.domain.conversations import ConversationRef, Person, Reply, ReplyTo
from bot.ports.processes import LocalBudgets
from bot.testing import FakeSecretVault

PLACE, ANN = ConversationRef("discord", "1", "2"), Person("3", "Ann")


class Taking(Rest):
    """Discord, which takes everything."""

    def __init__(self) -> None:
        super().__init__(lambda: None)

    async def call(self, *_: Any, **__: Any) -> Any:
        return {}


def test_of_commands_acknowledged_elsewhere_not_all_are_remembered() -> None:
    """A process that receives nothing answers them for as long as it lives."""
    rest, clock = Taking(), SystemClock()
    direct = DirectMessages(rest, FakeSecretVault(), LocalBudgets(), lambda: 4)
    replies = DiscordReplies(rest, direct, clock, CommandMentions())

    async def answer() -> None:
        for number in range(REMEMBERED + 10):
            to = ReplyTo(PLACE, ANN, f"4:token-{number}", clock.now() + timedelta(minutes=10), 5)
            await replies.reply(to, Reply("Done."))

    asyncio.run(answer())
    assert len(replies._interactions) == REMEMBERED

"""A platform that talks to the fake over the wire, with the contract's notebook behind it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from adapters.discord import command_sync
from adapters.discord.backfill import LOOK_AGAIN_FIRST
from adapters.discord.gateway import AvatarClient
from adapters.discord.platform import DiscordPlatform
from adapters.discord.settings import DiscordSettings
from bot.clock import SystemClock
from bot.domain.conversations import ConversationRef, Inbound, MessagePosted, Outcome
from bot.domain.errors import StoreUnavailable
from bot.ports.chat import Give
from bot.ports.processes import ONLY_RECEIVER, Budgets, LocalBudgets, Receivers
from bot.testing import FakeSecretVault
from tests.contract.platform.harness import RecordingCore
from tests.integration.discord.fake import CHANNEL, GUILD, TOKEN, FakeDiscord
from tests.patience import HANG_S, until

PLACE = ConversationRef("discord", GUILD, CHANNEL)


def settings(**given: Any) -> DiscordSettings:
    return DiscordSettings.model_validate({"DISCORD_TOKEN": SecretStr(TOKEN), **given})


class Heard(RecordingCore):
    def __init__(self) -> None:
        super().__init__()
        self.news = asyncio.Event()
        self.fault: Exception | None = None
        """Raised once, for the next that comes in."""
        self.away = False
        """Whether nobody can be known to be the first who answers."""

    async def accept(self, inbound: Inbound) -> Outcome:
        outcome = await super().accept(inbound)
        self.news.set()
        if fault := self.fault:
            self.fault = None
            raise fault
        return outcome

    async def first_to_answer(self, inbound: Inbound, give: Give) -> Give | None:
        if self.away:
            raise StoreUnavailable("Not known now.")
        return await super().first_to_answer(inbound, give)

    async def texts(self, count: int) -> list[str]:
        async with asyncio.timeout(HANG_S):
            while len(self.inbounds) < count:
                self.news.clear()
                await self.news.wait()
        return [inbound.body.text for inbound in self.inbounds if isinstance(inbound.body, MessagePosted)]


class Impatient(DiscordPlatform):
    """Gives a silent connection up sooner than after discord.py's minute."""

    def new_client(self) -> AvatarClient:
        client = super().new_client()
        client._connection.heartbeat_timeout = 1.0
        return client


class Hasty(DiscordPlatform):
    """Waits less than a minute for what it asks before it connects."""

    def new_client(self) -> AvatarClient:
        client = super().new_client()
        client.answered_within_s = 0.5
        return client


@dataclass
class Wire:
    discord: FakeDiscord
    kind: type[DiscordPlatform] = DiscordPlatform
    settings: DiscordSettings = field(default_factory=settings)
    core: Heard = field(default_factory=Heard)
    again_s: float | None = None
    """Before what failed is tried again, where that is not the usual pause."""
    receivers: Receivers | None = ONLY_RECEIVER
    vault: FakeSecretVault = field(default_factory=FakeSecretVault)
    budgets: Budgets = field(default_factory=LocalBudgets)
    platform: DiscordPlatform = field(init=False)

    def __post_init__(self) -> None:
        self.platform = self.kind(
            self.settings,
            self.core,
            SystemClock(),
            self.vault,
            connector=self.discord.connector,
            receivers=self.receivers,
            budgets=self.budgets,
            backfill_again_s=self.again_s or LOOK_AGAIN_FIRST,
            commands_again_s=self.again_s or command_sync.AGAIN_FIRST,
        )

    async def write(self, text: str) -> None:
        await self.discord.dispatch("MESSAGE_CREATE", self.discord.message(text))

    async def until(self, true: Callable[[], bool]) -> None:
        """For what no event of the fake's announces."""
        await until(true)

    async def ready(self) -> None:
        client = self.platform._client
        assert client is not None
        await client.wait_until_ready()


@asynccontextmanager
async def running(wire: Wire) -> AsyncIterator[Wire]:
    """A platform that runs and is connected."""
    before = len(wire.discord.ops)
    task = asyncio.create_task(wire.platform.run())
    try:
        await wire.discord.until(lambda: len(wire.discord.ops) > before)
        await wire.ready()
        yield wire
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

"""Fifty transcripts of one bot for two minutes against Discord's limits: our pace beside fixed ones.

python -m benchmarks.discord_transcripts [--sessions 50] [--seconds 120]

In virtual time: our writer and discord.py's HTTP client before the fake, which counts as Discord has been seen to (50 calls a second
in all, 5 posts and 5 edits in 5 s in a channel). discord.py waits by itself for the buckets of channels, whatever the pace.
"""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from discord.http import HTTPClient
from multidict import CIMultiDict
from yarl import URL

from adapters.discord.client import Rest
from adapters.discord.commands import CommandMentions
from adapters.discord.conversations import Conversations
from adapters.discord.direct_messages import DirectMessages
from adapters.discord.limits import use_buckets
from adapters.discord.publisher import DiscordPublisher
from adapters.discord.replies import DiscordReplies
from benchmarks.transcripts import API_DELAY_S, Shown, compare, parsed
from bot.domain import conversations
from bot.domain.conversations import ConversationRef
from bot.ports.chat import ConnectionState, Features
from bot.ports.processes import CallBudget, CallRate, LocalBudget, LocalBudgets
from bot.testing import FakeSecretVault
from bot.testing.virtual_time import LoopClock
from tests.integration.discord.fake import BOT, GUILD, TOKEN, Answer, Call, FakeRest, Limits
from tests.integration.discord.fake.payloads import channel
from tests.integration.discord.wire import settings

_ESCAPED = re.compile(r"\\([^0-9A-Za-z\s])")


@dataclass
class Response:
    """As much of aiohttp's as discord.py reads."""

    answer: Answer
    reason: str = ""

    @property
    def status(self) -> int:
        return self.answer.status

    @property
    def headers(self) -> CIMultiDict[str]:
        return CIMultiDict(self.answer.headers | {"Content-Type": "application/json"})

    async def text(self, encoding: str = "") -> str:  # noqa: ARG002 - as aiohttp has it
        return json.dumps(self.answer.body)


class InProcess:
    """What discord.py calls Discord with, without a socket."""

    def __init__(self, fake: FakeRest, shown: Shown) -> None:
        self._fake = fake
        self._shown = shown

    @contextlib.asynccontextmanager
    async def request(
        self, method: str, url: str, *, headers: dict[str, str], data: Any = None, **_: Any
    ) -> AsyncIterator[Response]:
        await asyncio.sleep(API_DELAY_S)
        path, body = URL(url).path.removeprefix("/api/v10"), json.loads(data) if data else None
        answer = self._fake.answer(Call(method, path, body, token=headers.get("Authorization", "")))
        self._note(method, path, answer)
        yield Response(answer)

    def _note(self, method: str, path: str, answer: Answer) -> None:
        self._shown.calls += 1
        self._shown.edits += method == "PATCH"
        self._shown.refused += answer.status == 429
        parent = self._fake.channels.get(path.split("/")[2], {}).get("parent_id")
        if answer.status == 200 and parent:
            text = _ESCAPED.sub(r"\1", answer.body["content"].partition(":** ")[2])
            self._shown.texts[parent].append((asyncio.get_running_loop().time(), text))


class OnlyWrites(DiscordPublisher):
    def is_home(self, workspace_id: str) -> bool:  # noqa: ARG002
        return True

    async def channel(self, place: ConversationRef) -> conversations.Channel:
        return conversations.Channel(place.channel_id)

    @property
    def features(self) -> Features:
        return Features(edits=self, marks=self, typing=self)

    def connection(self) -> ConnectionState:
        return ConnectionState(datetime.now(UTC))

    async def run(self) -> None:
        await asyncio.Event().wait()


class Unlimited(LocalBudgets):
    """What most bots have: discord.py, and nothing that keeps the limit for all of a bot."""

    def of(self, name: str, rate: CallRate, account: str = "") -> CallBudget:  # noqa: ARG002
        return LocalBudget(CallRate(0.0))


class DiscordTown:
    def __init__(self, shown: Shown, *, ours: bool) -> None:
        self._fake = FakeRest(limits=Limits(), judged=False)
        http = HTTPClient(asyncio.get_running_loop(), max_ratelimit_timeout=30.0)
        http.token, http._global_over = TOKEN, asyncio.Event()  # noqa: SLF001 - what logging in does
        http._global_over.set()  # noqa: SLF001
        http._HTTPClient__session = InProcess(self._fake, shown)  # type: ignore[attr-defined] # noqa: SLF001
        if ours:
            use_buckets(http)
        budgets = LocalBudgets() if ours else Unlimited()
        clock, rest = LoopClock(), Rest(lambda: http, budgets)
        direct = DirectMessages(rest, FakeSecretVault(), budgets, lambda: int(BOT))
        replies = DiscordReplies(rest, direct, clock, CommandMentions())
        self.writer = OnlyWrites(rest, replies, Conversations(), clock, settings())

    def place(self, number: int) -> ConversationRef:
        channel_id = str(700_000_000_000_000_000 + number)
        self._fake.channels[channel_id] = channel(channel_id)
        return ConversationRef("discord", GUILD, channel_id)

    def thread(self, place: ConversationRef) -> ConversationRef | None:
        found = (each["id"] for each in self._fake.channels.values() if each.get("parent_id") == place.channel_id)
        thread_id = next(found, None)
        return place.in_thread(thread_id) if thread_id else None


if __name__ == "__main__":
    compare(DiscordTown, parsed(__doc__, sessions=50), fixed=(1.0,))

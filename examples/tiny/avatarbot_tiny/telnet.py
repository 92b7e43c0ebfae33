"""A chat platform that can post and nothing else: one room, one line a message. No threads, no edits, no files, no buttons.

    TELNET_PORT=2323 avatarbot run
    nc localhost 2323

Whoever connects says their name first. `/avatar …` is a command; every other line is read by everybody in the room.
"""

import asyncio
import itertools
import time
from collections.abc import Callable
from datetime import UTC, datetime

from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.commands.parser import ParseError, parse
from bot.domain.conversations import (
    Channel,
    ConversationRef,
    Inbound,
    Membership,
    MessagePosted,
    MessageRef,
    NoSession,
    Person,
    Question,
    Refused,
    Reply,
    ReplyTo,
)
from bot.domain.errors import StoreUnavailable
from bot.domain.posts import STATES, Card, Opened, TranscriptLine
from bot.domain.text import printable_line
from bot.ports.chat import ChatPlatform, ConnectionState, CoreApi, Features, RateLimits
from bot.ports.plugin import PlatformPlugin, PluginContext

NAME = "telnet"
ROOM = ConversationRef(NAME, "here", "room")
COMMAND = "/avatar"
LINE_LIMIT = 2_000
"""Bytes; who sends a longer line is disconnected."""


class TelnetSettings(BaseSettings):
    """`TELNET_PORT` is where to listen, on this machine only."""

    model_config = SettingsConfigDict(env_prefix="TELNET_", env_file=".env", extra="ignore", env_ignore_empty=True)

    port: int = 0


class TelnetPlatform:
    """A `ChatPlatform`. `enter` lets somebody in; `run` does so for whoever connects."""

    name = NAME
    pace = RateLimits(calls_per_second=20)
    text_limit = 1_000
    features = Features()

    def __init__(self, port: int, core: CoreApi) -> None:
        self._port = port
        self._core = core
        self._people: dict[str, Callable[[str], object]] = {}
        self._events = itertools.count(time.time_ns())  # one never stands for two lines, not even after a restart
        self._messages = itertools.count(1)
        self._since = datetime.now(UTC)

    # ------------------------------------------------ what people do

    def enter(self, name: str, show: Callable[[str], object]) -> Person:
        """Somebody comes in; `show` writes a line for them. A name that is taken gets a number."""
        names = itertools.chain([name], (f"{name}{number}" for number in itertools.count(2)))
        free = next(each for each in names if each not in self._people)
        self._people[free] = show
        return Person(free, free, Membership.MEMBER)

    def leave(self, person: Person) -> None:
        del self._people[person.id]

    async def hear(self, person: Person, line: str) -> None:
        """Verify, bound, translate; hand it to the core; tell its author what there is to tell."""
        event, said = next(self._events), line.strip()
        if not said:
            return
        typed = said.removeprefix(COMMAND) if said.split()[0] == COMMAND else None
        body = MessagePosted(said, MessageRef(ROOM, str(event))) if typed is None else parse(typed)
        if isinstance(body, ParseError):
            self._tell(person, body.sentence)
            return
        if typed is None:
            self._show(f"{person.name}: {said}", but=person)
        inbound = Inbound(f"line-{event}", event, ROOM, person, body, ReplyTo(ROOM, person))
        try:
            outcome = await self._core.accept(inbound)
        except StoreUnavailable:
            self._tell(person, "That was not taken. Please try again.")
            return
        match outcome:
            case Question():
                await self.reply(ReplyTo(ROOM, person), await self._core.answer(inbound))
            case Refused(sentence):
                self._tell(person, sentence)
            case NoSession(sentence) if typed is not None:
                self._tell(person, sentence)

    async def run(self) -> None:
        server = await asyncio.start_server(self._connected, "127.0.0.1", self._port, limit=LINE_LIMIT)
        async with server:
            await server.serve_forever()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        person = None
        try:
            writer.write(b"What is your name?\r\n")
            name = printable_line((await reader.readline()).decode(errors="replace").strip())[:32]
            person = self.enter(name or "Somebody", lambda line: writer.write(f"{line}\r\n".encode()))
            while line := await reader.readline():
                await self.hear(person, printable_line(line.decode(errors="replace")))
        except (ValueError, ConnectionError):
            pass  # a line without an end, or somebody who left in the middle of one
        finally:
            if person:
                self.leave(person)
            writer.close()

    # ------------------------------------------------ what people see

    def _show(self, text: str, but: Person | None = None) -> MessageRef:
        for name, show in self._people.items():
            if but is None or name != but.id:
                show(text)
        return MessageRef(ROOM, str(next(self._messages)))

    def _tell(self, person: Person, text: str) -> None:
        """Nobody else sees it."""
        if show := self._people.get(person.id):
            for line in text.splitlines():
                show(f"* {line}")

    # ------------------------------------------------ ChatPlatform

    def is_home(self, workspace_id: str) -> bool:  # noqa: ARG002 - who sits at this machine is the operator
        return True

    def measure(self, text: str) -> int:
        return len(text)

    async def channel(self, place: ConversationRef) -> Channel:  # noqa: ARG002 - there is only one
        return Channel("the room")

    async def post_card(self, place: ConversationRef, card: Card, *, since: datetime | None = None) -> Opened:  # noqa: ARG002 - nothing can be found again
        said = filter(None, (card.note, card.disclosure.sentence))
        return Opened(self._show(f"[{card.avatar_name}: {STATES[card.status]}] {' '.join(said)}"), place)

    async def post(self, thread: ConversationRef, line: TranscriptLine, key: str) -> MessageRef:  # noqa: ARG002 - nor is there a nonce
        said = f"{line.byline}: {line.text}" if line.byline else line.text
        return self._show(f"{said} ({line.disclosure.sentence})" if line.disclosure.sentence else said)

    async def notify(self, thread: ConversationRef, text: str) -> None:  # noqa: ARG002
        self._show(text)

    async def reply(self, to: ReplyTo, reply: Reply) -> None:
        rows = [f"{item.title}: {item.detail}" for item in reply.items]
        link = [f"{reply.link.label}: {reply.link.url}"] if reply.link else []
        self._tell(to.person, "\n".join([reply.whole_text, *rows, *link]))

    def connection(self) -> ConnectionState:
        return ConnectionState(self._since)


def _build(settings: TelnetSettings, context: PluginContext) -> ChatPlatform:
    return TelnetPlatform(settings.port, context.core)


PLUGIN = PlatformPlugin(
    name=NAME,
    title="Telnet",
    settings=TelnetSettings,
    configured=lambda settings: settings.port > 0,
    setup="TELNET_PORT",
    build=_build,
)

"""The playground takes the contract: the real routes on a real port, each person a WebSocket."""

import asyncio
import contextlib
import itertools
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from adapters.playground.platform import PlaygroundPlatform
from adapters.playground.protocol import (
    Acknowledged,
    ButtonShown,
    CloseChannel,
    Enter,
    FromClient,
    ListValues,
    Message,
    Offered,
    Pick,
    Press,
    Rewrite,
    RunCommand,
    ToClient,
    Told,
    Welcome,
    Withdraw,
    Write,
)
from adapters.playground.protocol import Changed as ChangedFrame
from adapters.playground.settings import PlaygroundSettings
from bot.domain.conversations import ConversationRef, MessageRef
from bot.domain.posts import CardAction
from bot.testing.virtual_time import ManualClock
from bot.web.app import mounted, serve
from tests.contract.platform.harness import ANN, BEN, GUEST, Abilities, PlatformHarness, RecordingCore, Seen
from tests.patience import HANG_S

SECRET = "a-secret-for-tests"
OWNER = "owner"

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[ToClient] = msgspec.json.Decoder(ToClient)


@dataclass
class Page:
    """What a browser window does, without looks: keeps what it is told by id, and comes back as the same person."""

    base: str
    ticket: str
    enter: Enter
    socket: ClientConnection = field(init=False)
    messages: dict[str, Message] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    offered: dict[int, Offered] = field(default_factory=dict)
    sent: FromClient | None = None
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    _reading: "asyncio.Task[None]" = field(init=False)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def open(self) -> None:
        url = self.base.replace("http", "ws") + "/playground/socket"
        self.socket = await connect(url, origin=self.base, additional_headers={"Cookie": self.ticket}, max_size=None)  # type: ignore[arg-type]
        await self.send(self.enter)
        welcome = _decoder.decode(await self.socket.recv())
        assert isinstance(welcome, Welcome)
        self.enter = Enter(welcome.you.id, welcome.proof)
        self._reading = asyncio.create_task(self._read())

    async def close(self) -> None:
        await self.socket.close()
        with contextlib.suppress(ConnectionClosed):
            await self._reading

    async def send(self, frame: FromClient) -> None:
        self.sent = frame
        await self.socket.send(_encoder.encode(frame).decode())

    async def do(self, frame: Any) -> None:
        """Send something that is acknowledged, and wait until it is."""
        await self.send(frame)
        await self.until(lambda: frame.nonce in self.taken)

    async def until(self, true: Any) -> None:
        async with asyncio.timeout(HANG_S):
            while not true():
                self._news.clear()
                await self._news.wait()

    def nonce(self) -> str:
        return f"{self.enter.person}-{next(self._numbers)}"

    async def _read(self) -> None:
        async for text in self.socket:
            match _decoder.decode(text):
                case ChangedFrame(messages=messages):
                    self.messages |= {message.id: message for message in messages}
                case Told() as told:
                    self.told.append(told)
                case Acknowledged(nonce=nonce):
                    self.taken.add(nonce)
                case Offered() as offered:
                    self.offered[offered.look] = offered
                case _:
                    pass
            self._news.set()


class PlaygroundHarness(PlatformHarness):
    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.core = RecordingCore()
        self.abilities = Abilities(has_private_channels=False)
        self.place = ConversationRef("playground", "playground", "lobby")
        self.place_name = "#lobby"
        self.pages: dict[str, Page] = {}
        self._folder = folder
        self._last: tuple[str, Any] | None = None
        self._start()

    def _start(self) -> None:
        settings = PlaygroundSettings(secret=SecretStr(SECRET), history=self._folder / "history.jsonl")
        self.platform = PlaygroundPlatform(self.core, self.clock, settings)
        self._app = Starlette(routes=mounted(self.platform.mounts()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    async def come_in(self, base: str) -> None:
        async with httpx.AsyncClient(base_url=base, headers={"Origin": base}, timeout=HANG_S) as client:
            entered = await client.post("/playground/enter", json={"key": SECRET})
            assert entered.status_code == 204
            ticket = entered.headers["set-cookie"].partition(";")[0]
        for who in (OWNER, ANN, BEN, GUEST):
            self.pages[who] = Page(base, ticket, Enter(name=who, guest=who == GUEST))
            await self.pages[who].open()

    async def go_away(self) -> None:
        for page in self.pages.values():
            await page.close()

    # ------------------------------------------------ what people do

    async def write(self, who: str, text: str, place: ConversationRef, *, mention: bool = False) -> MessageRef:
        page = self.pages[who]
        words = f"@avatar {text}" if mention else text
        nonce = page.nonce()
        await self._do(who, Write(nonce, place.channel_id, place.thread_id, words))
        await page.until(lambda: any(m.nonce == nonce for m in page.messages.values()))
        return MessageRef(place, next(m.id for m in page.messages.values() if m.nonce == nonce))

    async def rewrite(self, ref: MessageRef, text: str) -> None:
        author = self._author(ref)
        await self._do(author, Rewrite(self.pages[author].nonce(), ref.message_id, text))

    async def withdraw(self, ref: MessageRef) -> None:
        author = self._author(ref)
        await self._do(author, Withdraw(self.pages[author].nonce(), ref.message_id))

    async def command(self, who: str, verb: str, options: dict[str, str], place: ConversationRef) -> None:
        given = (value if name == "text" else f'{name}:"{value}"' for name, value in options.items())
        typed = " ".join([f"/avatar {verb}", *given])
        await self._do(who, RunCommand(self.pages[who].nonce(), place.channel_id, place.thread_id, typed))

    def mention(self, who: str) -> str:
        return f"@{who.title()}"

    async def press(self, who: str, card: MessageRef, action: CardAction) -> None:
        await self._do(who, Press(self.pages[who].nonce(), card.message_id, action))

    async def answer_buttons(self, who: str) -> Sequence[str]:
        return [button.label for button in await self._answer_buttons(who)]

    async def press_answer(self, who: str, label: str) -> str:
        button = next(button for button in await self._answer_buttons(who) if button.label == label)
        page, told = self.pages[who], self.pages[who].told[-1]
        asked = bool(button.question)
        await self._do(who, Pick(page.nonce(), told.channel, told.thread, button.verb, button.options, confirmed=asked))
        return button.question

    async def _answer_buttons(self, who: str) -> list[ButtonShown]:
        page = self.pages[who]
        await page.until(lambda: bool(page.told))
        told = page.told[-1]
        return [button for button in (*(item.button for item in told.items), told.next) if button]

    async def type_ahead(self, who: str, verb: str, option: str, typed: str, place: ConversationRef) -> Sequence[str]:
        page = self.pages[who]
        look = len(page.offered) + 1
        await page.send(ListValues(look, place.channel_id, place.thread_id, verb, option, typed))
        await page.until(lambda: look in page.offered)
        return [choice.label for choice in page.offered[look].choices]

    async def redeliver(self) -> None:
        assert self._last is not None
        who, frame = self._last
        self.pages[who].taken.discard(frame.nonce)
        await self.pages[who].do(frame)

    # ------------------------------------------------ what people see

    async def messages(self, place: ConversationRef) -> Sequence[Seen]:
        await self._settle()
        here = [m for m in self.pages[BEN].messages.values() if (m.channel, m.thread) == _at(place) and not m.deleted]
        return [_seen(message, place) for message in sorted(here, key=lambda m: int(m.id))]

    async def privately(self, who: str) -> Sequence[str]:
        await self._settle()
        return [_words(told) for told in self.pages[who].told]

    # ------------------------------------------------ what happens to the world

    def later(self, seconds: float) -> None:
        self.clock.advance(seconds)

    async def lose_message(self, ref: MessageRef) -> None:
        owner = self.pages[OWNER]
        await owner.do(Withdraw(owner.nonce(), ref.message_id))

    async def make_private(self, place: ConversationRef) -> None:
        raise NotImplementedError

    async def lose_place(self, place: ConversationRef) -> None:
        await self.pages[OWNER].send(CloseChannel(place.channel_id))
        await self._settle()

    async def restart(self) -> None:
        await self.go_away()
        self._start()
        for page in self.pages.values():
            page.messages.clear()
            await page.open()

    # ------------------------------------------------ inside

    async def _do(self, who: str, frame: Any) -> None:
        self._last = (who, frame)
        await self.pages[who].do(frame)

    async def _settle(self) -> None:
        """Until every page has been told everything: a frame of each that asks for an answer has gone round."""
        for page in self.pages.values():
            nonce = page.nonce()
            count = len(page.told)
            await page.send(Withdraw(nonce, "no such message"))
            await page.until(lambda page=page, count=count: "gone" in "".join(t.text for t in page.told[count:]))
            page.told = [told for told in page.told if told.text != "That message is gone."]
            newest = self.platform._store.seq
            await page.until(lambda page=page, newest=newest: _newest(page) >= newest)

    def _author(self, ref: MessageRef) -> str:
        return self.platform._store.message(ref.message_id).author.name.lower()


def _newest(page: Page) -> int:
    return max((message.seq for message in page.messages.values()), default=0)


def _at(place: ConversationRef) -> tuple[str, str]:
    return place.channel_id, place.thread_id


def _seen(message: Message, place: ConversationRef) -> Seen:
    card = message.card
    shown = card.disclosure if card else message.disclosure
    said = (
        [card.avatar_name, card.note, card.starter_name, *card.traits, card.kept]
        if card
        else [message.to, message.text]
    )
    text = "\n".join([*filter(None, said)] + ([shown.sentence] if shown else []))
    return Seen(
        MessageRef(place, message.id),
        text,
        message.author.name,
        message.mentions,
        tuple(button.action for button in card.buttons) if card else (),
        (message.file.name,) if message.file else (),
        message.heard,
    )


def _words(told: Told) -> str:
    items = [f"{item.title} {item.detail}" for item in told.items]
    link = told.link.url if told.link else ""
    sections = [line for section in told.sections for line in (section.title, *section.lines)]
    return "\n".join([told.text, *sections, *items, link, told.file.name if told.file else ""])


@asynccontextmanager
async def open_harness() -> AsyncIterator[PlaygroundHarness]:
    with tempfile.TemporaryDirectory() as folder:
        harness = PlaygroundHarness(Path(folder))
        async with serve(harness, "127.0.0.1", 0) as port:
            await harness.come_in(f"http://127.0.0.1:{port}")
            yield harness
            await harness.go_away()

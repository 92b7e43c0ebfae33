"""Somebody at the playground, over its socket, with the manners of its page."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import httpx
import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Origin

from adapters.playground.protocol import (
    Acknowledged,
    Changed,
    Enter,
    FromClient,
    Message,
    RunCommand,
    ToClient,
    Told,
    Welcome,
    Write,
)
from bot.domain.sessions import SessionStatus
from tests.acceptance.processes import SECRET, Deployment
from tests.patience import HANG_S

T = TypeVar("T")

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[ToClient] = msgspec.json.Decoder(ToClient)

AGAIN_AFTER_S = 0.1


async def ticket(services: Deployment) -> str:
    """What the page gets for the secret. It outlives a restart of the service."""
    origin = {"Origin": services.url}
    async with httpx.AsyncClient(base_url=services.url, headers=origin, trust_env=False, timeout=HANG_S) as client:
        entered = await client.post("/playground/enter", json={"key": SECRET})
        assert entered.status_code == 204, entered.text
        return entered.headers["set-cookie"].partition(";")[0]


class Member:
    """Comes back as the same person when the service was away, and sends again what was not taken: nothing is ever sent twice
    under two nonces.
    """

    def __init__(self, services: Deployment, cookie: str, name: str) -> None:
        self.name = name
        self.messages: dict[str, Message] = {}
        self._grew: set[str] = set()
        self.told: list[Told] = []
        self._services = services
        self._cookie = cookie
        self._enter = Enter(name=name)
        self._outstanding: dict[str, Write | RunCommand] = {}
        self._numbers = itertools.count(1)
        self._socket: ClientConnection | None = None
        self._news = asyncio.Event()
        self._seq = 0

    @property
    def id(self) -> str:
        return self._enter.person

    @asynccontextmanager
    async def present(self) -> AsyncIterator["Member"]:
        """Within the block."""
        staying = asyncio.create_task(self._stay())
        try:
            yield self
        finally:
            staying.cancel()
            await asyncio.wait((staying,))

    # ------------------------------------------------ what they do

    async def write(self, channel: str, thread: str, text: str) -> str:
        """Write a message; its nonce, once it is taken."""
        return await self._do(Write(self._nonce(), channel, thread, text))

    async def command(self, channel: str, thread: str, text: str) -> str:
        return await self._do(RunCommand(self._nonce(), channel, thread, text))

    # ------------------------------------------------ what they see

    async def sees(self, look: Callable[[], T | None], what: object = "", within: float = 300.0) -> T:
        """What `look` finds, as soon as it finds something. Fails after so many seconds, with what was looked for."""
        try:
            async with asyncio.timeout(within):
                while (found := look()) is None:
                    self._news.clear()
                    await self._news.wait()
                return found
        except TimeoutError:
            raise AssertionError(f"{self.name} waited in vain for {what}; was told {self.told[-3:]}") from None

    async def sees_card(self, channel: str, *statuses: SessionStatus) -> Message:
        """The channel's newest card, once it shows one of these states."""

        def look() -> Message | None:
            cards = [m for m in self.messages.values() if m.channel == channel and m.card]
            newest = max(cards, key=lambda m: int(m.id), default=None)
            return newest if newest and newest.card and newest.card.status in statuses else None

        return await self.sees(look, (channel, *statuses))

    async def sees_line(self, channel: str, text: str) -> Message:
        """A whole line with these words in it, of the avatar's."""

        def look() -> Message | None:
            lines = (m for m in self.messages.values() if m.channel == channel and m.author.kind == "avatar")
            return next((m for m in lines if text in m.text and not m.growing), None)

        return await self.sees(look, (channel, text))

    async def sees_growing(self, lines: int) -> None:
        """Once so many lines have been growing, be it for a moment only."""
        await self.sees(lambda: len(self._grew) >= lines or None, "the avatar speaking")

    # ------------------------------------------------ inside

    def _nonce(self) -> str:
        return f"{self.name}-{next(self._numbers)}"

    async def _do(self, frame: Write | RunCommand) -> str:
        self._outstanding[frame.nonce] = frame
        await self._send(frame)
        await self.sees(lambda: frame.nonce not in self._outstanding or None, frame)
        return frame.nonce

    async def _send(self, frame: FromClient) -> None:
        if self._socket:
            try:
                await self._socket.send(_encoder.encode(frame).decode())
            except ConnectionClosed:
                self._socket = None  # sent again after coming back

    async def _stay(self) -> None:
        while True:
            try:
                await self._visit()
            except (OSError, TimeoutError, WebSocketException):
                self._socket = None
                await asyncio.sleep(AGAIN_AFTER_S)

    async def _visit(self) -> None:
        address = f"{self._services.url.replace('http', 'ws')}/playground/socket"
        headers = {"Cookie": self._cookie}
        async with connect(
            address,
            origin=Origin(self._services.url),
            additional_headers=headers,
            max_size=None,
            proxy=None,
            open_timeout=HANG_S,
        ) as socket:
            await socket.send(_encoder.encode(self._enter).decode())
            async for text in socket:
                await self._take(_decoder.decode(text), socket)
        raise OSError("the service hung up")

    async def _take(self, frame: ToClient, socket: ClientConnection) -> None:
        match frame:
            case Welcome(you=you, proof=proof):
                self._enter = Enter(you.id, proof, seq=self._seq)
                self._socket = socket
                for frame_again in list(self._outstanding.values()):
                    await self._send(frame_again)
            case Changed(messages=messages, seq=seq):
                self.messages |= {message.id: message for message in messages}
                self._grew |= {message.id for message in messages if message.growing}
                self._seq = seq
                self._enter = msgspec.structs.replace(self._enter, seq=seq)
            case Acknowledged(nonce=nonce):
                self._outstanding.pop(nonce, None)
            case Told():
                self.told.append(frame)
            case _:
                return
        self._news.set()

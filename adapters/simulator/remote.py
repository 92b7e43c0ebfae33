"""A connection in the rooms of a simulator in another process, held over a WebSocket.

The client begins with its credentials; the answer is `""` or why it was refused. Then binary frames are for the room, a
`RoomFrameKind` and what it says; text frames of the client are wishes, and text frames of the server are events.
"""

import asyncio
import functools
from collections.abc import AsyncIterator
from enum import IntEnum
from typing import Self

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from adapters.simulator.room import PACKET_LIMIT
from bot.domain.errors import RoomError
from bot.ports.room import (
    VOICE_FRAME,
    AudioFrame,
    ConnectionLost,
    ConnectRoom,
    LinkDown,
    LinkUp,
    LossReason,
    Packet,
    PeerJoined,
    PeerLeft,
    RoomCredentials,
    RoomEvent,
    TokenExpiring,
    VideoFrame,
)

PATH = "/_simulator/connection"

JOIN_TIMEOUT_S = 15.0
"""What the port promises."""


class RoomFrameKind(IntEnum):
    """The first byte of a binary frame."""

    PACKET = 0
    VOICE = 1


KINDS: dict[str, type[RoomEvent]] = {
    kind.__name__: kind
    for kind in (PeerJoined, PeerLeft, Packet, VideoFrame, AudioFrame, LinkDown, LinkUp, TokenExpiring, ConnectionLost)
}


class ClientRequest(msgspec.Struct, frozen=True):
    """What a client wants of the media: to watch `uid` (or nobody), or a key frame of it."""

    uid: str | None
    key_frame: bool = False


def event_to_text(event: RoomEvent) -> str:
    return msgspec.json.encode((type(event).__name__, event)).decode()


def event_from_text(text: str | bytes) -> RoomEvent:
    name, fields = msgspec.json.decode(text, type=tuple[str, msgspec.Raw])
    return msgspec.json.decode(fields, type=KINDS[name])


# ---------------------------------------------------------------- the connection


def connect_remote(url: str) -> ConnectRoom:
    """Connections at the simulator whose address is `url` (`http://127.0.0.1:4711`)."""
    return functools.partial(RemoteConnection, url)


class RemoteConnection:
    """A `RoomConnection`, with the manners of `SimulatedConnection`."""

    def __init__(self, url: str, credentials: RoomCredentials) -> None:
        self._address = f"ws{url.rstrip('/').removeprefix('http')}{PATH}"
        self._credentials = credentials
        self._socket: ClientConnection | None = None
        self._over = False

    async def join(self) -> None:
        if self._socket or self._over:
            raise RoomError("A connection is joined once.")
        try:
            async with asyncio.timeout(JOIN_TIMEOUT_S):
                refused = await self._enter()
        except (OSError, TimeoutError, WebSocketException) as error:
            raise RoomError("The room cannot be reached.", f"{type(error).__name__} at the simulator") from error
        if refused:
            self._over = True
            raise RoomError("The room did not let us in.", refused)

    def events(self) -> AsyncIterator[RoomEvent]:
        return _RemoteEvents(self)

    async def send(self, packet: bytes) -> None:
        if len(packet) > PACKET_LIMIT:
            raise RoomError("The stream message is too long.", f"{len(packet)} bytes, stream message out of range")
        await self._give(bytes([RoomFrameKind.PACKET]) + packet)

    async def publish(self, frame: bytes) -> None:
        if len(frame) != VOICE_FRAME:
            raise RoomError("That is no piece of a voice.", f"{len(frame)} bytes of sound")
        await self._give(bytes([RoomFrameKind.VOICE]) + frame)

    async def watch(self, uid: str | None) -> None:
        await self._give(_text(ClientRequest(uid)))

    async def request_key_frame(self, uid: str) -> None:
        await self._give(_text(ClientRequest(uid, key_frame=True)))

    async def leave(self) -> None:
        self._over = True
        if self._socket:
            await self._socket.close()

    async def happening(self) -> RoomEvent | None:
        """The next event; None when there is no further one."""
        assert self._socket is not None, "events begin with join"
        try:
            event = event_from_text(await self._socket.recv())
        except ConnectionClosed as closed:
            lost = not self._over
            self._over = True
            return ConnectionLost(LossReason.LOST, f"the simulator hung up: {closed}") if lost else None
        self._over = self._over or isinstance(event, ConnectionLost)
        return event

    async def _enter(self) -> str:
        self._socket = await connect(self._address, proxy=None, compression=None, close_timeout=1)
        await self._socket.send(_text(self._credentials))
        return str(await self._socket.recv())

    async def _give(self, frame: bytes | str) -> None:
        if self._socket is None or self._over:
            raise RoomError("The connection is not in the room.")
        try:
            await self._socket.send(frame)
        except ConnectionClosed as closed:
            raise RoomError("The connection is not in the room.", f"the simulator hung up: {closed}") from closed


class _RemoteEvents:
    def __init__(self, connection: RemoteConnection) -> None:
        self._connection = connection
        self._over = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> RoomEvent:
        event = None if self._over else await self._connection.happening()
        self._over = event is None or isinstance(event, ConnectionLost)
        if event is None:
            raise StopAsyncIteration
        return event


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()

"""What bot and worker process say to each other: a number of bytes (u32, little-endian), then that many of msgpack.

The bot gives orders and gets one `Done` for each, and voices; the worker tells on its own what happens in its rooms.
"""

import asyncio
import struct
from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Any, Final, Generic, TypeVar

import msgspec
import structlog

from bot.ports.room import RoomEvent

LENGTH: Final = struct.Struct("<I")

log = structlog.get_logger(__name__)


class Profile(IntEnum):
    """Agora's channel profiles. All in a channel should use the same; AKOOL does not say which its avatar does."""

    COMMUNICATION = 0
    LIVE = 1


class Start(msgspec.Struct, frozen=True, tag=True):
    """The first order. `folder` is the worker's to write in and is removed after it."""

    number: int
    app_id: str
    profile: Profile
    folder: str


class Ping(msgspec.Struct, frozen=True, tag=True):
    number: int


class Join(msgspec.Struct, frozen=True, tag=True):
    """Join a room over a connection that is called `connection` from now on."""

    number: int
    connection: int
    channel: str
    uid: str
    token: str


class Send(msgspec.Struct, frozen=True, tag=True):
    number: int
    connection: int
    packet: bytes


class Watch(msgspec.Struct, frozen=True, tag=True):
    number: int
    connection: int
    uid: str | None


class RequestKeyFrame(msgspec.Struct, frozen=True, tag=True):
    number: int
    connection: int
    uid: str


class Publish(msgspec.Struct, frozen=True, tag=True):
    """A piece of a voice. Nothing answers it: one that cannot be published is a line in the log, and the next is 20 ms away."""

    connection: int
    frame: bytes


class Leave(msgspec.Struct, frozen=True, tag=True):
    """Leave; a connection that is not known is fine."""

    number: int
    connection: int


SeatOrder = Join | Send | Watch | RequestKeyFrame | Leave
Order = Start | Ping | SeatOrder
FromBot = Order | Publish


class Done(msgspec.Struct, frozen=True, tag=True):
    """What came of an order. An empty `sentence` means that it was carried out."""

    number: int
    sentence: str = ""
    detail: str = ""


class EventMessage(msgspec.Struct, frozen=True, tag=True):
    """An event of a connection: the port's own value, and its name."""

    connection: int
    kind: str
    event: msgspec.Raw


class LogLine(msgspec.Struct, frozen=True, tag=True):
    """Something for the log."""

    text: str


Message = Done | EventMessage | LogLine

_EVENTS: Final = {kind.__name__: msgspec.msgpack.Decoder(kind) for kind in RoomEvent.__args__}
_encoder: Final = msgspec.msgpack.Encoder()


def event_message(connection: int, event: RoomEvent) -> EventMessage:
    return EventMessage(connection, type(event).__name__, msgspec.Raw(_encoder.encode(event)))


def event_of(word: EventMessage) -> RoomEvent:
    """Raises `msgspec.ValidationError` for what is no event."""
    if word.kind not in _EVENTS:
        raise msgspec.ValidationError(f"no event is a {word.kind[:40]}")
    event: RoomEvent = _EVENTS[word.kind].decode(word.event)
    return event


T = TypeVar("T")

LONGEST: Final = 8 * 1024 * 1024
"""Bytes of one message: several times the largest key frame."""


class MessageChannel(asyncio.Protocol, Generic[T]):
    """One end of the socket. `hear` gets each message as it comes, `hang_up` is called once, at the end.

    What is longer than any message, or none, ends it: a closed library speaks at the other end.
    """

    def __init__(self, heard: Any, hear: Callable[[T], None], hang_up: Callable[[], None]) -> None:
        self._decoder: msgspec.msgpack.Decoder[T] = msgspec.msgpack.Decoder(heard)
        self._hear = hear
        self._hang_up = hang_up
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    @property
    def backlog(self) -> int:
        """Bytes that wait to be sent."""
        return self._transport.get_write_buffer_size() if self._transport else 0

    def say(self, message: msgspec.Struct) -> None:
        """Never waits; what is said after the end is dropped."""
        if self._transport is not None:
            packed = _encoder.encode(message)
            self._transport.writelines((LENGTH.pack(len(packed)), packed))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature; an end is an end
        self._transport = None
        self._hang_up()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        try:
            for message in self._whole():
                self._hear(self._decoder.decode(message))
        except msgspec.MsgspecError as nonsense:
            self._cut(str(nonsense))

    def _whole(self) -> Iterator[bytes]:
        """The messages that are here to their end, copied: `msgspec.Raw` keeps what it was decoded from."""
        at = 0
        while len(self._buffer) - at >= LENGTH.size:
            start, length = at + LENGTH.size, LENGTH.unpack_from(self._buffer, at)[0]
            if length > LONGEST:
                raise msgspec.DecodeError(f"a message of {length:,} bytes")
            if start + length > len(self._buffer):
                break
            yield bytes(memoryview(self._buffer)[start : start + length])
            at = start + length
        del self._buffer[:at]

    def _cut(self, why: str) -> None:
        log.warning("agora.line_cut", why=why)
        self._buffer.clear()
        if self._transport is not None:
            self._transport.abort()

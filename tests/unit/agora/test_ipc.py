import asyncio
from typing import cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.agora.ipc import (
    LENGTH,
    LONGEST,
    Done,
    EventMessage,
    Join,
    Leave,
    Message,
    MessageChannel,
    Order,
    Ping,
    Profile,
    RequestKeyFrame,
    Send,
    Start,
    Watch,
    event_message,
    event_of,
)
from bot.ports.room import (
    AudioFrame,
    Codec,
    ConnectionLost,
    LinkDown,
    LinkUp,
    LossReason,
    Packet,
    PeerJoined,
    PeerLeft,
    RoomEvent,
    TokenExpiring,
    VideoFrame,
)

EVENTS: list[RoomEvent] = [
    PeerJoined("1"),
    PeerLeft("1"),
    Packet("1", b"\x00\xff"),
    VideoFrame("1", Codec.H264, True, 1280, 720, 40_000, b"picture"),
    AudioFrame("1", 16_000, 1, 40_000, b"sound"),
    LinkDown(),
    LinkUp(),
    TokenExpiring(),
    ConnectionLost(LossReason.THROWN_OUT, "why"),
]
ORDERS: list[Order] = [
    Start(1, "app", Profile.LIVE, "/tmp"),
    Ping(2),
    Join(3, 7, "room", "1", "token"),
    Send(4, 7, b"\x00\xff"),
    Watch(5, 7, None),
    RequestKeyFrame(6, 7, "1"),
    Leave(7, 7),
]


class Cable:
    """What a line writes, in place of a socket."""

    def __init__(self) -> None:
        self.sent = b""

    def writelines(self, parts: tuple[bytes, bytes]) -> None:
        self.sent += b"".join(parts)


def packed(messages: list[msgspec.Struct]) -> bytes:
    cable = Cable()
    line: MessageChannel[Message] = MessageChannel(Message, lambda _: None, lambda: None)
    line._transport = cast("asyncio.Transport", cable)
    for message in messages:
        line.say(message)
    return cable.sent


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_every_event_of_the_port_crosses(event: RoomEvent) -> None:
    heard: list[Message] = []
    line: MessageChannel[Message] = MessageChannel(Message, heard.append, lambda: None)

    line.data_received(packed([event_message(7, event)]))

    word = heard[0]
    assert isinstance(word, EventMessage)
    assert (word.connection, event_of(word)) == (7, event)


def test_there_is_no_event_that_does_not_cross() -> None:
    assert {type(event) for event in EVENTS} == set(RoomEvent.__args__)


@given(st.lists(st.integers(1, 60), max_size=30))
def test_messages_arrive_whole_however_the_bytes_do(pieces: list[int]) -> None:
    heard: list[Order] = []
    line: MessageChannel[Order] = MessageChannel(Order, heard.append, lambda: None)
    left = packed(list(ORDERS))

    for size in [*pieces, len(left)]:
        line.data_received(left[:size])
        left = left[size:]

    assert heard == ORDERS


def test_a_message_is_announced_by_its_length() -> None:
    sent = packed([Done(1)])
    assert LENGTH.unpack_from(sent)[0] == len(sent) - LENGTH.size


class Wire(asyncio.Transport):
    """A socket that can be cut."""

    cut = False

    def abort(self) -> None:
        self.cut = True


@pytest.mark.parametrize(
    "sent",
    [
        LENGTH.pack(LONGEST + 1),
        LENGTH.pack(2**32 - 1) + b"x",
        LENGTH.pack(3) + b"\xc1\xc1\xc1",
        LENGTH.pack(1) + b"\x80",
        packed([EventMessage(7, "Evil", msgspec.Raw(msgspec.msgpack.encode([])))]),
        packed([EventMessage(7, "Packet", msgspec.Raw(msgspec.msgpack.encode([1])))]),
    ],
)
def test_what_no_host_says_cuts_the_line(sent: bytes) -> None:
    heard: list[RoomEvent] = []

    def hear(word: Message) -> None:
        if isinstance(word, EventMessage):
            heard.append(event_of(word))

    wire, line = Wire(), MessageChannel[Message](Message, hear, lambda: None)
    line.connection_made(wire)
    line.data_received(sent)

    assert wire.cut
    assert heard == []
    assert len(line._buffer) == 0

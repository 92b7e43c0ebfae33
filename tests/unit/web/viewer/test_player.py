"""What a page is sent, and in which order, whether it can be written at once or has to wait."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.websockets import WebSocket

from bot.media.events import MediaFanout
from bot.media.keyframes import MediaFrame
from bot.ports.room import AudioFrame, Codec, VideoFrame
from bot.web.viewer.sending import Player
from bot.web.viewer.wire import HEADER, on_wire, pack
from tests.disclosing import TOLD

KEY = VideoFrame("1", Codec.VP8, True, 640, 360, 0, b"key")
DELTA = VideoFrame("1", Codec.VP8, False, 640, 360, 0, b"delta")
SOUND = AudioFrame("1", 16_000, 1, 0, b"\0\0")
FRAMES: tuple[MediaFrame, ...] = (KEY, SOUND, DELTA)


@dataclass
class Page:
    """Where a player's bytes go. While it is not `ready`, nothing can be written at once."""

    media: MediaFanout
    ready: bool = True
    written: list[bytes] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)
    woken: int = 0
    player: Player = field(init=False)

    def __post_init__(self) -> None:
        self.player = Player(self.media, self._wake, self._write)

    def _wake(self) -> None:
        self.woken += 1

    def _write(self, message: bytes) -> bool:
        if self.ready:
            self.written.append(message)
        return self.ready

    async def catch_up(self) -> None:
        async def take(message: Any) -> None:
            self.sent.append(message["bytes"])

        async def receive() -> Any:
            await asyncio.Event().wait()

        socket = WebSocket({"type": "websocket"}, receive, take)
        socket.application_state = socket.client_state = socket.client_state.CONNECTED
        await self.player.send(socket)


@pytest.fixture
async def pages() -> AsyncIterator[tuple[MediaFanout, Page, Page]]:
    media = MediaFanout()
    one, another = Page(media), Page(media)
    with contextlib.ExitStack() as watching:
        for page in (one, another):
            watching.enter_context(media.watching(page.player, TOLD))
        yield media, one, another


async def test_bytes_are_made_once_for_all(pages: tuple[MediaFanout, Page, Page]) -> None:
    media, one, another = pages
    for frame in FRAMES:
        media.show(frame)
    assert one.written == [on_wire(frame, number) for number, frame in enumerate(FRAMES, 1)]
    assert all(mine is theirs for mine, theirs in zip(one.written, another.written, strict=True))
    assert (one.woken, another.woken) == (0, 0)


async def test_what_waits_is_never_overtaken(pages: tuple[MediaFanout, Page, Page]) -> None:
    media, one, another = pages
    one.ready = False
    media.show(KEY)
    one.ready = True
    media.show(DELTA)
    assert (one.written, one.woken) == ([], 2)
    await one.catch_up()
    assert one.sent == [pack(KEY, 1), pack(DELTA, 2)]
    media.show(SOUND)
    assert one.written == [on_wire(SOUND, 3)]
    assert len(another.written) == 3


async def test_an_acknowledgement_of_what_was_not_sent_counts_for_nothing(
    pages: tuple[MediaFanout, Page, Page],
) -> None:
    media, one, _ = pages
    one.ready = False
    media.show(KEY)
    one.player.acknowledge(99)
    await one.catch_up()
    assert [number for number, _ in one.player._flow._unacknowledged] == [1]


def test_a_message_on_the_wire_is_one_binary_frame() -> None:
    message = on_wire(KEY, 7)
    assert message[0] == 0x82  # final, binary
    assert message[1] == HEADER.size + len(KEY.data)  # and not masked
    assert message[2:] == pack(KEY, 7)

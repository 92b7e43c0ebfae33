"""The relay over real sockets: pages that keep up, that fall behind, and that do not read at all."""

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect

from bot.domain.sessions import SessionStatus
from bot.media.events import MediaFanout
from bot.ports.grants import Scope
from bot.ports.room import Codec, VideoFrame
from bot.web.viewer.wire import HEADER, Flag
from tests.browser.session_fixture import SESSION, ScriptedCore, scripted_core
from tests.patience import until

PICTURE_S = 0.02
LARGE = bytes(60_000)
"""Of a picture: what nobody reads fills the buffers of the network within a second or two."""


@dataclass(frozen=True)
class Seen:
    number: int
    key: bool
    pts: int


class Page:
    """What the page does with the socket, without a picture."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.seen: list[Seen] = []
        self.acknowledges = True

    async def read(self) -> None:
        async for frame in self.socket:
            if isinstance(frame, bytes):
                _, _, _, flags, number, pts, *_ = HEADER.unpack_from(frame)
                self.seen.append(Seen(number, bool(flags & Flag.KEY), pts))
                if self.acknowledges:
                    await self.acknowledge()

    async def acknowledge(self) -> None:
        await self.socket.send(json.dumps({"type": "ack", "number": self.seen[-1].number}))


@contextlib.asynccontextmanager
async def opened(context: ScriptedCore, *, reads: bool = True) -> AsyncIterator[Page]:
    secret = await context.grants.mint(SESSION, Scope.WATCH, None, context.in_minutes(60))
    async with connect(f"{context.base.replace('http', 'ws')}/v/socket", compression=None, close_timeout=0.1) as socket:
        await socket.send(json.dumps({"type": "present", "grant": secret}))
        await socket.send(json.dumps({"type": "visible", "on": True, "plays": True}))
        page = Page(socket)
        reading = asyncio.create_task(page.read() if reads else asyncio.sleep(0))
        yield page
        reading.cancel()


async def play(media: MediaFanout) -> None:
    """A large picture fifty times a second, key frames only when they are asked for."""
    for number in range(10_000):
        key = media.take_keyframe_request()
        media.show(VideoFrame("1", Codec.VP8, key, 640, 360, number * 20_000, LARGE))
        await asyncio.sleep(PICTURE_S)


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[ScriptedCore]:
    async with scripted_core(tmp_path) as opened:
        await opened.show(status=SessionStatus.LIVE)
        playing = asyncio.create_task(play(opened.events.media.of(SESSION)))
        yield opened
        playing.cancel()


async def until_seen(page: Page, count: int) -> None:
    await until(lambda: len(page.seen) >= count)


def misses_nothing(page: Page) -> bool:
    return all(later.number == earlier.number + 1 for earlier, later in itertools.pairwise(page.seen))


async def stands(page: Page, other: Page) -> int:
    """Wait until a page gets nothing while the other gets many pictures; how many the first has."""
    before = -1
    while before != (before := len(page.seen)):
        await until_seen(other, len(other.seen) + 40)
    return before


async def test_a_page_begins_with_a_key_frame_and_misses_nothing(context: ScriptedCore) -> None:
    async with opened(context) as page:
        await until_seen(page, 50)
    assert page.seen[0].key
    assert misses_nothing(page)
    assert all(later.pts - earlier.pts == 20_000 for earlier, later in itertools.pairwise(page.seen))


async def test_a_page_behind_is_left_alone_until_it_catches_up(context: ScriptedCore) -> None:
    async with opened(context) as slow, opened(context) as quick:
        await until_seen(slow, 5)
        slow.acknowledges = False
        had = await stands(slow, quick)
        await slow.acknowledge()
        await until_seen(slow, had + 1)
        await until_seen(quick, had + 20)
    assert slow.seen[had].key
    assert slow.seen[had].pts > slow.seen[had - 1].pts + 500_000
    assert misses_nothing(quick)


async def test_a_page_that_does_not_read_costs_others_nothing(context: ScriptedCore) -> None:
    async with opened(context, reads=False) as stuck, opened(context) as page:
        await until_seen(page, 100)
        first, last = page.seen[0], page.seen[-1]
        assert misses_nothing(page)
        assert last.pts - first.pts == 20_000 * (len(page.seen) - 1)  # no picture was left out
        players = list(context.events.media.of(SESSION)._sinks)
        waiting = [len(player._unsent) for player in players]  # type: ignore[attr-defined]
        assert len(waiting) == 2
        assert max(waiting) * PICTURE_S < 1.5
        assert not stuck.seen

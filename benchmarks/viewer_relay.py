"""Many viewers of one avatar: what the relay costs of a core, and how late a frame reaches a page.

The server has one core to itself, as have the viewers. The stream is a second of 20 pictures at about 600 kbit/s and 50 pieces
of 16 kHz sound. The floor, in the same run, is a bare WebSocket that passes the same bytes on to as many sockets and knows
nothing of key frames, acknowledgements or slow viewers. CPU time is the server process's; `first` is a viewer's first picture.

    python -m benchmarks.viewer_relay [--viewers 1 50 100 200] [--seconds 5]
"""

import argparse
import asyncio
import itertools
import json
import multiprocessing as mp
import os
import statistics
import struct
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import psutil
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.table import Limit, judged, load, percentile
from bot.clock import SystemClock
from bot.commands.policy import Policy
from bot.domain.conversations import ConversationRef, Role
from bot.media.events import MediaFanout, SessionEvents
from bot.media.keyframes import MediaFrame
from bot.ports.grants import Grant, Scope
from bot.ports.room import AudioFrame, Codec, VideoFrame
from bot.web.app import mounted, serve
from bot.web.viewer.routes import viewer_mount
from bot.web.viewer.wire import HEADER, FrameKind, pack
from tests.browser.session_fixture import KeptArchive, KeptGrants
from tests.contract.platform.harness import RecordingCore

SESSION = "0199aa00-0000-7000-8000-000000000001"
KEY_BYTES, DELTA_BYTES, SOUND_BYTES = 12_000, 3_300, 640
PICTURES, SOUNDS = 20, 50
"""A second."""
MOST = 1.3
"""Times the floor."""
STAMP = struct.Struct("<d")
"""Each payload begins with the time at which it was sent."""


# ---------------------------------------------------------------- the server, in a process of its own


def serve_stream(pipe: Connection, core: int, kind: str) -> None:
    os.sched_setaffinity(0, {core})
    asyncio.run(_serve_relay(pipe) if kind == "relay" else _serve_bare(pipe))


class AnyGrant(KeptGrants):
    """Every secret is a link of its own."""

    async def find(self, secret: str) -> Grant | None:
        place, never = ConversationRef("p", "w", "c"), SystemClock().now().replace(year=2100)
        return Grant(secret, SESSION, Scope.WATCH, place, None, Role.OUTSIDER, never)


async def _serve_relay(pipe: Connection) -> None:
    events = SessionEvents()
    viewer = viewer_mount(AnyGrant(), events, RecordingCore(), KeptArchive(), SystemClock(), Policy())
    app = Starlette(routes=mounted([viewer]))
    media = events.media.of(SESSION)
    async with serve(app, "127.0.0.1", 0) as port:
        await _obey(pipe, (port, "/v/socket", "viewer"), media)


class Bare(MediaFanout):
    """Passes on, and that is all."""

    def __init__(self) -> None:
        super().__init__()
        self.sockets: list[WebSocket] = []
        self._numbers = itertools.count(1)

    async def answer(self, socket: WebSocket) -> None:
        await socket.accept()
        self.sockets.append(socket)
        while (await socket.receive())["type"] != "websocket.disconnect":
            pass

    async def pass_on(self, frame: MediaFrame) -> None:
        packed = pack(frame, next(self._numbers))
        for socket in self.sockets:
            await socket.send_bytes(packed)


async def _serve_bare(pipe: Connection) -> None:
    bare = Bare()
    app = Starlette(routes=[WebSocketRoute("/bare", bare.answer)])
    async with serve(app, "127.0.0.1", 0) as port:
        await _obey(pipe, (port, "/bare", ""), bare)


async def _obey(pipe: Connection, address: tuple[int, str, str], media: MediaFanout) -> None:
    pipe.send(address)
    playing: asyncio.Task[None] | None = None
    while (order := await asyncio.to_thread(pipe.recv)) != "end":
        if order == "play":
            playing = asyncio.create_task(_play(media))
        pipe.send((time.process_time(), psutil.Process().memory_info().rss))
    if playing:
        playing.cancel()


async def _play(media: MediaFanout) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(_picture(media))
        group.create_task(_sound(media))


async def _picture(media: MediaFanout) -> None:
    async for at, number in _ticks(PICTURES):
        key = number % (5 * PICTURES) == 0 or media.take_keyframe_request()
        data = STAMP.pack(time.time()) + bytes((KEY_BYTES if key else DELTA_BYTES) - STAMP.size)
        await _show(media, VideoFrame("1", Codec.VP8, key, 640, 360, at, data))


async def _sound(media: MediaFanout) -> None:
    async for at, _ in _ticks(SOUNDS):
        data = STAMP.pack(time.time()) + bytes(SOUND_BYTES - STAMP.size)
        await _show(media, AudioFrame("1", 16_000, 1, at, data))


async def _show(media: MediaFanout, frame: MediaFrame) -> None:
    if isinstance(media, Bare):
        await media.pass_on(frame)
    else:
        media.show(frame)


async def _ticks(rate: int) -> AsyncIterator[tuple[int, int]]:
    began = time.perf_counter()
    for number in itertools.count():
        yield number * 1_000_000 // rate, number
        await asyncio.sleep(max(0.0, began + (number + 1) / rate - time.perf_counter()))


# ---------------------------------------------------------------- the viewers


class Viewers:
    """Sockets that behave like pages, and remember how late each frame came."""

    def __init__(self, port: int, path: str, secret: str) -> None:
        self._url, self._secret = f"ws://127.0.0.1:{port}{path}", secret
        self._reading: list[asyncio.Task[None]] = []
        self._sockets: list[ClientConnection] = []
        self.delays: list[float] = []
        self.first_pictures: list[float] = []

    async def open(self, count: int) -> None:
        for _ in range(count - len(self._sockets)):
            socket = await connect(self._url, compression=None, max_size=None)
            if self._secret:
                await socket.send(json.dumps({"type": "present", "grant": f"{self._secret}-{len(self._sockets)}"}))
                await socket.send(json.dumps({"type": "visible", "on": True, "plays": True}))
            self._sockets.append(socket)
            self._reading.append(asyncio.create_task(self._read(socket)))

    async def _read(self, socket: ClientConnection) -> None:
        opened_at, waiting, acknowledged_at = time.time(), True, 0.0
        async for frame in socket:
            if isinstance(frame, str):
                continue
            now = time.time()
            if waiting and HEADER.unpack_from(frame)[1] == FrameKind.PICTURE:
                waiting = False
                self.first_pictures.append(now - opened_at)
            self.delays.append(now - STAMP.unpack_from(frame, HEADER.size)[0])
            if now - acknowledged_at > 0.3 and self._secret:  # as the page does
                acknowledged_at = now
                await socket.send(f'{{"type":"ack","number":{HEADER.unpack_from(frame)[4]}}}')

    async def close(self) -> None:
        for reading in self._reading:
            reading.cancel()
        await asyncio.gather(*self._reading, return_exceptions=True)
        await asyncio.gather(*(socket.close() for socket in self._sockets))


@asynccontextmanager
async def server(kind: str) -> AsyncIterator[tuple[Connection, tuple[int, str, str]]]:
    ours, theirs = mp.Pipe()
    process = mp.get_context("spawn").Process(target=serve_stream, args=(theirs, 0, kind))
    process.start()
    try:
        yield ours, await asyncio.to_thread(ours.recv)
    finally:
        ours.send("end")
        await asyncio.to_thread(process.join)


@dataclass(frozen=True)
class Relayed:
    """What was spent of a core, and by each frame that a viewer was sent, in seconds; how often and how late they came, in milliseconds."""

    of_core: float
    each: float
    rate: float
    late: Sequence[float]
    first: float

    def __str__(self) -> str:
        late = (
            f"{statistics.median(self.late):>8.2f} {percentile(self.late, 95):>8.2f} {percentile(self.late, 99):>8.2f}"
        )
        return f"{self.of_core:>8.1%} {self.each * 1e6:>8.1f} {self.rate:>9.1f} {late} {self.first:>8.0f}"


async def measure(kind: str, counts: Sequence[int], seconds: float) -> dict[int, Relayed]:
    """By the number of viewers."""
    relayed: dict[int, Relayed] = {}
    async with server(kind) as (pipe, address):
        viewers = Viewers(*address)
        _ask(pipe, "play")
        for count in counts:
            await viewers.open(count)
            await asyncio.sleep(1.5)
            viewers.delays.clear()
            before, began = _ask(pipe, "weigh"), time.perf_counter()
            await asyncio.sleep(seconds)
            after, took = _ask(pipe, "weigh"), time.perf_counter() - began
            spent, late = after[0] - before[0], [delay * 1_000 for delay in viewers.delays]
            first = 1_000 * statistics.median(viewers.first_pictures)
            relayed[count] = Relayed(spent / took, spent / len(late), len(late) / took / count, late, first)
        await viewers.close()
    return relayed


def _ask(pipe: Connection, order: str) -> Any:
    pipe.send(order)
    return pipe.recv()


async def main(counts: list[int], seconds: float) -> int:
    os.sched_setaffinity(0, {(os.cpu_count() or 1) - 1})
    print(f"{load()}\n")
    print(
        f"{'':>6} {'viewers':>8} {'of core':>8} {'µs each':>8} {'frames/s':>9} {'p50 ms':>8} {'p95 ms':>8} {'p99 ms':>8} {'first ms':>8}"
    )
    floor, ours = [await measure(kind, counts, seconds) for kind in ("bare", "relay")]
    for kind, relayed in (("bare", floor), ("relay", ours)):
        print(*(f"{kind:>6} {count:>8} {each}" for count, each in relayed.items()), sep="\n")
    limits = (Limit(f"CPU of a frame, {n} viewers", ours[n].each, floor[n].each, MOST) for n in counts)
    return judged(*limits)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--viewers", type=int, nargs="+", default=[1, 50, 100, 200])
    parser.add_argument("--seconds", type=float, default=5)
    arguments = parser.parse_args()
    sys.exit(asyncio.run(main(arguments.viewers, arguments.seconds)))

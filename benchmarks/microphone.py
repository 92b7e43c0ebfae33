"""One person who speaks aloud: how late their voice reaches the avatar's room, what it costs of a core, and how soon an avatar that speaks is
interrupted.

Three processes, as in life: the page, the service, and the simulated AKOOL with its room. The floor, in the same run, is a bare
WebSocket that passes the same bytes on over another one.

    python -m benchmarks.microphone [--seconds 10]
"""

import argparse
import asyncio
import json
import math
import multiprocessing as mp
import statistics
import struct
import sys
import time
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.connection import Connection
from typing import Any

from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect

from adapters.akool.client import AkoolApi, ApiKey
from adapters.akool.provider import AkoolProvider
from adapters.simulator import Simulator, connect_remote, serving
from benchmarks.table import load, percentile
from bot.app.service import Parts, Service
from bot.clock import SystemClock
from bot.commands.policy import Policy
from bot.domain.sessions import SessionStatus
from bot.ports.grants import Scope
from bot.ports.room import VOICE_FRAME, VOICE_RATE, AudioFrame, Packet, RoomConnection
from bot.queries.watch_links import StoredGrants
from bot.storage.memory import MemoryStorage
from bot.telemetry import configure_logging, new_metrics
from bot.testing.chat import ANN, FakeChat
from bot.testing.chat_platform import FakeChatPlatform
from bot.web.app import create_app, serve

STAMP = struct.Struct("<d")
FRAME_S = 0.02
LONG = " ".join(f"This is sentence number {number}." for number in range(1, 40))
TARGET_P50_MS, TARGET_P95_MS, TARGET_CPU, TARGET_INTERRUPT_MS = 60, 100, 3.0, 300


# ---------------------------------------------------------------- AKOOL, and who listens in its room


def host_room(pipe: Connection) -> None:
    configure_logging("error")
    asyncio.run(_host_room(pipe))


async def _host_room(pipe: Connection) -> None:
    async with Simulator(SystemClock()) as simulator, serving(simulator) as url:
        pipe.send((url, simulator.options.api_key))
        await asyncio.to_thread(pipe.recv)
        session = next(iter(simulator.sessions))
        channel = session.avatar.connection.credentials.channel
        ours = next(each for each in simulator.rooms.connections(channel) if each is not session.avatar.connection)
        ear = simulator.rooms.connection(simulator.rooms.issue(channel, "999", timedelta(hours=1)))
        await ear.join()
        await ear.watch(ours.uid)
        heard: list[tuple[str, float, float]] = []
        listening = asyncio.create_task(_listen(ear, ours.uid, heard))
        pipe.send("listening")
        await asyncio.to_thread(pipe.recv)
        listening.cancel()
        pipe.send(heard)


async def _listen(ear: RoomConnection, uid: str, heard: list[tuple[str, float, float]]) -> None:
    """What was heard, when it was sent, and when it came."""
    async for event in ear.events():
        match event:
            case AudioFrame():
                heard.append(("voice", STAMP.unpack_from(event.data)[0], time.time()))
            case Packet(sender, data) if sender == uid and b'"interrupt"' in data:
                heard.append(("interrupt", 0.0, time.time()))
            case _:
                pass


# ---------------------------------------------------------------- the service


def run_service(pipe: Connection, url: str, key: str) -> None:
    configure_logging("error")
    asyncio.run(_run_service(pipe, url, key))


async def _run_service(pipe: Connection, url: str, key: str) -> None:
    clock, chat = SystemClock(), FakeChat()
    storage = MemoryStorage(clock)
    provider = AkoolProvider(AkoolApi.at(url, ApiKey(SecretStr(key))), connect_remote(url))
    service = Service(Parts(storage, provider, clock, Policy(), new_metrics()))
    chat.clock = clock
    service.add(FakeChatPlatform(chat, service.core))
    app = create_app(service.services.metrics, service.readiness(), service.mounts())
    async with serve(app, "127.0.0.1", 0) as port, service.running():
        await chat.command("start")
        while not chat.cards or chat.card.status is not SessionStatus.LIVE:
            await asyncio.sleep(0.05)
        link = await StoredGrants(storage.grants).mint(
            chat.card.session_id, Scope.SPEAK, ANN, clock.now() + timedelta(hours=1)
        )
        pipe.send((port, link))
        while (order := await asyncio.to_thread(pipe.recv)) != "end":
            if order == "talk":
                await chat.say(LONG, chat.thread)
                while not (view := service.services.events.view(chat.card.session_id)) or not view.speaking:
                    await asyncio.sleep(0.01)
            pipe.send(time.process_time())
    await provider.aclose()


# ---------------------------------------------------------------- a bare WebSocket


def run_bare(pipe: Connection) -> None:
    configure_logging("error")
    asyncio.run(_run_bare(pipe))


async def _run_bare(pipe: Connection) -> None:
    ears: list[WebSocket] = []

    async def listen(socket: WebSocket) -> None:
        await socket.accept()
        ears.append(socket)
        await socket.receive()

    async def speak(socket: WebSocket) -> None:
        await socket.accept()
        try:
            while True:
                await ears[0].send_bytes(await socket.receive_bytes())
        except WebSocketDisconnect:
            pass

    app = Starlette(routes=[WebSocketRoute("/listen", listen), WebSocketRoute("/speak", speak)])
    async with serve(app, "127.0.0.1", 0) as port:
        pipe.send(port)
        while await asyncio.to_thread(pipe.recv) != "end":
            pipe.send(time.process_time())


# ---------------------------------------------------------------- the page


def loud() -> bytes:
    """A voice as loud as people's, behind a stamp."""
    samples = (round(6_000 * math.sin(2 * math.pi * 220 * at / VOICE_RATE)) for at in range(VOICE_FRAME // 2))
    return array("h", samples).tobytes()[STAMP.size :]


async def speak(socket: ClientConnection, seconds: float, voice: bytes) -> None:
    began = time.perf_counter()
    for number in range(round(seconds / FRAME_S)):
        await socket.send(STAMP.pack(time.time()) + voice)
        await asyncio.sleep(max(0.0, began + (number + 1) * FRAME_S - time.perf_counter()))


@asynccontextmanager
async def page(port: int, link: str) -> AsyncIterator[ClientConnection]:
    """A page that has the floor, and reads what it is sent."""
    async with connect(f"ws://127.0.0.1:{port}/v/socket", compression=None, proxy=None) as socket:
        for frame in ({"type": "present", "grant": link}, {"type": "visible", "on": True}):
            await socket.send(json.dumps(frame))
        while json.loads(await socket.recv())["type"] != "floor":
            pass
        await take_floor(socket)
        reading = asyncio.create_task(_read(socket))
        yield socket
        reading.cancel()


async def take_floor(socket: ClientConnection) -> None:
    await socket.send(json.dumps({"type": "floor", "on": True}))
    while not json.loads(await socket.recv()).get("yours"):
        pass


async def _read(socket: ClientConnection) -> None:
    async for _ in socket:
        pass


@dataclass(frozen=True)
class Measured:
    late_ms: list[float]
    cpu: float
    """Percent of a core."""

    def __str__(self) -> str:
        p50, p95 = statistics.median(self.late_ms), percentile(self.late_ms, 95)
        return f"p50 {p50:6.2f} ms   p95 {p95:6.2f} ms   {self.cpu:5.2f} % of a core"


def asked(pipe: Connection, order: str) -> Any:
    pipe.send(order)
    return pipe.recv()


async def ours(seconds: float) -> tuple[Measured, float, float]:
    """A voice, what the service costs without one, and the milliseconds until an interrupt was in the room."""
    context = mp.get_context("spawn")
    room, room_end = context.Pipe()
    bot, bot_end = context.Pipe()
    hosting = context.Process(target=host_room, args=(room_end,), daemon=True)
    hosting.start()
    url, key = await asyncio.to_thread(room.recv)
    running = context.Process(target=run_service, args=(bot_end, url, key), daemon=True)
    running.start()
    port, link = await asyncio.to_thread(bot.recv)
    asked(room, "listen")
    async with page(port, link) as socket:
        idle = await _cost(bot, asyncio.sleep(seconds))
        busy = await _cost(bot, speak(socket, seconds, bytes(VOICE_FRAME - STAMP.size)))
        asked(bot, "talk")
        spoke_at = time.time()
        await speak(socket, 1.0, loud())
    heard = asked(room, "enough")
    bot.send("end")
    room.send("end")
    late = [1_000 * (came - sent) for kind, sent, came in heard if kind == "voice"]
    interrupted = min(came for kind, _, came in heard if kind == "interrupt")
    running.join(10)
    hosting.kill()
    return Measured(late, busy - idle), idle, 1_000 * (interrupted - spoke_at)


async def _cost(pipe: Connection, work: Any) -> float:
    """Percent of a core that a process needs meanwhile."""
    before, began = asked(pipe, "cost"), time.perf_counter()
    await work
    return float(100 * (asked(pipe, "cost") - before) / (time.perf_counter() - began))


async def bare(seconds: float) -> Measured:
    context = mp.get_context("spawn")
    pipe, end = context.Pipe()
    process = context.Process(target=run_bare, args=(end,), daemon=True)
    process.start()
    port, late = await asyncio.to_thread(pipe.recv), list[float]()
    async with (
        connect(f"ws://127.0.0.1:{port}/listen", compression=None, proxy=None) as ear,
        connect(f"ws://127.0.0.1:{port}/speak", compression=None, proxy=None) as mouth,
    ):
        listening = asyncio.create_task(_time(ear, late))
        cpu = await _cost(pipe, speak(mouth, seconds, bytes(VOICE_FRAME - STAMP.size)))
        listening.cancel()
    pipe.send("end")
    process.join(10)
    return Measured(late, cpu)


async def _time(ear: ClientConnection, late: list[float]) -> None:
    async for frame in ear:
        assert isinstance(frame, bytes)
        late.append(1_000 * (time.time() - STAMP.unpack_from(frame)[0]))


async def main(seconds: float) -> int:
    floor = await bare(seconds)
    voice, idle, interrupt_ms = await ours(seconds)
    print(f"one voice for {seconds:g} s, {load()}\n")
    print(f"bare WebSocket, passed on   {floor}")
    print(f"page to room                {voice}   (and {idle:.2f} % without a voice)")
    print(f"first loud frame to the interrupt in the room: {interrupt_ms:.0f} ms")
    targets = (
        ("page to room, p50, ms", statistics.median(voice.late_ms), TARGET_P50_MS),
        ("page to room, p95, ms", percentile(voice.late_ms, 95), TARGET_P95_MS),
        ("percent of a core", voice.cpu, TARGET_CPU),
        ("until the interrupt, ms", interrupt_ms, TARGET_INTERRUPT_MS),
    )
    for what, figure, most in targets:
        print(f"{what}: {figure:.1f}, target {most:g}: {'kept' if figure <= most else 'BROKEN'}")
    return int(any(figure > most for _, figure, most in targets))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    sys.exit(asyncio.run(main(parser.parse_args().seconds)))

"""What room hosts cost: latency beside the SDK's wrapper alone, memory of 200 connections over 10 hosts, restart of a killed one.

    python -m benchmarks.agora_seats

The wrapper is the real one; its native library is the tests' stub, so the memory is that of ours and of Python, not of
Agora's media engine, and the room is a process on this machine.
"""

import asyncio
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import structlog

from adapters.agora.connection import AgoraConnection, AgoraConnections
from adapters.agora.settings import AgoraSettings
from bot.ports.room import LinkUp, Packet, RoomCredentials
from tests.integration.agora.hub import HubConnection, Peer, open_hub
from tests.integration.agora.vendor import built, on_path

APP_ID = "0" * 32
ROUNDS, WARM_UP = 3_000, 200
SEATS, SEATS_PER_HOST = 200, 20
KILLS = 5


class Echo(Peer):
    """Somebody who says back what is said."""

    def hear(self, uid: str, data: bytes) -> None:  # noqa: ARG002 - a peer's
        self.send(data)


async def run_hub(folder: Path) -> None:
    async with open_hub(folder) as hub:

        def with_echo(connection: HubConnection) -> int:
            hub.enter(connection.channel, Echo(hub, connection.channel, "1001"))
            return 1

        hub.admission = with_echo
        print("ready", flush=True)
        await asyncio.Event().wait()


@asynccontextmanager
async def hub_process(folder: Path) -> AsyncIterator[dict[str, str]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.agora_seats", "hub", str(folder), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        await process.stdout.readline()
        yield {"AGORA_STUB_SOCKET": str(folder / "hub")}
    finally:
        process.kill()
        await process.wait()


def told(name: str, seconds: list[float]) -> None:
    seconds = sorted(seconds[WARM_UP:])
    p99 = seconds[int(len(seconds) * 0.99)]
    print(f"{name:<42} median {statistics.median(seconds) * 1e3:6.3f} ms   p99 {p99 * 1e3:6.3f} ms")


# ---------------------------------------------------------------- the wrapper alone, in one process


async def wrapper_alone() -> None:
    from agora.rtc.agora_service import AgoraService  # isort: skip
    from agora.rtc.agora_base import AgoraServiceConfig, AudioScenarioType, RTCConnConfig, RtcConnectionPublishConfig
    from agora.rtc.local_user_observer import IRTCLocalUserObserver
    from agora.rtc.rtc_connection_observer import IRTCConnectionObserver

    loop, joined, heard = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()

    class Room(IRTCConnectionObserver):  # type: ignore[misc]
        def on_connected(self, agora_rtc_conn: object, conn_info: object, reason: int) -> None:  # noqa: ARG002
            loop.call_soon_threadsafe(joined.set)

    class User(IRTCLocalUserObserver):  # type: ignore[misc]
        def on_stream_message(self, *_: object) -> None:
            loop.call_soon_threadsafe(heard.set)

    scenario = AudioScenarioType.AUDIO_SCENARIO_DEFAULT
    service = AgoraService()
    service.initialize(AgoraServiceConfig(appid=APP_ID, audio_scenario=scenario))
    publish = RtcConnectionPublishConfig(audio_scenario=scenario, is_publish_audio=False)
    connection = service.create_rtc_connection(RTCConnConfig(), publish)
    room, user = Room(), User()
    connection.register_observer(room)
    connection.register_local_user_observer(user)
    connection.connect("token", "room", "1002")
    await joined.wait()
    times = []
    for _ in range(ROUNDS):
        heard.clear()
        begun = time.perf_counter()
        connection.send_stream_message(b"x" * 900)
        await heard.wait()
        times.append(time.perf_counter() - begun)
    told("wrapper alone, send to callback", times)
    sys.stdout.flush()
    os._exit(0)


async def run_alone(environment: dict[str, str]) -> None:
    paths = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.agora_seats",
        "alone",
        env=paths | environment,
        stderr=asyncio.subprocess.DEVNULL,
    )
    await process.wait()


# ---------------------------------------------------------------- connections in room hosts


def credentials(number: int) -> RoomCredentials:
    return RoomCredentials(APP_ID, f"room-{number}", "1002", "token")


async def hosted_latency(environment: dict[str, str]) -> None:
    async with AgoraConnections(AgoraSettings(), environment) as connections:
        connection = connections(credentials(0))
        await connection.join()
        events = connection.events()
        times = []
        for _ in range(ROUNDS):
            begun = time.perf_counter()
            await connection.send(b"x" * 900)
            while not isinstance(await anext(events), Packet):
                pass
            times.append(time.perf_counter() - begun)
        told("connection in a room host, send to event", times)
        await connection.leave()


@dataclass
class Memory:
    rss: float
    own: float

    @classmethod
    def of(cls, pid: int) -> "Memory":
        full = psutil.Process(pid).memory_full_info()
        return cls(full.rss / 2**20, full.uss / 2**20)


def hosts() -> list[int]:
    children = psutil.Process().children()
    return [child.pid for child in children if "adapters.agora.sdk" in child.cmdline()]


async def join(connections: AgoraConnections, number: int) -> AgoraConnection:
    connection = connections(credentials(number))
    await connection.join()
    return connection


async def many_connections(environment: dict[str, str]) -> None:
    settings = AgoraSettings(seats_per_host=SEATS_PER_HOST)
    async with AgoraConnections(settings, environment) as connections:
        sitting = [await join(connections, 0)]
        bot_before, host_before = Memory.of(os.getpid()), Memory.of(hosts()[0])
        begun = time.perf_counter()
        sitting += await asyncio.gather(*(join(connections, number) for number in range(1, SEATS)))
        took = time.perf_counter() - begun
        pids = hosts()
        bot, each = Memory.of(os.getpid()), [Memory.of(pid) for pid in pids]
        host = statistics.median(memory.own for memory in each)
        print(f"{SEATS} connections joined at once in {took:.1f} s, over {len(pids)} hosts")
        print(f"a host with 1 connection: {host_before.rss:.1f} MiB RSS, {host_before.own:.1f} MiB its own")
        print(
            f"a host with {SEATS_PER_HOST} connections: {host:.1f} MiB its own, {sum(memory.own for memory in each):.0f} MiB all"
        )
        per_seat = (host - host_before.own) / (SEATS_PER_HOST - 1)
        print(
            f"per connection: {per_seat * 1024:.0f} KiB in its host, {(bot.own - bot_before.own) / (SEATS - 1) * 1024:.0f} KiB in the bot"
        )
        await killed_hosts(sitting, pids)


async def killed_hosts(sitting: list[AgoraConnection], pids: list[int]) -> None:
    feeds = [connection.events() for connection in sitting]
    back: list[float] = []

    async def wait_for_link(connection: int, since: float) -> None:
        while not isinstance(await anext(feeds[connection]), LinkUp):
            pass
        back.append(time.perf_counter() - since)

    for pid in pids[:KILLS]:
        back.clear()
        since = time.perf_counter()
        waiting = [asyncio.create_task(wait_for_link(connection, since)) for connection in range(len(feeds))]
        os.kill(pid, signal.SIGKILL)
        while len(back) < SEATS_PER_HOST:
            await asyncio.sleep(0.02)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        print(f"host killed: its {len(back)} connections are back after {min(back):.2f} to {max(back):.2f} s")


async def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with on_path(built()), tempfile.TemporaryDirectory(prefix="hub-") as folder:
        async with hub_process(Path(folder)) as environment:
            await run_alone(environment)
            await hosted_latency(environment)
            await many_connections(environment)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["hub", folder]:
            asyncio.run(run_hub(Path(folder)))
        case ["alone"]:
            asyncio.run(wrapper_alone())
        case _:
            asyncio.run(main())

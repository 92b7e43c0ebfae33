"""What is watched at a web process and run by a worker, beside the same watched where it runs.

Real processes, the simulator's pictures and sound. Every session has a viewer at the worker and another at the web process; the hop is what the
second gets each frame later. CPU is of both processes: while nobody watches, while one viewer a session does at the worker, and at the web
process. `python -m benchmarks.watched_elsewhere [--sessions 4] [--seconds 10] [--rounds 2]`
"""

import argparse
import asyncio
import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg
from sqlalchemy.engine import URL
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.service import Service, serving
from benchmarks.table import load, percentile
from bot.clock import SystemClock
from bot.queries.watch_links import Links
from bot.storage.connections import PoolSize
from bot.storage.encryption import Cipher
from bot.storage.sql import sql_storage
from bot.tasks import cancel_and_wait
from bot.web.viewer.wire import HEADER
from tests.cluster.processes import ServiceProcess
from tests.patience import until
from tests.server import OwnServer, database_on

PARTED: Mapping[str, Sequence[str]] = {"web": ("web",), "worker": ("web", "worker")}
ACKNOWLEDGED_EVERY_S = 0.3
"""As the page does."""
SETTLES_S = 3.0

Arrivals = dict[tuple[int, int], float]
"""When each frame came, by its kind and its presentation time."""


@dataclass
class Viewer:
    """One page's socket."""

    socket: ClientConnection
    came: Arrivals = field(default_factory=Arrivals)

    async def read(self) -> None:
        acknowledged_at = 0.0
        async for frame in self.socket:
            if isinstance(frame, str):
                continue
            now = time.monotonic()
            _, kind, _, _, number, pts, *_ = HEADER.unpack_from(frame)
            self.came[kind, pts] = now
            if now - acknowledged_at > ACKNOWLEDGED_EVERY_S:
                acknowledged_at = now
                await self.socket.send(json.dumps({"type": "ack", "number": number}))


@dataclass
class Installation:
    service: Service
    links: Links
    sessions: Sequence[str]

    def process(self, kind: str) -> ServiceProcess:
        return next(each for each in self.service.cluster.processes if each.name.startswith(f"{kind}-"))

    @contextlib.asynccontextmanager
    async def watched(self, kind: str) -> AsyncIterator[Sequence[Viewer]]:
        """By one viewer of each session, at that process; from the first frame of each on."""
        url = self.process(kind).url.replace("http", "ws")
        async with contextlib.AsyncExitStack() as stack:
            viewers = [
                Viewer(await stack.enter_async_context(connect(f"{url}/v/socket", compression=None)))
                for _ in self.sessions
            ]
            for viewer, session in zip(viewers, self.sessions, strict=True):
                _, _, secret = (await self.links.watching(session)).partition("#")
                await viewer.socket.send(json.dumps({"type": "present", "grant": secret}))
                await viewer.socket.send(json.dumps({"type": "visible", "on": True, "plays": True}))
            reading = [asyncio.create_task(viewer.read()) for viewer in viewers]
            try:
                await until(lambda: all(viewer.came for viewer in viewers))
                yield viewers
            finally:
                await cancel_and_wait(*reading)

    async def cpu(self, seconds: float) -> Mapping[str, float]:
        """Percent of a core for each session, by process."""
        await asyncio.sleep(SETTLES_S)
        began, before = time.monotonic(), self._spent()
        await asyncio.sleep(seconds)
        took = time.monotonic() - began
        return {kind: 100 * (spent - before[kind]) / took / len(self.sessions) for kind, spent in self._spent().items()}

    def _spent(self) -> Mapping[str, float]:
        return {kind: sum(psutil.Process(self.process(kind).pid).cpu_times()[:2]) for kind in PARTED}


@dataclass
class Watched:
    """What was seen: CPU by who watched, and seconds that each frame came later over a link."""

    cpu: dict[str, list[Mapping[str, float]]] = field(default_factory=dict)
    hops: list[float] = field(default_factory=list)

    async def look(self, there: Installation, seconds: float) -> None:
        self._note("nobody", await there.cpu(seconds))
        async with there.watched("worker"):
            self._note("one at the worker", await there.cpu(seconds))
        async with there.watched("web"):
            self._note("one at the web process", await there.cpu(seconds))
        async with there.watched("worker") as here, there.watched("web") as elsewhere:
            await asyncio.sleep(SETTLES_S + seconds)
        for near, far in zip(here, elsewhere, strict=True):
            self.hops += [far.came[frame] - near.came[frame] for frame in near.came.keys() & far.came.keys()]

    def _note(self, who: str, cpu: Mapping[str, float]) -> None:
        self.cpu.setdefault(who, []).append(cpu)

    def link(self) -> float:
        """What one viewer over a link costs the web process, in percent of a core."""
        nobody, one = ([each["web"] for each in self.cpu[who]] for who in ("nobody", "one at the web process"))
        return statistics.median(one) - statistics.median(nobody)

    def show(self) -> None:
        hops = [1_000 * each for each in self.hops]
        print(
            f"hop over a link, {len(hops)} frames: p50 {statistics.median(hops):.1f}, p95 {percentile(hops, 95):.1f}, p99 {percentile(hops, 99):.1f} ms\n"
        )
        print(f"{'watched by':24} {'worker, % of a core':>20} {'web, % of a core':>20}   a session")
        for who, found in self.cpu.items():
            worker, web = (statistics.median(each[kind] for each in found) for kind in ("worker", "web"))
            print(f"{who:24} {worker:>20.2f} {web:>20.2f}")


@contextlib.asynccontextmanager
async def installed(folder: Path, url: URL, sessions: int) -> AsyncIterator[Installation]:
    text = url.render_as_string(hide_password=False)
    async with serving(folder, url, PARTED) as service:
        await service.begin(sessions)
        with psycopg.connect(text) as connection:
            ids = [id_ for (id_,) in connection.execute("SELECT id FROM sessions")]
        cipher = Cipher((service.cluster.settings["AVATARBOT_SECRET_KEYS"],))
        async with sql_storage(text, cipher, SystemClock(), PoolSize(1, 1)) as storage:
            yield Installation(service, Links(storage.grants, SystemClock(), lambda: ""), ids)


async def watch(sessions: int, seconds: float, rounds: int) -> Watched:
    watched = Watched()
    with tempfile.TemporaryDirectory() as folder, OwnServer().running() as server, database_on(server) as url:
        async with installed(Path(folder), url, sessions) as there:
            for _ in range(rounds):
                await watched.look(there, seconds)
    return watched


async def main(asked: argparse.Namespace) -> int:
    watched = await watch(asked.sessions, asked.seconds, asked.rounds)
    print(load())
    watched.show()
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sessions", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=2)
    sys.exit(asyncio.run(main(parser.parse_args())))

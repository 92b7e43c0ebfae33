"""What is said at a web process and spoken by a worker, with hints and without, beside one process that does both.

Real processes on one server that keeps what it commits, 50 messages a second over the strict Slack. They talk in turns, so that a busy machine
is as busy for each: `python -m benchmarks.said_elsewhere [--rounds 3] [--seconds 8] [--a-second 50]`. Milliseconds are from the begin of a delivery to the
commit that gives the turn to the avatar, by the stamps of the database, and, of its own metric, to the first packet.
"""

import argparse
import asyncio
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from sqlalchemy.engine import URL

from benchmarks.cluster import bare_notify
from benchmarks.service import Service, median_of, serving
from benchmarks.table import Limit, judged, load, percentile
from tests.cluster.processes import EVERYTHING
from tests.cluster.slack import SlackTalker
from tests.patience import until
from tests.server import OwnServer, database_on

SESSIONS = 100
MOST = 1.5
"""Times what one process takes."""

PARTED: Mapping[str, Sequence[str]] = {"web": ("web",), "worker": ("worker",)}
OFF: Mapping[str, str] = {"AVATARBOT_DATABASE_HINTS": "off"}
ONE, HINTS, NO_HINTS = "one process", "web and worker", "the same, no hints"
COLUMNS: Mapping[str, tuple[Mapping[str, Sequence[str]], Mapping[str, str]]] = {
    ONE: ({"one": EVERYTHING}, {}),
    HINTS: (PARTED, {}),
    NO_HINTS: (PARTED, OFF),
}

_CLAIMED = b"""
    SELECT i.event_id, t.claimed_at / 1000000.0 FROM turns t JOIN inbox i ON i.id = t.id WHERE i.event_id = ANY(%s)
"""


@dataclass
class Column:
    """`took` are the seconds of each message until it was claimed; `waits` counts by the metric's bounds."""

    url: URL
    service: Service
    took: list[float] = field(default_factory=list)
    waits: dict[float, float] = field(default_factory=dict)
    cpu: float = 0.0

    async def talk(self, messages: int, a_second: float) -> None:
        before, waited = sum(self.service.cpu()), await self.service.waits()
        took = await self._say(messages, a_second)
        self.took += took
        self.cpu += sum(self.service.cpu()) - before
        for bound, count in (await self.service.waits()).items():
            self.waits[bound] = self.waits.get(bound, 0.0) + count - waited.get(bound, 0.0)

    async def _say(self, messages: int, a_second: float) -> list[float]:
        began = dict[str, float]()

        async def say(talker: SlackTalker) -> None:
            at = time.time()
            await talker.say(self.service.thread(talker))
            began[talker.said[-1].event_id] = at

        async with asyncio.TaskGroup() as saying:
            for number in range(messages):
                saying.create_task(say(self.service.talkers[number % SESSIONS]))
                await asyncio.sleep(1 / a_second)
        await until(lambda: len(self._claimed(began)) == messages)
        return [at - began[event_id] for event_id, at in self._claimed(began).items()]

    def _claimed(self, events: Mapping[str, float]) -> Mapping[str, float]:
        with psycopg.connect(self.url.render_as_string(hide_password=False)) as connection:
            return {event_id: float(at) for event_id, at in connection.execute(_CLAIMED, (list(events),))}

    def show(self, name: str) -> None:
        took = [1_000 * each for each in self.took]
        print(
            f"{name:20} {len(took):>8} {percentile(took, 10):>8.1f} {statistics.median(took):>8.1f} {percentile(took, 95):>8.1f} {percentile(took, 99):>8.1f}"
            f" {1_000 * median_of(self.waits):>14.1f} {1_000 * self.cpu / len(took):>8.1f}"
        )


async def measure(folder: Path, server: OwnServer, there: URL, asked: argparse.Namespace) -> Mapping[str, Column]:
    columns = dict[str, Column]()
    async with contextlib.AsyncExitStack() as stack:
        for number, (name, (topology, settings)) in enumerate(COLUMNS.items()):
            url, own = stack.enter_context(database_on(there)), folder / str(number)
            own.mkdir()
            service = await stack.enter_async_context(serving(own, url, topology, server.pid, **settings))
            await service.begin(SESSIONS)
            columns[name] = Column(url, service)
        for _ in range(asked.rounds):
            for column in columns.values():
                await column.talk(int(asked.seconds * asked.a_second), asked.a_second)
    return columns


async def main(asked: argparse.Namespace) -> int:
    server = OwnServer()
    with tempfile.TemporaryDirectory() as folder, server.running() as there:
        columns = await measure(Path(folder), server, there, asked)
        with database_on(there) as url:
            notify = bare_notify(url)
    print(f"{load()}; NOTIFY alone: p50 {notify:.1f} ms\n")
    print(
        f"{'':20} {'messages':>8} {'p10 ms':>8} {'p50 ms':>8} {'p95 ms':>8} {'p99 ms':>8} {'packet p50 ms':>14} {'CPU ms':>8}"
    )
    for name, column in columns.items():
        column.show(name)
    one, hints = (statistics.median(columns[name].took) for name in (ONE, HINTS))
    return judged(Limit("p50 with hints", hints, one, MOST))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--a-second", type=float, default=50)
    sys.exit(asyncio.run(main(parser.parse_args())))

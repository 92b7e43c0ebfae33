"""Several processes on one server beside one process: `python -m benchmarks.cluster`. Takes some five minutes.

The columns are SQLite with one process, PostgreSQL with one and with three, and the least that it could be. Processes are real ones of the
service, on the strict Slack, the simulator, and a server that keeps what it commits.
"""

import asyncio
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psycopg
from sqlalchemy.engine import URL, make_url

from benchmarks.accept import AT_ONCE, GROUP, committed_in_groups
from benchmarks.cluster_accept import AcceptFigures, accepts, bare_accepts
from benchmarks.service import Service, median_of, serving
from benchmarks.table import load, percentile
from benchmarks.viewer_relay import measure
from benchmarks.watched_elsewhere import watch
from bot.runtime.lease import LEASE
from bot.runtime.worker import TAKE_OVER_EVERY
from tests.cluster.world import EQUALS, Towns, installed
from tests.server import OwnServer, database_on

SESSIONS = 200
IDLE_S, TALK_S, A_SECOND = 10.0, 15.0, 50
COLUMNS = ("SQLite, 1", "PostgreSQL, 1", "PostgreSQL, 3")
PROCESSES: Mapping[str, int] = dict(zip(COLUMNS, (1, 1, 3), strict=True))
LEASE_AND_LOOK_S = (LEASE + timedelta(seconds=TAKE_OVER_EVERY)).total_seconds()


@dataclass
class Figures:
    """`idle` and `talk` are percent of a core, of our processes and of the server's; `said` is a median in milliseconds."""

    accept: AcceptFigures
    idle: tuple[float, float] = (0.0, 0.0)
    talk: tuple[float, float] = (0.0, 0.0)
    said: float = 0.0


async def measured(figures: Figures, service: Service) -> None:
    await service.begin(SESSIONS)
    figures.idle = await _spent(service, asyncio.sleep(IDLE_S))
    before = await service.waits()
    figures.talk = await _spent(service, talk(service))
    after = await service.waits()
    figures.said = 1000 * median_of({bound: count - before.get(bound, 0) for bound, count in after.items()})


async def talk(service: Service) -> None:
    """So many messages a second, whatever becomes of them."""
    async with asyncio.TaskGroup() as saying:
        for number in range(int(TALK_S * A_SECOND)):
            talker = service.talkers[number % SESSIONS]
            saying.create_task(talker.say(service.thread(talker)))
            await asyncio.sleep(1 / A_SECOND)


async def _spent(service: Service, doing: Awaitable[None]) -> tuple[float, float]:
    """Percent of a core, of our processes and of the server's."""
    began, before = time.monotonic(), service.cpu()
    await doing
    took, after = time.monotonic() - began, service.cpu()
    return 100 * (after[0] - before[0]) / took, 100 * (after[1] - before[1]) / took


def bare_notify(url: URL) -> float:
    """Milliseconds from a NOTIFY of one connection to another's hearing it: a median."""
    text = url.render_as_string(hide_password=False)
    with psycopg.connect(text, autocommit=True) as hears, psycopg.connect(text, autocommit=True) as says:
        hears.execute("LISTEN benchmark")
        took: list[float] = []
        for _ in range(200):
            began = time.perf_counter()
            says.execute("NOTIFY benchmark")
            next(hears.notifies(stop_after=1))
            took.append(time.perf_counter() - began)
    return 1000 * statistics.median(took)


async def takeovers(folder: Path) -> Mapping[str, list[float]]:
    """Seconds until what a process ran is live elsewhere: killed, told to end, its server away."""
    async with installed(folder, Towns(20, 1, 1), EQUALS) as world:
        await world.begin(60, 0)
        async with world.talk(every=6):
            await world.each_says(1)
            await world.kill(world.busiest())
            await world.end(world.busiest())
            await world.stop_server()
        await world.findings()
        return world.took


def column(name: str, folder: Path) -> Figures:
    with contextlib.ExitStack() as stack:
        if name.startswith("SQLite"):
            pid, urls = 0, [make_url(f"sqlite:///{folder / each}.db") for each in ("accept", "talk")]
        else:
            server = OwnServer()
            there = stack.enter_context(server.running())
            pid, urls = server.pid, [stack.enter_context(database_on(there)) for _ in range(2)]
        figures = Figures(accepts(urls[0], PROCESSES[name], pid))

        async def run() -> None:
            topology = {kind: EQUALS[kind] for kind in "abc"[: PROCESSES[name]]}
            async with serving(folder, urls[1], topology, pid) as service:
                await measured(figures, service)

        asyncio.run(run())
    return figures


@dataclass(frozen=True)
class Floors:
    """What the rows are held against: accepts a second of bare sqlite3 and of bare psycopg, and milliseconds of a NOTIFY."""

    on_file: float
    on_server: float
    notify: float


def floors(folder: Path) -> Floors:
    server = OwnServer()
    with server.running() as there, database_on(there) as url:
        on_server, notify = bare_accepts(url), bare_notify(url)
    return Floors(GROUP / statistics.median(committed_in_groups(folder)), on_server, notify)


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folders = {title: Path(name) / str(number) for number, title in enumerate((*COLUMNS, "takeovers", "floors"))}
        for folder in folders.values():
            folder.mkdir()
        found = {title: column(title, folders[title]) for title in COLUMNS}
        least = floors(folders["floors"])
        took = asyncio.run(takeovers(folders["takeovers"]))
        link = asyncio.run(watch(sessions=4, seconds=5, rounds=1)).link()
        bare, relayed = (asyncio.run(measure(kind, (1, 50), seconds=3)) for kind in ("bare", "relay"))
    show("", {title: title for title in COLUMNS}, load())
    for title, (figure, anchor) in rows(least).items():
        show(title, {name: figure(each) for name, each in found.items()}, anchor)
    for what, seconds in took.items():
        p99 = percentile(seconds, 99) if len(seconds) > 1 else seconds[0]
        anchor = f"lease and look: {LEASE_AND_LOOK_S} s" if "kill" in what else ""
        show(f"live again after {what}", only_three(f"p50 {statistics.median(seconds):.1f}, p99 {p99:.1f} s"), anchor)
    for viewers in (1, 50):
        shares = dict.fromkeys(COLUMNS, f"{100 * relayed[viewers].of_core:.1f}")
        show(f"relay to {viewers}, % of a core", shares, f"bare WebSocket: {100 * bare[viewers].of_core:.1f}")
    show("a link to it, % of a core", only_three(f"+ {link:.1f}"), "")
    return 0


def rows(least: Floors) -> Mapping[str, tuple[Callable[[Figures], str], str]]:
    """Each with what it is held against."""
    return {
        f"accepted a second, {AT_ONCE} at once": (
            lambda f: f"{f.accept.per_second:,.0f}",
            f"bare sqlite3: {least.on_file:,.0f}, bare psycopg: {least.on_server:,.0f}",
        ),
        "CPU ms a message, ours + server's": (lambda f: "{:.2f} + {:.2f}".format(*f.accept.cpu_ms), ""),
        f"said to first packet, p50 at {A_SECOND}/s, ms": (lambda f: f"{f.said:.0f}", f"NOTIFY: {least.notify:.1f} ms"),
        "CPU of that, % of a core": (lambda f: "{:.0f} + {:.0f}".format(*f.talk), ""),
        f"CPU of {SESSIONS} that are idle, % of a core": (lambda f: "{:.1f} + {:.1f}".format(*f.idle), ""),
    }


def only_three(text: str) -> Mapping[str, str]:
    """In the column of three processes."""
    return dict.fromkeys(COLUMNS[:2], "") | {COLUMNS[2]: text}


def show(title: str, cells: Mapping[str, str], anchor: str) -> None:
    print(f"{title:42}{''.join(f'{cells[name]:>22}' for name in COLUMNS)}   {anchor}")


if __name__ == "__main__":
    sys.exit(main())

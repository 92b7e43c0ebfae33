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
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import aiohttp
import psutil
import psycopg
from cryptography.fernet import Fernet
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.engine import URL, make_url

from benchmarks.accept import AT_ONCE
from benchmarks.cluster_accept import AcceptFigures, accepts
from benchmarks.table import load, percentile
from bot.storage.migrate import upgrade
from tests.acceptance.processes import simulation
from tests.cluster.processes import Cluster, fork_server
from tests.cluster.slack import SlackTalker, SlackTown, slack_town
from tests.cluster.world import EQUALS, Towns, install, installed, settings_of
from tests.patience import until
from tests.server import OwnServer, database_on

SESSIONS, WORKSPACES = 200, 40
IDLE_S, TALK_S, A_SECOND = 10.0, 15.0, 50
COLUMNS = ("SQLite, 1", "PostgreSQL, 1", "PostgreSQL, 3")
PROCESSES: Mapping[str, int] = dict(zip(COLUMNS, (1, 1, 3), strict=True))
LEASE_AND_LOOK_S = 5.25
TYPED_AGAIN_S = 20.0
FIRST_PACKET = "avatarbot_said_to_first_packet_seconds_bucket"


@dataclass
class Figures:
    """`idle` and `talk` are percent of a core, of our processes and of the server's; `said` is a median in milliseconds."""

    accept: AcceptFigures
    idle: tuple[float, float] = (0.0, 0.0)
    talk: tuple[float, float] = (0.0, 0.0)
    said: float = 0.0


@dataclass
class Service:
    """Processes that run, and people who talk with them."""

    cluster: Cluster
    town: SlackTown
    server: int
    """The process of PostgreSQL's that began all others; 0 where there is none."""
    talkers: list[SlackTalker] = field(default_factory=list)

    async def begin(self, sessions: int = SESSIONS) -> None:
        """Whoever was refused, as so many start at once, types it again."""
        self.talkers = [self.town.talker(number) for number in range(sessions)]
        while waiting := self._not_live():
            await asyncio.gather(*(talker.command("start minutes:60") for talker in waiting))
            with contextlib.suppress(TimeoutError):
                await until(lambda: not self._not_live(), within=TYPED_AGAIN_S)  # runs out: typed again

    def _not_live(self) -> list[SlackTalker]:
        live = {person for person, text in self.town.told() if "is live" in text}
        return [talker for talker in self.talkers if talker.person not in live]

    async def talk(self) -> None:
        """So many messages a second, whatever becomes of them."""
        async with asyncio.TaskGroup() as saying:
            for number in range(int(TALK_S * A_SECOND)):
                talker = self.talkers[number % SESSIONS]
                saying.create_task(talker.say(self.thread(talker)))
                await asyncio.sleep(1 / A_SECOND)

    def thread(self, talker: SlackTalker) -> str:
        """That of the session's card."""
        (card, *_) = self.town.fake.workspace.in_channel(talker.place.channel)
        return card.ts

    def cpu(self) -> tuple[float, float]:
        """Seconds so far."""
        ours = sum(sum(psutil.Process(each.pid).cpu_times()[:2]) for each in self.cluster.living)
        theirs = psutil.Process(self.server).children(recursive=True) if self.server else []
        return ours, sum(sum(each.cpu_times()[:2]) for each in theirs)

    async def waits(self) -> dict[float, float]:
        """How many messages had waited at most so many seconds for their first packet."""
        found: dict[float, float] = {}
        for process in self.cluster.living:
            async with self.cluster.http.get(f"{process.url}/metrics") as answer:
                text = await answer.text()
            for family in text_string_to_metric_families(text):
                for sample in family.samples:
                    if sample.name == FIRST_PACKET:
                        bound = float(sample.labels["le"])
                        found[bound] = found.get(bound, 0.0) + sample.value
        return found


@contextlib.asynccontextmanager
async def serving(
    folder: Path, url: URL, topology: Mapping[str, Sequence[str]], server: int = 0, **more: str
) -> AsyncIterator[Service]:
    """`more` are settings beside those that all have."""
    key = Fernet.generate_key().decode()
    upgrade(url)
    with simulation(pace=1_000, thinking=0.05, join_delay=0.1, concurrency=10**4, credit=1e9) as simulated:
        async with slack_town(WORKSPACES, Random(1)) as town, aiohttp.ClientSession() as http:
            await install(url, key, town)
            settings = settings_of(url, key, simulated.url) | town.settings | more
            with fork_server() as forks:
                town.cluster = cluster = Cluster(folder, settings, topology, http, forks)
                await cluster.start_all()
                yield Service(cluster, town, server)


async def measured(figures: Figures, service: Service) -> None:
    await service.begin()
    figures.idle = await _spent(service, asyncio.sleep(IDLE_S))
    before = await service.waits()
    figures.talk = await _spent(service, service.talk())
    after = await service.waits()
    figures.said = 1000 * median_of({bound: count - before.get(bound, 0) for bound, count in after.items()})


async def _spent(service: Service, doing: Awaitable[None]) -> tuple[float, float]:
    """Percent of a core, of our processes and of the server's."""
    began, before = time.monotonic(), service.cpu()
    await doing
    took, after = time.monotonic() - began, service.cpu()
    return 100 * (after[0] - before[0]) / took, 100 * (after[1] - before[1]) / took


def median_of(counts: Mapping[float, float]) -> float:
    """Of a histogram, interpolated as Prometheus does."""
    bounds = sorted(counts)
    half, below, last = counts[bounds[-1]] / 2, 0.0, 0.0
    for bound in bounds:
        if counts[bound] >= half and counts[bound] > below:
            return last + (bound - last) * (half - below) / (counts[bound] - below) if bound != float("inf") else last
        below, last = counts[bound], bound
    return last


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


def main() -> int:
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folders = {title: Path(name) / str(number) for number, title in enumerate((*COLUMNS, "takeovers"))}
        for folder in folders.values():
            folder.mkdir()
        found = {title: column(title, folders[title]) for title in COLUMNS}
        notify = bare_notify(stack.enter_context(database_on(stack.enter_context(OwnServer().running()))))
        took = asyncio.run(takeovers(folders["takeovers"]))
    show("", {title: title for title in COLUMNS}, load())
    for title, figure in rows().items():
        anchor = f"NOTIFY alone: {notify:.1f} ms" if "first packet" in title else ""
        show(title, {name: figure(each) for name, each in found.items()}, anchor)
    for what, seconds in took.items():
        p99 = percentile(seconds, 99) if len(seconds) > 1 else seconds[0]
        text = f"p50 {statistics.median(seconds):.1f}, p99 {p99:.1f} s"
        anchor = f"lease and look: {LEASE_AND_LOOK_S} s" if "kill" in what else ""
        show(f"live again after {what}", dict.fromkeys(COLUMNS[:2], "") | {COLUMNS[2]: text}, anchor)
    return 0


def rows() -> Mapping[str, Callable[[Figures], str]]:
    return {
        f"accepted a second, {AT_ONCE} at once": lambda f: f"{f.accept.per_second:,.0f}",
        "CPU ms a message, ours + server's": lambda f: "{:.2f} + {:.2f}".format(*f.accept.cpu_ms),
        f"said to first packet, p50 at {A_SECOND}/s, ms": lambda f: f"{f.said:.0f}",
        "CPU of that, % of a core": lambda f: "{:.0f} + {:.0f}".format(*f.talk),
        f"CPU of {SESSIONS} that are idle, % of a core": lambda f: "{:.1f} + {:.1f}".format(*f.idle),
    }


def show(title: str, cells: Mapping[str, str], anchor: str) -> None:
    print(f"{title:42}{''.join(f'{cells[name]:>22}' for name in COLUMNS)}   {anchor}")


if __name__ == "__main__":
    sys.exit(main())

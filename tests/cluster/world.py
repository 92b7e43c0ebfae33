"""A whole installation for a test: PostgreSQL, the provider, the chat services, processes of the service, and who looks on."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random, SystemRandom

import aiohttp
import psycopg
from cryptography.fernet import Fernet
from sqlalchemy.engine import URL

from bot.clock import SystemClock
from bot.runtime.worker import STUCK
from bot.storage.connections import PoolSize
from bot.storage.encryption import Cipher
from bot.storage.sql import sql_storage
from tests.acceptance.processes import Simulation, simulation
from tests.cluster.discord import SHARDS, DiscordTown, discord_town
from tests.cluster.findings import Findings, Sources
from tests.cluster.processes import EVERYTHING, Cluster, ServiceProcess
from tests.cluster.releases import THIS, Program
from tests.cluster.slack import SlackTown, slack_town
from tests.cluster.talk import Talker
from tests.cluster.watch import HeldSession, Watch, watching
from tests.integration.core.audit import ServerAudit
from tests.patience import until
from tests.server import QUICK, OwnServer, database_on

EQUALS: Mapping[str, Sequence[str]] = dict.fromkeys("abc", EVERYTHING)
"""Three processes that do everything."""

FEW: Mapping[str, Sequence[str]] = {"front": ("web", "gateway"), "a": ("worker",), "b": ("web", "worker")}
MANY: Mapping[str, Sequence[str]] = {
    **dict.fromkeys(("web-a", "web-b"), ("web",)),
    "gateway": ("gateway",),
    **dict.fromkeys(("a", "b", "c"), ("worker",)),
}

NAMED = {"application_name": "{process}"}
"""What the audit knows a process by."""

AWAKE_S = 150.0
"""Whoever says something that often keeps their avatar awake."""

UNEVEN = 1.4
"""Times the mean of those who could have taken it."""


def dice() -> Random:
    """Its seed is printed, to repeat a failure: `CLUSTER_SEED`."""
    seed = int(os.environ.get("CLUSTER_SEED") or SystemRandom().randrange(10**6))
    print(f"CLUSTER_SEED={seed}")  # noqa: T201 - shown with a failure
    return Random(seed)


@dataclass(frozen=True)
class Towns:
    """How many workspaces and servers there are."""

    workspaces: int
    servers: int
    discord_sessions: int


@dataclass
class World:
    server: OwnServer
    simulation: Simulation
    slack: SlackTown
    discord: DiscordTown
    cluster: Cluster
    watch: Watch
    sources: Sources
    dice: Random
    talkers: list[Talker] = field(default_factory=list)
    talking: list[Talker] = field(default_factory=list)
    """Those who talked last."""
    took: dict[str, list[float]] = field(default_factory=dict)
    """Seconds until sessions were live elsewhere, by what had happened."""
    uneven: list[str] = field(default_factory=list)
    """Where after a takeover one worker had far more than its share."""
    left: list[str] = field(default_factory=list)
    """Rooms that were left because the database was away."""

    async def begin(self, on_slack: int, on_discord: int) -> None:
        """So many people start a session each; returns when all are live."""
        self.talkers = [
            *(self.slack.talker(number) for number in range(on_slack)),
            *(self.discord.talker(number) for number in range(on_discord)),
        ]
        await self._all_type("start minutes:60", lambda status: status is not None)
        await self.watch.until(lambda: self.all_live() or self._ended(), within=300)
        assert not self._ended()
        self._weigh("start", self.cluster.living)

    async def _all_type(self, command: str, done: Callable[[str | None], bool]) -> None:
        """Everybody types a command, and again where the status of their session says that it was not taken."""

        def left() -> list[Talker]:
            now = {(each.platform, each.channel): each.status for each in self.watch.sessions.values()}
            return [each for each in self.talkers if not done(now.get((each.place.platform, each.place.channel)))]

        while waiting := left():
            await asyncio.gather(*(talker.command(command) for talker in waiting))
            with contextlib.suppress(TimeoutError):
                await self.watch.until(lambda: not left(), within=20)  # runs out: it is typed again

    def all_live(self) -> bool:
        return len(self.watch.live()) == len(self.talkers)

    def _ended(self) -> list[HeldSession]:
        return [session for session in self.watch.sessions.values() if session.status == "ended"]

    def thread(self, talker: Talker) -> str:
        return next(
            session.thread
            for session in self.watch.sessions.values()
            if (session.platform, session.channel) == (talker.place.platform, talker.place.channel)
        )

    @contextlib.asynccontextmanager
    async def talk(self, every: float, people: int | None = None) -> AsyncIterator[None]:
        """So many of them, or all, talk while the block runs, each about once in so many seconds; the others so that nobody falls asleep."""
        stop = asyncio.Event()
        self.talking = self.dice.sample(self.talkers, people or len(self.talkers))
        async with asyncio.TaskGroup() as group:
            for talker in self.talkers:
                pace = every if talker in self.talking else AWAKE_S
                group.create_task(talker.talk(self.thread(talker), stop, Random(self.dice.random()), pace))
            try:
                yield
            finally:
                stop.set()

    async def each_says(self, more: int) -> None:
        """Until everybody who talks has said so much more."""
        wanted = {id(talker): len(talker.said) + more for talker in self.talking}
        await until(lambda: all(len(talker.said) >= wanted[id(talker)] for talker in self.talking))

    # ------------------------------------------------ what happens to processes and the server

    def busiest(self) -> ServiceProcess:
        loads = self.watch.loads(self.cluster.living)
        return self.cluster.named(max(loads, key=lambda name: loads[name]))

    async def kill(self, victim: ServiceProcess) -> None:
        """kill -9; another is started at once, as a supervisor does. Where one worker alone lives on, it has to take all."""
        held, before = self.watch.of(victim), self.watch.loads(self.cluster.living)
        victim.kill()
        heirs = [process for process in self.cluster.living if process.runs_sessions]
        taken = asyncio.create_task(self.watch.taken_over(held))
        await self.cluster.replace(victim)
        self._note("kill -9", await taken)
        if held:
            self._weigh(f"kill -9 of {victim.name}", heirs, before)

    async def end(self, victim: ServiceProcess) -> None:
        """SIGTERM, with another started first, as in a rolling restart."""
        await self.cluster.replace(victim)
        held = self.watch.of(victim)
        taken = asyncio.create_task(self.watch.taken_over(held))
        await victim.end()
        self._note("SIGTERM", await taken)

    async def supervise(self) -> None:
        """Another is started for each that gave itself up, as it could not leave its rooms in time: on a busy machine that may be."""
        for process in self.cluster.living:
            if not process.alive and STUCK in process.log:
                process.away = True
                self._note("gave itself up", [0.0])
                await self.cluster.replace(process)

    async def freeze(self, victim: ServiceProcess, at_least: float) -> None:
        """SIGSTOP for so many seconds, and until all that it held is with others; then SIGCONT."""
        held = self.watch.of(victim)
        victim.freeze()
        took, _ = await asyncio.gather(self.watch.taken_over(held), asyncio.sleep(at_least))
        self._note("SIGSTOP", took)
        victim.thaw()
        await self.cluster.ready(victim)

    async def stop_server(self, at_least: float = 0.0) -> None:
        """PostgreSQL is away for so many seconds, and until every process has noticed that its lease is over; then all have to speak again."""
        inside, epochs = self._inside(), self._epochs()
        self.server.stop()
        await asyncio.gather(*map(self._has_no_lease, self.cluster.living), asyncio.sleep(at_least))
        self.left += sorted(inside - self._inside())
        await asyncio.to_thread(self.server.start)
        began = asyncio.get_running_loop().time()
        await asyncio.gather(*map(self.cluster.ready, self.cluster.living))
        await self.watch.until(self.all_live)
        self._note("PostgreSQL away", [asyncio.get_running_loop().time() - began])
        self.left += [
            f"{id_} went to another" for id_, epoch in self._epochs().items() if epoch != epochs.get(id_, epoch)
        ]

    def _epochs(self) -> dict[str, int]:
        """How often each session was taken by somebody."""
        return {session.id: session.epoch for session in self.watch.live()}

    def _inside(self) -> set[str]:
        """Rooms with more than the avatar in them."""
        return {channel for channel, uids in self.simulation.state().rooms.items() if len(uids) > 1}

    def _weigh(self, after: str, among: Sequence[ServiceProcess], before: Mapping[str, int] | None = None) -> None:
        """Who had too many `before`, and took none, gives them away later."""
        loads = self.watch.loads(among)
        took = {name: load for name, load in loads.items() if load > (before or {}).get(name, 0)}
        if max(took.values(), default=0) > UNEVEN * sum(loads.values()) / len(loads):
            self.uneven.append(f"after {after}: {before} became {loads}")

    async def _has_no_lease(self, process: ServiceProcess) -> None:
        async def lost() -> bool:
            return "lease" in (await self.cluster.reasons(process) or {})

        if process.runs_sessions:
            await until(lost)

    def _note(self, what: str, took: Sequence[float]) -> None:
        self.took.setdefault(what, []).extend(took)
        print(_line(what, took), flush=True)  # noqa: T201 - a long run is read along

    # ------------------------------------------------ the end

    def seen(self) -> dict[str, list[str]]:
        """What is to be complained of as it stands."""
        return self.sources.gathered(self.talkers, self.watch.split).complaints() | self.complaints()

    async def findings(self) -> Findings:
        """Once nothing waits any more. What waits for ever is complained of: as lost, not told or not shown."""
        with contextlib.suppress(TimeoutError):
            await until(self.sources.settled, within=120)
        return self.sources.gathered(self.talkers, self.watch.split)

    async def stop_all(self) -> None:
        """Everybody ends their session, then every process ends."""
        await self._all_type("stop", lambda status: status in {"stopping", "ended"})
        await self.watch.until(lambda: all(session.status == "ended" for session in self.watch.sessions.values()))
        await until(lambda: not self.simulation.open)
        await asyncio.gather(*(process.end() for process in self.cluster.living))

    def report(self) -> str:
        """How long takeovers took: for whoever reads along."""
        lines = (_line(what, took) for what, took in self.took.items())
        return "\n".join((*lines, f"{self.slack.redelivered} deliveries were not taken at first"))

    def complaints(self) -> dict[str, list[str]]:
        """What was seen on the way, by what it is about."""
        faults = [fault for process in self.cluster.processes for fault in process.faults]
        found = {"uneven": self.uneven, "rooms left": self.left, "faults": faults}
        return {about: those for about, those in found.items() if those}


def shown(complaints: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """A few of each kind."""
    for about, those in complaints.items():
        yield from (f"{about.upper()}, {len(those)}:", *(f"  {each}" for each in those[:5]))


def _line(what: str, took: Sequence[float]) -> str:
    if not took:
        return f"{what}: held nothing"
    those = sorted(took)
    p50, p99 = those[len(those) // 2], those[int(len(those) * 0.99)]
    return f"{what}: {len(those)} live again after p50 {p50:.1f}, p99 {p99:.1f}, max {those[-1]:.1f} s"


@contextlib.asynccontextmanager
async def installed(
    folder: Path,
    towns: Towns,
    topology: Mapping[str, Sequence[str]] = FEW,
    through: Callable[[URL], contextlib.AbstractContextManager[URL]] = contextlib.nullcontext,
    program: Program = THIS,
    **settings: str,
) -> AsyncIterator[World]:
    """`through` leads processes to the database by another way, such as a pooler. `program` makes the tables and is what runs."""
    thrown, key = dice(), Fernet.generate_key().decode()
    async with contextlib.AsyncExitStack() as stack:
        forks = stack.enter_context(program.forks(folder / "program"))
        server = OwnServer(*QUICK)
        url = stack.enter_context(database_on(stack.enter_context(server.running())))
        program.upgrade(url)
        audit = ServerAudit(url)
        simulated = stack.enter_context(
            simulation(pace=150, thinking=0.05, join_delay=0.1, concurrency=10**4, credit=1e9)
        )
        slack = await stack.enter_async_context(slack_town(towns.workspaces, thrown))
        discord = await stack.enter_async_context(discord_town(towns.servers, towns.discord_sessions))
        await install(url, key, slack, discord)
        way = stack.enter_context(through(url))
        shared = (
            settings_of(way.update_query_dict(NAMED), key, simulated.url) | slack.settings | discord.settings | settings
        )
        http = await stack.enter_async_context(aiohttp.ClientSession())
        slack.cluster = cluster = Cluster(folder, shared, topology, http, forks)
        watch = await stack.enter_async_context(watching(url))
        await cluster.start_all()
        await until(lambda: {each.shard for each in discord.fake.connections} == set(range(SHARDS)))
        sources = Sources(url, simulated, audit, [slack, discord])
        world = World(server, simulated, slack, discord, cluster, watch, sources, thrown)
        try:
            yield world
        except BaseException:  # a wait that ran out: what the judges see by then tells why
            with contextlib.suppress(psycopg.Error):
                print(world.report(), *shown(world.seen()), sep="\n")  # noqa: T201 - shown with the failure
            raise


def settings_of(url: URL, key: str, simulator: str) -> dict[str, str]:
    """Limits that nobody meets; an account that nothing else uses."""
    return {
        "DATABASE_URL": url.render_as_string(hide_password=False).replace("%7B", "{").replace("%7D", "}"),
        "AVATARBOT_SECRET_KEYS": key,
        "AVATARBOT_SIMULATOR_URL": simulator,
        "AVATARBOT_HOST": "127.0.0.1",
        "AVATARBOT_ADVERTISE": "127.0.0.1",
        "AVATARBOT_AKOOL_KEY_IS_OURS": "true",
        "AVATARBOT_SESSIONS_AT_ONCE": "500",
        "AVATARBOT_SESSIONS_OF_ACCOUNT": "500",
        "LOG_LEVEL": "warning",
        "AVATARBOT_SESSION_MINUTES": "60",
        "AVATARBOT_MINUTES_PER_DAY": "1440",
        "AVATARBOT_WAITING_TURNS": "100",
        "AVATARBOT_WAITING_TURNS_PER_PERSON": "100",
    }


async def install(url: URL, key: str, *towns: SlackTown | DiscordTown) -> None:
    text = url.render_as_string(hide_password=False)
    async with sql_storage(text, Cipher((key,)), SystemClock(), PoolSize(1, 1)) as storage:
        for town in towns:
            await town.install(storage)

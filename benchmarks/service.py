"""A service of real processes, on the strict Slack and the simulator, and people who talk with it: what several benchmarks measure."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import aiohttp
import psutil
from cryptography.fernet import Fernet
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.engine import URL

from bot.storage.migrate import upgrade
from tests.acceptance.processes import simulation
from tests.cluster.processes import Cluster, fork_server
from tests.cluster.slack import SlackTalker, SlackTown, slack_town
from tests.cluster.world import install, settings_of
from tests.patience import until

WORKSPACES = 40
TYPED_AGAIN_S = 20.0
FIRST_PACKET = "avatarbot_said_to_first_packet_seconds_bucket"


@dataclass
class Service:
    """Processes that run, and people who talk with them."""

    cluster: Cluster
    town: SlackTown
    server: int
    """The process of PostgreSQL's that began all others; 0 where there is none."""
    talkers: list[SlackTalker] = field(default_factory=list)

    async def begin(self, sessions: int) -> None:
        """Whoever was refused, as so many start at once, types it again."""
        self.talkers = [self.town.talker(number) for number in range(sessions)]
        while waiting := self._not_live():
            await asyncio.gather(*(talker.command("start minutes:60") for talker in waiting))
            with contextlib.suppress(TimeoutError):
                await until(lambda: not self._not_live(), within=TYPED_AGAIN_S)  # runs out: typed again

    def _not_live(self) -> list[SlackTalker]:
        live = {person for person, text in self.town.told() if "is live" in text}
        return [talker for talker in self.talkers if talker.person not in live]

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


def median_of(counts: Mapping[float, float]) -> float:
    """Of a histogram, interpolated as Prometheus does."""
    bounds = sorted(counts)
    half, below, last = counts[bounds[-1]] / 2, 0.0, 0.0
    for bound in bounds:
        if counts[bound] >= half and counts[bound] > below:
            return last + (bound - last) * (half - below) / (counts[bound] - below) if bound != float("inf") else last
        below, last = counts[bound], bound
    return last

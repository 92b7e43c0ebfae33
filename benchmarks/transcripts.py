"""Many transcripts at once against a platform's limits, in virtual time: our pace beside fixed ones.

The whole service on the simulator; the platform's part is its real writer before the strict stand-in. Staleness is how long what
the avatar has said is not shown.
"""

import argparse
import asyncio
import contextlib
import statistics
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import httpx
from cryptography.fernet import Fernet
from pydantic import SecretStr

from adapters.akool.client import AkoolApi, ApiKey
from adapters.akool.provider import AkoolProvider
from adapters.simulator.http.app import application
from adapters.simulator.options import Options
from adapters.simulator.simulator import Simulator
from bot.app.service import Parts, Service
from bot.commands.policy import Limits, Policy
from bot.delivery.rate_limiter import Priority, RateLimiter
from bot.domain.conversations import (
    Accepted,
    Command,
    ConversationRef,
    Inbound,
    Membership,
    MessagePosted,
    MessageRef,
    Person,
)
from bot.media.events import Caption
from bot.ports.chat import ChatPlatform
from bot.storage.encryption import Cipher
from bot.storage.engine import Store
from bot.storage.migrate import upgrade
from bot.storage.sql import SqlStorage
from bot.telemetry import new_metrics
from bot.testing.virtual_time import LoopClock, run_virtual
from tests.disclosing import TOLD

API_DELAY_S = 0.12
QUESTION_EVERY_S = 8.0
ANN = Person("U0ANN", "Ann", Membership.MEMBER)


class FixedPace(RateLimiter):
    """What most bots do: an edit every so often, whatever the others do; when throttled, they wait and go on."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self.edits = self

    def grow(self) -> bool:
        return True

    def grown(self) -> None:
        pass

    def turn_at_once(self) -> bool:
        return True

    @property
    def edit_interval(self) -> float:
        return self._interval

    def throttled(self, retry_after: float) -> None:
        pass

    async def turn(self, urgency: Priority) -> None:
        pass


class FixedPaces:
    def __init__(self, interval: float) -> None:
        self._pace = FixedPace(interval)

    def of(self, *_: object) -> RateLimiter:
        return self._pace


@dataclass
class Shown:
    """What stood where, and when; what was said, and when."""

    texts: defaultdict[str, list[tuple[float, str]]] = field(default_factory=lambda: defaultdict(list))
    captions: list[tuple[float, str, Caption]] = field(default_factory=list)
    calls: int = 0
    edits: int = 0
    refused: int = 0

    def staleness(self, *, final: bool) -> list[float]:
        wanted = [(at, channel, c.text) for at, channel, c in self.captions if c.text and (c.final or not final)]
        found = (self._shown(at, channel, text) for at, channel, text in wanted)
        return [seconds for seconds in found if seconds is not None]

    def unseen(self) -> int:
        finals = [(at, channel, c.text) for at, channel, c in self.captions if c.final and c.text.strip()]
        return sum(self._shown(at, channel, text) is None for at, channel, text in finals)

    def _shown(self, said_at: float, channel: str, text: str) -> float | None:
        """From when it was known until a message showed at least as much."""
        for at, shown in self.texts[channel]:
            if at >= said_at and shown.startswith(text.rstrip()):
                return at - said_at
        return None


class Town(Protocol):
    """A platform without a socket, so that time can jump: what its writer writes there is noted in a `Shown`."""

    @property
    def writer(self) -> ChatPlatform: ...

    def place(self, number: int) -> ConversationRef:
        """A channel of its own for each session."""
        ...

    def thread(self, place: ConversationRef) -> ConversationRef | None:
        """Where the session there talks, once its card is posted."""
        ...


class Build(Protocol):
    def __call__(self, shown: Shown, *, ours: bool) -> Town:
        """A new town; `ours` says whether everything of ours keeps its pace there, or only a fixed interval is kept."""
        ...


@contextlib.asynccontextmanager
async def service(folder: Path, sessions: int, stores: list[Store]) -> AsyncIterator[Service]:
    url, clock = f"sqlite:///{folder / 'bench.db'}", LoopClock()
    upgrade(url)
    limits = Limits(sessions=sessions, account_sessions=sessions, sessions_in_all=sessions, person_minutes=10**6)
    async with (
        Store.open(url, Cipher((Fernet.generate_key().decode(),))) as store,
        Simulator(clock, Options(concurrency=sessions)) as simulator,
    ):
        stores.append(store)
        api = AkoolApi.at(
            "http://akool.test",
            ApiKey(SecretStr(simulator.options.api_key)),
            httpx.ASGITransport(application(simulator)),
        )
        provider = AkoolProvider(api, simulator.connect)
        yield Service(
            Parts(SqlStorage(store, clock), provider, clock, Policy(limits), new_metrics()), "http://bench.test"
        )
        await provider.aclose()


async def listen(whole: Service, session_id: str, channel: str, shown: Shown) -> None:
    with whole.services.events.watch(session_id, TOLD) as events:
        async for event in events:
            if isinstance(event, Caption):
                shown.captions.append((asyncio.get_running_loop().time(), channel, event))


async def converse(whole: Service, town: Town, number: int, seconds: float, shown: Shown) -> None:
    """Somebody starts an avatar and asks it something again and again."""
    place = town.place(number)
    accepted = await whole.core.accept(Inbound(f"start{number}", number, place, ANN, Command("start")))
    assert isinstance(accepted, Accepted)
    listening = asyncio.create_task(listen(whole, accepted.session_id, place.channel_id, shown))
    while (thread := town.thread(place)) is None:
        await asyncio.sleep(0.5)
    await asyncio.sleep(5 + number * 0.3)
    for n in range(int(seconds / QUESTION_EVERY_S)):
        said = MessagePosted(f"Tell me more, number {n}, please: what do you think of it?", MessageRef(thread, f"{n}"))
        await whole.core.accept(Inbound(f"say{number}-{n}", n, thread, ANN, said))
        await asyncio.sleep(QUESTION_EVERY_S)
    listening.cancel()


async def measured(
    town_of: Build,
    folder: Path,
    given: argparse.Namespace,
    interval: float | None,
    stores: list[Store],
) -> Shown:
    shown = Shown()
    town = town_of(shown, ours=interval is None)
    async with service(folder, given.sessions, stores) as whole:
        if interval is not None:
            object.__setattr__(whole.services, "pacers", FixedPaces(interval))
        whole.add(town.writer)
        async with whole.running(), asyncio.TaskGroup() as people:
            for number in range(given.sessions):
                people.create_task(converse(whole, town, number, given.seconds, shown))
    return shown


def line(name: str, shown: Shown) -> None:
    growing, final = shown.staleness(final=False), shown.staleness(final=True)
    print(
        f"  {name:12}{shown.refused:>6}{shown.calls:>8}{shown.edits:>8}"
        f"{statistics.median(growing):>10.1f}{statistics.median(final):>10.1f}{max(final):>10.1f}{shown.unseen():>9}"
    )


def parsed(description: str | None, sessions: int) -> argparse.Namespace:
    """`sessions` unless told otherwise, for two minutes."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=sessions)
    parser.add_argument("--seconds", type=float, default=120.0)
    return parser.parse_args()


def compare(town_of: Build, given: argparse.Namespace, fixed: Sequence[float]) -> None:
    """Our pace, then an edit every so many seconds, each in a town of its own."""
    print(f"  {'':12}{'429s':>6}{'calls':>8}{'edits':>8}{'stale s':>10}{'final s':>10}{'worst s':>10}{'unseen':>9}")
    for name, interval in (("ours", None), *((f"fixed {seconds:g} s", seconds) for seconds in fixed)):
        stores: list[Store] = []
        with tempfile.TemporaryDirectory() as folder:
            shown = run_virtual(
                measured(town_of, Path(folder), given, interval, stores),
                busy=lambda: any(store.busy for store in stores),  # noqa: B023
            )
        line(name, shown)

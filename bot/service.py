"""The service: the core's tasks, the platforms and the web app, begun together and ended in order."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import structlog
from sqlalchemy import Connection
from starlette.routing import BaseRoute

from bot.answers.desk import Desk
from bot.chores import census, leavers, reaper, retention, uploads
from bot.chores.rounds import go_round
from bot.connections import Connections
from bot.errors import SettingsError, StoreUnavailable
from bot.funding import Funding
from bot.links import Links
from bot.offers import Offers
from bot.plugin import Surroundings
from bot.policy import Policy
from bot.ports.chat import ChatPlatform
from bot.ports.clock import Clock
from bot.ports.files import Pictures, PublicFiles
from bot.ports.language import LanguageModel
from bot.ports.provider import AvatarProvider
from bot.reception import FrontDesk
from bot.session.ended_cards import EndedCards
from bot.session.feed import Feed
from bot.session.house import Habits, House
from bot.session.inbox import Inbox
from bot.session.replies import Replies
from bot.session.worker import Worker
from bot.signals import LATE, end_process
from bot.store.channels import Vault
from bot.store.engine import Store
from bot.telemetry import Metrics
from bot.transcript.archive import StoredArchive
from bot.transcript.pacer import Pacers
from bot.viewer.routes import viewer_routes
from bot.web import Readiness

log = structlog.get_logger(__name__)

RESTART_FIRST, RESTART_MOST = 1.0, 60.0
"""Seconds before a platform that failed is started again, at first and at most."""

DATABASE_EVERY = 10.0
"""Seconds between two looks whether the database is still the file that was opened, and sound."""

ENDS_WITHIN = 9.0
"""Seconds from the service's being told to stop until its process ends, whatever it waits for."""

STEADY = 120.0
"""Seconds of running after which a platform counts as having recovered."""

LAST_REPLIES = 1.0
"""Seconds that answers to people may still take once all sessions have ended."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the composition root chose."""

    store: Store
    provider: AvatarProvider
    clock: Clock
    policy: Policy
    metrics: Metrics
    model: LanguageModel | None = None
    habits: Habits = field(default_factory=Habits)
    alone: bool = True
    files: PublicFiles | None = None
    give_up: Callable[[str], object] = end_process
    """Called with a sentence when the service cannot go on and cannot be ended in order."""
    pictures: Pictures | None = None


class Service:
    """Put together from parts, given platforms, then `running`."""

    def __init__(self, parts: Parts, base_url: str = "") -> None:
        self.base_url = base_url
        self._platforms: dict[str, ChatPlatform] = {}
        funding = Funding(self._is_home)
        self.house = House(
            store=parts.store,
            provider=parts.provider,
            funding=funding,
            offers=Offers(parts.provider, parts.store, funding),
            platforms=self._platforms,
            policy=parts.policy,
            clock=parts.clock,
            feed=Feed(),
            pacers=Pacers(),
            metrics=parts.metrics,
            habits=parts.habits,
            model=parts.model,
        )
        self._give_up = parts.give_up
        self.worker = Worker(self.house, parts.give_up, alone=parts.alone)
        self._connections = Connections(self._platforms, parts.clock, parts.metrics)
        self._ended_cards = EndedCards(self.house)
        self._inbox = Inbox(
            parts.store, parts.policy, funding, parts.clock, self.worker.ring, ended=self._ended_cards.note
        )
        self._replies = Replies(self.house)
        self._links = Links(parts.store, parts.clock, lambda: self.base_url)
        self._archive = StoredArchive(parts.store)
        self._pictures = parts.pictures
        self._desk = Desk(self.house, self._links, self._archive, files=parts.files)
        self.reception = FrontDesk(self._inbox, self._desk)

    @property
    def surroundings(self) -> Surroundings:
        """For building platforms."""
        return Surroundings(self.reception, self.house.clock, Vault(self.house.store), self.base_url)

    def _is_home(self, platform: str, workspace_id: str) -> bool:
        return platform in self._platforms and self._platforms[platform].is_home(workspace_id)

    def add(self, platform: ChatPlatform) -> None:
        """Before `running`."""
        self._platforms[platform.name] = platform

    def routes(self) -> Sequence[BaseRoute]:
        """Of the viewer and of all platforms."""
        house = self.house
        viewer = viewer_routes(
            self._links.grants, house.feed, self.reception, self._archive, house.clock, house.policy, self._pictures
        )
        return [*viewer, *(route for platform in self._platforms.values() for route in platform.routes())]

    def readiness(self) -> dict[str, Readiness]:
        """Asks the database, the lease and the connection of each platform that was added."""
        platforms = {name: partial(self._platform_ready, name) for name in self._platforms}
        return {"database": self._database_ready, "lease": self._lease_ready, **platforms}

    async def _platform_ready(self, name: str) -> None:
        self._connections.require(name)

    async def _database_ready(self) -> None:
        def work(connection: Connection) -> None:
            connection.exec_driver_sql("SELECT count(*) FROM workers")

        await self.house.store.write(work)

    async def _lease_ready(self) -> None:
        if not self.worker.lease.held:
            raise StoreUnavailable("This process does not hold its lease.")

    @contextlib.asynccontextmanager
    async def running(self, *, hand_over: bool = False) -> AsyncIterator[None]:
        """Everything runs within the block; at its end sessions are closed, or left to another process."""
        async with contextlib.AsyncExitStack() as last, asyncio.TaskGroup() as group:
            working = group.create_task(self.worker.run(), name="worker")
            tasks = [
                group.create_task(self._inbox.run(), name="inbox"),
                group.create_task(self._replies.run(), name="replies"),
                group.create_task(self._ended_cards.run(), name="ended-cards"),
                group.create_task(self.house.offers.run(), name="offers"),
                group.create_task(self._watch_database(working), name="database"),
                group.create_task(self._connections.run(), name="connections"),
                *(group.create_task(chore, name="chore") for chore in self._chores()),
                *(group.create_task(self._keep_up(p), name=p.name) for p in self._platforms.values()),
            ]
            try:
                yield
            finally:
                last.callback(asyncio.get_running_loop().call_later(ENDS_WITHIN, self._give_up, LATE).cancel)
                leave_open = hand_over or await self._somebody_else()
                self.worker.stop(hand_over=leave_open)
                await asyncio.wait((working,))
                await self._replies.drain(LAST_REPLIES)
                for task in tasks:
                    task.cancel()

    def _chores(self) -> Iterator[Coroutine[None, None, None]]:
        house = self.house
        own = house.habits.account_is_ours
        sweep = reaper.Reaper(house.store, house.provider, house.clock, account_is_ours=own).sweep
        tidy, look = retention.Retention(house, self._ended_cards.note).tidy, uploads.Uploads(house).look
        count = census.Census(house).count
        yield go_round(house, self.worker, count, every=census.COUNT_EVERY, bell=asyncio.Event())
        at_start = asyncio.Event()  # what could not be closed when the last process ended is closed now
        at_start.set()
        yield go_round(house, self.worker, sweep, every=reaper.SWEEP_EVERY, bell=at_start)
        yield go_round(house, self.worker, tidy, every=retention.LOOK_EVERY, bell=asyncio.Event())
        yield go_round(house, self.worker, look, every=uploads.LOOK_EVERY, bell=self._desk.uploads_due)
        left = leavers.Leavers(house).look
        yield go_round(house, self.worker, left, every=leavers.LOOK_EVERY, bell=asyncio.Event())

    async def _watch_database(self, working: asyncio.Task[None]) -> None:
        """Ends the service with a `SettingsError` when what it writes is not kept any more, once its sessions are closed."""
        while True:
            await asyncio.sleep(DATABASE_EVERY)
            try:
                self.house.store.check()
            except SettingsError:
                self.worker.stop(hand_over=False)  # only this process knows what is open at the provider
                await asyncio.wait((working,))
                raise

    async def _somebody_else(self) -> bool:
        with contextlib.suppress(StoreUnavailable):
            return await self.worker.others_alive()
        return False

    async def _keep_up(self, platform: ChatPlatform) -> None:
        """Start a platform again when it fails; what only the operator can mend is said once and left."""
        pause = RESTART_FIRST
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await platform.run()
            except SettingsError as error:
                log.error("platform stopped", platform=platform.name, reason=error.sentence)  # noqa: TRY400 - no traceback for operators
                self._connections.stopped(platform.name, error.sentence)
            except Exception:
                log.exception("platform failed", platform=platform.name)
                if asyncio.get_running_loop().time() - began > STEADY:
                    pause = RESTART_FIRST
                await asyncio.sleep(pause)
                pause = min(pause * 2, RESTART_MOST)
                continue
            return

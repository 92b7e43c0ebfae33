"""The service: the core's tasks, the platforms and the web app, begun together and ended in order."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import structlog

from adapters.moderation.moderators import WordList
from bot.app.signals import LATE, end_process
from bot.clock import Clock
from bot.commands.policy import Policy
from bot.delivery.rate_limiter import RateLimiters
from bot.domain.conversations import PlatformFeature, Reply, ReplyTo
from bot.domain.disclosure import Disclosures
from bot.domain.errors import AvatarbotError, PlatformError, SettingsError, StoreUnavailable
from bot.ingress.gateway import Gateway
from bot.ingress.inbox import Inbox
from bot.jobs import reaper, retention, scheduler, upload_poller
from bot.jobs.connections import Connections
from bot.jobs.scheduler import Job, JobHolder, run_periodically
from bot.jobs.webhooks import WebhookSender
from bot.media.events import SessionEvents
from bot.ports.chat import ChatPlatform, HttpMount
from bot.ports.plugin import PluginContext
from bot.ports.processes import ONLY_RECEIVER, Budgets, Hint, HintKind, Hints, LocalBudgets, NoHints, Receivers
from bot.ports.provider import AvatarProvider, offer_of
from bot.ports.storage import Storage
from bot.ports.storage.records import ProcessProfile
from bot.ports.turn_traces import TurnObserver
from bot.ports.web import Pictures, PublicFiles, WebhookClient
from bot.ports.words import LanguageModel, Moderator, Unanswered
from bot.process_roles import ProcessRole
from bot.queries.archive import StoredArchive
from bot.queries.context import QueryContext
from bot.queries.watch_links import Links
from bot.runtime.accounts import accounts_of
from bot.runtime.funding import Funding
from bot.runtime.lease import StoredReceivers
from bot.runtime.outbox import Outbox
from bot.runtime.services import Moderation, Services, SessionTimeouts
from bot.runtime.status_card import EndedCards
from bot.runtime.turn_times import TurnTimes
from bot.runtime.worker import HintedRuns, Worker
from bot.telemetry import Metrics
from bot.web.api.authentication import Authentication
from bot.web.api.events import EventStreams
from bot.web.api.operations import MOST_WAITING, ApiOperations
from bot.web.api.routes import ApiRoutes
from bot.web.links.router import LinkRouter
from bot.web.links.server import LinkServer, LinkSurroundings
from bot.web.links.tokens import LinkKeys
from bot.web.mcp.endpoint import McpEndpoint
from bot.web.readiness import Readiness
from bot.web.viewer.presence import Presence
from bot.web.viewer.routes import viewer_mount

log = structlog.get_logger(__name__)

RESTART_FIRST, RESTART_MOST = 1.0, 60.0
"""Seconds before a platform that failed is started again, at first and at most."""

CREDIT_EVERY = 3_600.0
"""Seconds between two looks at what is left in the operator's account."""

DATABASE_EVERY = 10.0
"""Seconds between two looks whether the database is still the file that was opened, and sound."""

ENDS_WITHIN = 9.0
"""Seconds from the service's being told to stop until its process ends, whatever it waits for."""

STEADY = 120.0
"""Seconds of running after which a platform counts as having recovered."""

LAST_COMMITS = 0.5
"""Seconds that what was received may still take to be committed."""

LAST_REPLIES = 1.0
"""Seconds that answers to people may still take once all sessions have ended."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the composition root chose."""

    storage: Storage
    provider: AvatarProvider
    clock: Clock
    policy: Policy
    metrics: Metrics
    model: LanguageModel | None = None
    moderators: Sequence[Moderator] = (WordList(),)
    """In the order in which they are asked."""
    unanswered: Unanswered = Unanswered.HOLD
    timeouts: SessionTimeouts = field(default_factory=SessionTimeouts)
    alone: bool = True
    """Whether no other process can have anything of this storage: a lock tells."""
    profile: ProcessProfile = field(default_factory=ProcessProfile)
    files: PublicFiles | None = None
    give_up: Callable[[str], object] = end_process
    """Called with a sentence when the service cannot go on and cannot be ended in order."""
    pictures: Pictures | None = None
    webhooks: WebhookClient | None = None
    disclosures: Disclosures = field(default_factory=Disclosures)
    barge_in: bool = True
    most_waiting: int = MOST_WAITING
    """Requests of one token whose end is waited for at once."""
    observers: Sequence[TurnObserver] = ()
    budgets: Budgets = field(default_factory=LocalBudgets)
    hints: Hints = field(default_factory=NoHints)
    link_keys: LinkKeys | None = None
    """What processes know each other by that show each other's sessions; none where there is one process only."""


class Service:
    """Put together from parts, given platforms, then `running`."""

    def __init__(self, parts: Parts, base_url: str = "") -> None:
        self.base_url = base_url
        self._platforms: dict[str, ChatPlatform] = {}
        self.services = self._services_of(parts)
        storage, funding = parts.storage, self.services.funding
        parts.metrics.viewers.set_function(lambda: self.services.events.all_watchers)
        self._budgets = parts.budgets
        self._give_up = parts.give_up
        self._stopping = False
        self.draining = asyncio.Event()
        """Set when another process takes over: the web server listens no longer, so that whoever comes next reaches that one."""
        self._roles = parts.profile.roles
        self.worker = Worker(
            self.services,
            parts.profile,
            parts.give_up,
            alone=parts.alone,
            handed_over=lambda: parts.hints.send(Hint(HintKind.CLAIM)),
        )
        stored = StoredReceivers(storage.receiving, self.worker.lease)
        self._receivers: Receivers = ONLY_RECEIVER if parts.alone else stored
        self._connections = Connections(self._platforms, parts.clock, parts.metrics)
        self._ended_cards = EndedCards(self.services)
        self._hints = parts.hints
        self._runs = HintedRuns(self.worker, parts.hints, storage.outbox, self.services.written)
        self._inbox = Inbox(storage, self.services.policy, funding, self._runs, ended=self._ended_cards.note)
        self._replies = Outbox(self.services, self.worker.lease.enlisted)
        self._links = Links(storage.grants, parts.clock, lambda: self.base_url)
        self._archive = StoredArchive(storage, parts.disclosures)
        self._pictures = parts.pictures
        self._jobs = JobHolder(storage.coordination, self.worker.lease.enlisted)
        self._webhooks = WebhookSender(self.services, self._jobs, parts.webhooks) if parts.webhooks else None
        self._presence = Presence()
        self._streams = EventStreams(self.services)
        self._queries = QueryContext(self.services, self._links, self._archive, files=parts.files)
        self.core = Gateway(self._inbox, self._queries)
        self._linked = LinkSurroundings(
            self.services.events, self._presence, self.core, parts.clock, parts.metrics, self.worker.lease_of
        )
        self._link_keys = parts.link_keys
        self._operations = ApiOperations(self.core, self.services, self._archive, most_waiting=parts.most_waiting)
        self._authentication = Authentication(storage.tokens, parts.clock)
        self._mcp = McpEndpoint(self._operations, self._authentication)

    def _services_of(self, parts: Parts) -> Services:
        storage, funding = parts.storage, Funding(parts.storage.channels, self._is_home)
        return Services(
            storage=storage,
            provider=parts.provider,
            funding=funding,
            accounts=accounts_of(parts.provider, storage, funding, self._warn, alone=parts.alone),
            platforms=self._platforms,
            policy=parts.policy.at(offer_of(parts.provider, parts.model)),
            clock=parts.clock,
            events=SessionEvents(parts.metrics.watch_to_first_picture.observe),
            limiters=RateLimiters(storage.coordination, None if parts.alone else self._count_writers),
            metrics=parts.metrics,
            turn_times=TurnTimes(parts.metrics, parts.clock, parts.observers),
            moderation=Moderation(parts.moderators, parts.unanswered),
            timeouts=parts.timeouts,
            model=parts.model,
            disclosures=parts.disclosures,
            barge_in=parts.barge_in,
        )

    @property
    def context(self) -> PluginContext:
        """For building platforms that have no features which commands depend on."""
        return self.context_for()

    def context_for(self, features: Collection[PlatformFeature] = ()) -> PluginContext:
        """For building a platform that has these features."""
        services = self.services
        catalogue = services.policy.catalogue.on_platform(features)
        return PluginContext(
            self.core,
            services.clock,
            services.storage.vault,
            self.base_url,
            catalogue,
            self._budgets,
            receives=ProcessRole.GATEWAY in self._roles,
            receivers=self._receivers,
        )

    async def _count_writers(self) -> int:
        """Processes that run sessions, and write what is said in them."""
        return sum(process.running > 0 for process in await self.services.storage.workers.living())

    def _is_home(self, platform: str, workspace_id: str) -> bool:
        return platform in self._platforms and self._platforms[platform].is_home(workspace_id)

    async def _warn(self, to: ReplyTo, sentence: str) -> None:
        """In private; what cannot be told is logged."""
        platform = self._platforms.get(to.place.platform)
        try:
            if platform:
                await platform.reply(to, Reply(sentence, private=True))
        except PlatformError as error:
            log.warning("an admin could not be told of a refused key", reason=error.detail)

    def add(self, platform: ChatPlatform) -> None:
        """Before `running`."""
        self._platforms[platform.name] = platform

    def mounts(self) -> Sequence[HttpMount]:
        """What the viewer, the API and all platforms serve over HTTP; nothing where that is not this process's part."""
        if ProcessRole.WEB not in self._roles:
            return ()
        services = self.services
        viewer = viewer_mount(
            self._links.grants,
            services.events,
            self.core,
            self._archive,
            services.clock,
            services.policy,
            self._pictures,
            self._presence,
        )
        api = ApiRoutes(self._operations, self._authentication, self._streams)
        serving = (http for platform in self._platforms.values() if (http := platform.features.http))
        return [viewer, api.mount(), self._mcp.mount(), *(mount for http in serving for mount in http.mounts())]

    @property
    def link_server(self) -> LinkServer | None:
        """What is served on the internal port; None where no other process is to show what runs here."""
        return LinkServer(self._linked, self._link_keys) if self._link_keys else None

    async def _follow_elsewhere(self) -> None:
        """Show here what runs in other processes."""
        if self._link_keys:
            placement = self.services.storage.workers.placement
            await LinkRouter(self._linked, self._archive, placement, self._link_keys).run()

    def readiness(self) -> dict[str, Readiness]:
        """Asks whether it goes on, the database, the lease and the connection of each platform that was added."""
        platforms = {name: partial(self._platform_ready, name) for name in self._platforms}
        return {
            "stopping": self._not_stopping,
            "database": self._database_ready,
            "lease": self._lease_ready,
            **platforms,
        }

    async def _not_stopping(self) -> None:
        if self._stopping:
            raise AvatarbotError("This process is being stopped.")

    async def _platform_ready(self, name: str) -> None:
        self._connections.require(name)

    async def _database_ready(self) -> None:
        await self.services.storage.ping()

    async def _lease_ready(self) -> None:
        if not self.worker.lease.held:
            raise StoreUnavailable("This process does not hold its lease.")

    @contextlib.asynccontextmanager
    async def running(self, *, hand_over: bool = False) -> AsyncIterator[None]:
        """Everything runs within the block; at its end sessions are closed, or left to another process."""
        async with (
            contextlib.aclosing(self.services.accounts),
            contextlib.AsyncExitStack() as last,
            asyncio.TaskGroup() as group,
        ):
            last.push_async_callback(self._jobs.let_go)
            working = group.create_task(self.worker.run(), name="worker")
            tasks = [
                group.create_task(self._inbox.run(), name="inbox"),
                group.create_task(self._hints.run(self._runs.hear), name="hints"),
                group.create_task(self._follow_elsewhere(), name="links"),
                group.create_task(self._replies.run(), name="outbox"),
                group.create_task(self.services.limiters.run(), name="limiters"),
                group.create_task(self._ended_cards.run(), name="ended-cards"),
                group.create_task(self.services.accounts.operator.catalog.run(), name="catalog"),
                group.create_task(self._watch_database(working), name="database"),
                group.create_task(self._connections.run(), name="connections"),
                group.create_task(self._receivers.run(), name="receivers"),
                group.create_task(self._mcp.run(), name="mcp"),
                *(group.create_task(work, name="job") for work in self._work_beside()),
                *(group.create_task(self._keep_up(p), name=p.name) for p in self._platforms.values()),
            ]
            try:
                yield
            finally:
                last.callback(asyncio.get_running_loop().call_later(ENDS_WITHIN, self._give_up, LATE).cancel)
                self._stopping = True
                if leave_open := hand_over or await self._somebody_else():
                    self.draining.set()
                self.worker.stop(hand_over=leave_open)
                await asyncio.wait((working,))
                self._operations.close()
                self._streams.close()
                await self._replies.drain(LAST_REPLIES)
                await self._inbox.drain(LAST_COMMITS)
                for task in tasks:
                    task.cancel()

    def _work_beside(self) -> Iterator[Coroutine[None, None, None]]:
        """What is done beside the sessions, by whoever runs sessions."""
        if ProcessRole.WORKER in self._roles:
            yield from (run_periodically(self._jobs, job) for job in self._periodic_jobs())
            if self._webhooks:
                yield self._webhooks.run()

    def _periodic_jobs(self) -> Iterator[Job]:
        services, every = self.services, retention.LOOK_EVERY
        own = services.timeouts.account_is_ours
        reaps = reaper.Reaper(services.storage, services.accounts, services.clock, account_is_ours=own)
        gauges = scheduler.Gauges(services.storage.sessions, services.metrics)
        yield Job("count", gauges.count, scheduler.COUNT_EVERY, lost=gauges.clear)
        at_start = asyncio.Event()  # what could not be closed when the last process ended is closed now
        at_start.set()
        yield Job("reap", reaps.look, reaper.LOOK_EVERY, at_start, lost=reaps.lost)
        yield Job("tidy", retention.Retention(services, self._ended_cards.note).tidy, every)
        yield Job(
            "uploads", upload_poller.UploadPoller(services).look, upload_poller.LOOK_EVERY, self._queries.uploads_due
        )
        yield Job("credit", services.accounts.note_credit, CREDIT_EVERY)
        yield Job("leavers", retention.Leavers(services).look, every)

    async def _watch_database(self, working: asyncio.Task[None]) -> None:
        """Ends the service with a `SettingsError` when what it writes is not kept any more, once its sessions are closed."""
        while True:
            await asyncio.sleep(DATABASE_EVERY)
            try:
                self.services.storage.check()
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

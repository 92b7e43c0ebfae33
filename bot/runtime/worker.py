"""One process's share of the sessions: it holds a lease, claims what nobody runs, runs it, and gives some away where it runs too many.

What is committed here for runs elsewhere is told to their processes by a hint, and what others commit to the runs here.
"""

import asyncio
import contextlib
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

import structlog

from bot.domain.conversations import ConversationRef
from bot.domain.errors import AvatarbotError, StoreBusy, StoreRefused, StoreUnavailable
from bot.domain.sessions import EndReason
from bot.media.events import SessionWrites
from bot.ports.processes import Hint, HintKind, Hints
from bot.ports.storage.coordination import Load
from bot.ports.storage.records import InboxRecord, Lease, ProcessProfile
from bot.runtime.context import Ending, HandedOver
from bot.runtime.lease import WorkerLease
from bot.runtime.services import Services
from bot.runtime.session_runner import SessionRunner
from bot.tasks import Wakeups, cancel_and_wait, rest

log = structlog.get_logger(__name__)

LOOK_EVERY = 1.0
"""Seconds between two looks for sessions without a wakeup. The rows are the truth; a wakeup is only a hint."""
TAKE_OVER_EVERY = 0.5
"""Where others may have died: half of it is part of what a takeover takes, after the lease."""
POLL_EVERY = 0.25
"""Seconds between two looks for what other processes took in for sessions that run here."""
RETRY_FIRST, RETRY_MOST = 1.0, 30.0


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds that runs get to end once they are asked to, and then once they are cancelled."""

    asked: float
    cancelled: float


ON_STOP = Patience(6.0, 1.0)
"""Of the 10 s that the service has to end: what comes after the runs needs the rest."""

ON_LOSS = Patience(4.0, 4.0)
"""Rooms that others have are left within so long, or the process ends."""

STUCK_RUNS, STUCK_WITHIN = 3, 900.0
"""So many runs of a session for which the storage was too slow, within so many seconds, are its last."""

FAILING_KEPT = 1_000
"""Sessions of which is remembered that their runs failed."""

GIVEN_AWAY_FOR = 10.0
"""Seconds for which a worker does not claim what it gave away."""

STUCK = "Sessions that had to end did not. This process ends at once, so that it can be started anew."


class Worker:
    """Runs sessions until told to stop. `alone` says that no other process can hold anything: a lock on the database tells.

    `give_up` is called with a sentence when runs do not end though they have to. It is to end the process, whatever still runs.
    `handed_over` is called for each session that a worker that leaves has given back: another may claim it now.
    """

    def __init__(
        self,
        services: Services,
        profile: ProcessProfile,
        give_up: Callable[[str], object],
        *,
        alone: bool = False,
        handed_over: Callable[[], object] = lambda: None,
    ) -> None:
        self.lease = WorkerLease(services.storage.workers, profile, alone=alone)
        self._rooms = profile.rooms
        self._services = services
        self._for_runs = services.for_runs()
        services.metrics.hosted.set_function(lambda: self.hosted)
        self._give_up = give_up
        self._handed_over = handed_over
        self._alone = alone
        self._runs: dict[str, SessionRunner] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._failures: dict[str, _Failures] = {}  # by session, the latest last
        self._wakeup = asyncio.Event()
        self._forgot = asyncio.Event()
        self._releasing: set[str] = set()  # sessions whose run is over, and which are held until another may begin
        self._balance = Balance()
        self._given_away: dict[str, float] = {}  # sessions, and until when this worker claims them not
        self._leaving: Ending | None = None
        self._left = asyncio.Event()

    @property
    def hosted(self) -> int:
        return len(self._runs)

    def hand_over(self, row: InboxRecord) -> bool:
        """It was accepted for a session: its run gets it. False where none runs here."""
        run = self._runs.get(row.session_id)
        if run:
            run.hand_over(row)
        return run is not None

    def look_again(self, session_id: str) -> bool:
        """Something that nobody handed over may wait for a session. False where none runs here."""
        run = self._runs.get(session_id)
        if run:
            run.look_again()
        return run is not None

    def claimable(self) -> None:
        """A session needs a run."""
        self._wakeup.set()

    def lease_of(self, session_id: str) -> Lease | None:
        """Of the run of a session, where one runs here."""
        run = self._runs.get(session_id)
        return run.lease if run else None

    def hosts(self, channel: ConversationRef) -> bool:
        """Whether a session of this channel runs here."""
        return any(run.channel == channel for run in self._runs.values())

    def changed(self, channel: ConversationRef) -> None:
        """What waits in a channel was edited or withdrawn."""
        for run in self._runs.values():
            if run.channel == channel:
                run.look_again()

    async def run(self) -> None:
        """Hold the lease and run sessions until cancelled or stopped; then everything is given back."""
        await self.lease.enlist()
        try:
            async with asyncio.TaskGroup() as group:
                looking = [group.create_task(self._notify_missed(), name="missed")]
                if not self._alone:
                    looking.append(group.create_task(self._keep_lease(group), name="lease"))
                if not self._alone and self._rooms:
                    looking.append(group.create_task(self._keep_balance(), name="balance"))
                await self._claim_and_run(group)
                await self._end_runs(self._leaving or HandedOver(), ON_STOP, list(self._runs.values()))
                await cancel_and_wait(*looking)
        finally:
            with contextlib.suppress(StoreUnavailable):
                await self.lease.dismiss()

    def stop(self, *, hand_over: bool) -> None:
        """End all runs, within the time of `ON_STOP`: closed at the provider, or left open for whoever takes over."""
        self._leaving = HandedOver(hears_out=True) if hand_over else EndReason.SHUTDOWN
        for run in self._runs.values():
            run.end(self._leaving)
        self._left.set()
        self._wakeup.set()

    async def others_alive(self) -> bool:
        """Whether another process could take over."""
        return await self._services.storage.workers.others_alive(self.lease.id)

    async def _keep_lease(self, group: asyncio.TaskGroup) -> None:
        """After a while without it others may run what ran here: those rooms are left, and all others kept under a lease that is renewed."""
        while True:
            await self.lease.lapsed()
            self._services.metrics.leases_lost.inc()
            log.warning("the lease has lapsed: sessions keep their rooms and say nothing", sessions=len(self._runs))
            held = await self.lease.regained()
            lost = [run for run in self._runs.values() if run.lease not in held]
            log.warning("the lease is there again", kept=len(self._runs) - len(lost), left=len(lost))
            leaving = group.create_task(self._end_runs(HandedOver(), ON_LOSS, lost), name="leaving")
            if not self.lease.known:
                await leaving
                await self.lease.enlist_again()

    async def _keep_balance(self) -> None:
        """Who runs far more than the others for long gives quiet workspaces away, one a second."""
        while True:
            await asyncio.sleep(LOOK_EVERY if self._balance.gives else LOAD_EVERY)
            with contextlib.suppress(StoreUnavailable):
                load = await self._services.storage.workers.load(self.lease.id)
                self._give_away(self._balance.to_give(load, self._runs.values()))

    def _give_away(self, runs: Sequence[SessionRunner]) -> None:
        until = asyncio.get_running_loop().time() + GIVEN_AWAY_FOR
        for run in runs:
            self._given_away[run.lease.session_id] = until
            run.end(HandedOver())

    # ------------------------------------------------------------ the runs

    async def _claim_and_run(self, group: asyncio.TaskGroup) -> None:
        while not self._leaving:
            self._wakeup.clear()
            for lease in await self._claim():
                self._begin(lease, group)
            await rest(self._wakeup, LOOK_EVERY if self._alone else TAKE_OVER_EVERY)

    def _begin(self, lease: Lease, group: asyncio.TaskGroup) -> None:
        run = self._runs[lease.session_id]
        hosting = group.create_task(self._host(lease, run), name=f"session {lease.session_id}")
        # One that is cancelled before it begins has no `finally`.
        hosting.add_done_callback(lambda _: self._let_go(run))
        self._tasks[lease.session_id] = hosting

    def _forget(self, run: SessionRunner) -> None:
        """It is over; its session may have another one by now."""
        session_id = run.lease.session_id
        if self._runs.get(session_id) is run:
            del self._runs[session_id], self._tasks[session_id]
            self._forgot.set()

    def _let_go(self, run: SessionRunner) -> None:
        self._forget(run)
        self._releasing.discard(run.lease.session_id)

    async def _notify_missed(self) -> None:
        """Rows that another process wrote wake nobody here: look for them, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY if self._alone else POLL_EVERY)
            if self._runs:
                with contextlib.suppress(StoreUnavailable):
                    await self._look_for_missed()

    async def _look_for_missed(self) -> None:
        for session_id, row_id in await self._services.storage.inbox.waiting_ids(self.lease.id):
            if run := self._runs.get(session_id):
                run.look_for(row_id)

    async def _claim(self) -> list[Lease]:
        """What nobody runs, from now on ours. A claim that was under way when the lease was lost is none."""
        worker_id, room = self.lease.id, self._rooms - len(self._runs)
        if not self.lease.held or room <= 0:
            return []
        but = {*self._runs, *self._releasing, *self._not_ours()}
        suspects = not any(run.on_probation for run in self._runs.values())
        try:
            leases = await self._services.storage.workers.claim(worker_id, room=room, but=but, suspects=suspects)
        except StoreUnavailable as error:
            log.warning("cannot claim", reason=error.detail)
            return []
        if worker_id != self.lease.id or not self.lease.held:
            return []  # free for everybody once the next lease is there
        self._services.metrics.claims.inc(len(leases))
        for lease in leases:
            held_since, stuck = partial(self.lease.held_since, worker_id), self._is_stuck(lease.session_id)
            run = self._runs[lease.session_id] = SessionRunner(self._for_runs, lease, held_since, stuck=stuck)
            if self._leaving:  # told to while the claim was under way
                run.end(self._leaving)
        return leases

    def _is_stuck(self, session_id: str) -> bool:
        """Whether run after run of it waited for what the storage never comes to the end of."""
        since = asyncio.get_running_loop().time() - STUCK_WITHIN
        failures = self._failures.get(session_id)
        return failures is not None and sum(moment > since for moment in failures.slow) == STUCK_RUNS

    def _not_ours(self) -> Collection[str]:
        """Sessions that were given away a moment ago."""
        now = asyncio.get_running_loop().time()
        self._given_away = {session_id: until for session_id, until in self._given_away.items() if until > now}
        return self._given_away

    async def _host(self, lease: Lease, run: SessionRunner) -> None:
        """Run one session; a fault of ours is logged, and the session is free again after a while."""
        pause, failed = 0.0, False
        try:
            await run.run()
            self._failures.pop(lease.session_id, None)
        except Exception as error:
            failed = not _is_the_storages(error)
            if failed:
                log.exception("a run failed", session=lease.session_id)
            else:
                reason = _reason(error)
                log.warning("a run begins anew: the database was away", session=lease.session_id, reason=reason)
            failures = self._failed(lease.session_id, error)
            pause = min(RETRY_FIRST * 2 ** (failures - 1), RETRY_MOST)
        finally:
            self._releasing.add(lease.session_id)
            self._forget(run)
        await rest(self._left, pause)
        await self._release(lease, failed=failed)
        self._wakeup.set()

    def _failed(self, session_id: str, error: Exception) -> int:
        """How many runs of it have failed here in a row."""
        failures = self._failures[session_id] = self._failures.pop(session_id, _Failures())
        for forgotten in list(self._failures)[:-FAILING_KEPT]:  # they may have gone on elsewhere
            del self._failures[forgotten]
        if _is_too_slow(error):
            failures.slow.append(asyncio.get_running_loop().time())
        failures.in_a_row += 1
        return failures.in_a_row

    async def _release(self, lease: Lease, *, failed: bool) -> None:
        """While this worker lives nobody else can take what it holds; a worker that leaves is gone soon."""
        released = False
        while not released:
            try:
                await self._services.storage.unfenced.released(lease, failed=failed)
                released = True
                if self._leaving:
                    self._handed_over()
            except StoreUnavailable as error:
                log.warning("cannot release", session=lease.session_id, reason=error.detail)
                released = self._leaving is not None
                await asyncio.sleep(LOOK_EVERY)

    # ------------------------------------------------------------ ending them

    async def _end_runs(self, ending: Ending, patience: Patience, runs: Sequence[SessionRunner]) -> None:
        """Return when none of these runs is left: asked to end first, then cancelled. What does not end then ends with the process."""
        for run in runs:
            run.end(ending)
        await self._over(runs, patience.asked)
        if not (late := self._unended(runs)):
            return
        log.warning("runs are cancelled", sessions=late)
        for session_id in late:
            self._tasks[session_id].cancel()
        await self._over(runs, patience.cancelled)
        if self._unended(runs):
            self._give_up(STUCK)

    def _unended(self, runs: Sequence[SessionRunner]) -> list[str]:
        return [run.lease.session_id for run in runs if self._runs.get(run.lease.session_id) is run]

    async def _over(self, runs: Sequence[SessionRunner], within: float) -> None:
        """Once none of them is left, or that time has passed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                while self._unended(runs):
                    self._forgot.clear()
                    await self._forgot.wait()


@dataclass(slots=True)
class _Failures:
    """Of one session's runs here. `slow`: when the storage was too slow for the last of them, in the loop's time."""

    in_a_row: int = 0
    slow: deque[float] = field(default_factory=lambda: deque(maxlen=STUCK_RUNS))


def _is_the_storages(error: Exception) -> bool:
    """Whether nothing but the storage is to blame. Of what it is always too slow for, or never takes, the run is."""
    if isinstance(error, ExceptionGroup):
        return all(map(_is_the_storages, error.exceptions))
    return isinstance(error, StoreUnavailable) and not isinstance(error, StoreBusy | StoreRefused)


def _reason(error: Exception) -> str:
    """The first of what went wrong at once."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error.detail if isinstance(error, AvatarbotError) else repr(error)


def _is_too_slow(error: Exception) -> bool:
    if isinstance(error, ExceptionGroup):
        return any(map(_is_too_slow, error.exceptions))
    return isinstance(error, StoreBusy)


# ---------------------------------------------------------------- what it gives away

LOAD_EVERY = 5.0
"""Seconds between two looks at how many sessions each worker runs."""
TOO_MUCH = 1.5
"""Times the mean."""
FOR_LONG = 60.0
"""Seconds."""


class Balance:
    """Which sessions one worker gives away. They are left at a quiet moment and joined again elsewhere, in the same room."""

    def __init__(self) -> None:
        self._since: float | None = None  # in the loop's time

    @property
    def gives(self) -> bool:
        return self._since is not None and asyncio.get_running_loop().time() - self._since >= FOR_LONG

    def to_give(self, load: Load, runs: Iterable[SessionRunner]) -> Sequence[SessionRunner]:
        """The runs of one workspace in which nobody talks or watches: once it ran too much for long, until it has its share."""
        if load.hosted <= (load.share if self.gives else TOO_MUCH * load.mean):
            self._since = None
        elif self._since is None:
            self._since = asyncio.get_running_loop().time()
        return _quiet_workspace(runs, load.hosted - load.mean) if self.gives else ()


def _quiet_workspace(runs: Iterable[SessionRunner], most: float) -> Sequence[SessionRunner]:
    """None that is so large that another would have too much then."""
    workspaces: dict[tuple[str, str], list[SessionRunner]] = defaultdict(list)
    for run in runs:
        workspaces[run.workspace].append(run)
    quiet = (each for each in workspaces.values() if len(each) <= most and all(run.quiet for run in each))
    return next(quiet, ())


# ---------------------------------------------------------------- runs of other processes


class HintedRuns:
    """What was committed here is told to whoever runs it; what others committed is told to the runs here, by `hear`."""

    def __init__(self, here: Worker, hints: Hints, outbox: Wakeups, written: SessionWrites) -> None:
        self._here = here
        self._hints = hints
        self._outbox = outbox
        self._written = written
        outbox.others = lambda: hints.send(Hint(HintKind.OUTBOX))
        written.ask = self._ask
        written.tell = lambda session_id: hints.send(Hint.written(session_id))

    def hand_over(self, row: InboxRecord) -> None:
        if not self._here.hand_over(row):
            self._hints.send(Hint.waits(row.session_id))

    def look_again(self, session_id: str) -> None:
        if not self._here.look_again(session_id):
            self._hints.send(Hint.waits(session_id))

    def claimable(self) -> None:
        self._here.claimable()
        self._hints.send(Hint(HintKind.CLAIM))

    def hosts(self, channel: ConversationRef) -> bool:
        return self._here.hosts(channel)

    def changed(self, channel: ConversationRef) -> None:
        self._here.changed(channel)
        self._hints.send(Hint.changed(channel))

    def hear(self, hint: Hint) -> None:
        """Another process has committed something."""
        match hint:
            case Hint(HintKind.WAITS, (session_id,)):
                self._here.look_again(session_id)
            case Hint(HintKind.CHANGED, (platform, workspace_id, channel_id)):
                self._here.changed(ConversationRef(platform, workspace_id, channel_id))
            case Hint(HintKind.CLAIM):
                self._here.claimable()
            case Hint(HintKind.OUTBOX):
                self._outbox.wake_here()
            case Hint(HintKind.AWAITED, (session_id,)):
                self._awaited(session_id)
            case Hint(HintKind.WRITTEN, (session_id,)):
                self._written.wake_here(session_id)
            case _:
                pass

    def _awaited(self, session_id: str) -> None:
        self._written.asked(session_id)
        if self._here.lease_of(session_id):
            self._hints.send(Hint.written(session_id))  # what is waited for may be older than the question

    def _ask(self, session_id: str) -> None:
        if not self._here.lease_of(session_id):
            self._hints.send(Hint.awaited(session_id))

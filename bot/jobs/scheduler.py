"""Periodic jobs, each done by one process at a time, and what the gauges show."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from bot.clock import new_id
from bot.domain.errors import AvatarbotError, StoreUnavailable
from bot.domain.sessions import SessionStatus
from bot.ports.storage.coordination import CoordinationRepository
from bot.ports.storage.repositories import SessionRepository
from bot.tasks import cancel_and_wait, rest
from bot.telemetry import Metrics

log = structlog.get_logger(__name__)

HELD_FOR = 30.0
"""Seconds beyond its interval for which a job is had: so much later another process does it where its holder died."""


def _nothing() -> None:
    """Most jobs leave nothing behind in the process that did them."""


@dataclass(frozen=True, slots=True)
class Job:
    """Done `every` so many seconds, and when `wakeup` is set. `lost` is called where another process may have it now."""

    name: str
    work: Callable[[], Awaitable[object]]
    every: float
    wakeup: asyncio.Event = field(default_factory=asyncio.Event)
    lost: Callable[[], None] = _nothing


class JobHolder:
    """A process as one that does jobs, once its worker is `enlisted`: a job is had by one at a time, by the storage's clock."""

    def __init__(self, coordination: CoordinationRepository, enlisted: asyncio.Event) -> None:
        self.enlisted = enlisted
        self._id = new_id()
        self._coordination = coordination

    async def has(self, name: str, every: float) -> bool:
        """Whether the job is ours until it is due again, and for some time beyond. Raises `StoreUnavailable`."""
        return await self._coordination.hold(name, self._id, lasts=timedelta(seconds=every + HELD_FOR))

    async def do(self, job: Job) -> None:
        """Do it where it is ours. It stays ours however long it takes."""
        try:
            ours = await self.has(job.name, job.every)
        except StoreUnavailable:
            job.lost()
            raise
        if not ours:
            return job.lost()
        holding_on = asyncio.create_task(self._hold_on(job), name="job-held")
        try:
            await job.work()
        finally:
            await cancel_and_wait(holding_on)

    async def _hold_on(self, job: Job) -> None:
        while True:
            await asyncio.sleep(HELD_FOR / 3)
            with contextlib.suppress(StoreUnavailable):
                await self.has(job.name, job.every)

    async def let_go(self) -> None:
        """Another process may do everything at once."""
        with contextlib.suppress(StoreUnavailable):
            await self._coordination.let_go(self._id)


async def run_periodically(holder: JobHolder, job: Job) -> None:
    """Do a job in its time, until cancelled. What fails is tried again the next time.

    Where its `wakeup` is set already, it is done as soon as the worker is enlisted.
    """
    await holder.enlisted.wait()
    while True:
        await rest(job.wakeup, job.every)
        job.wakeup.clear()
        try:
            await holder.do(job)
        except AvatarbotError as error:
            log.info("a job was not done", job=job.name, reason=error.detail)
        except Exception:
            log.exception("a job failed", job=job.name)


COUNT_EVERY = 10.0
"""Seconds."""

COUNTED = tuple(status for status in SessionStatus if status is not SessionStatus.ENDED)


class Gauges:
    """Sessions of all processes, shown by one of them: the sum over processes is right."""

    def __init__(self, sessions: SessionRepository, metrics: Metrics) -> None:
        self._sessions, self._metrics = sessions, metrics

    async def count(self) -> None:
        """Raises `StoreUnavailable`."""
        counts = await self._sessions.count_by_status()
        for status in COUNTED:
            self._metrics.sessions.labels(status.value).set(counts.get(status, 0))

    def clear(self) -> None:
        """Another process shows them."""
        self._metrics.sessions.clear()

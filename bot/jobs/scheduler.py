"""Periodic jobs, and what the gauges show. Only the worker that has lived longest does them, so that no two processes do the same."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from bot.domain.errors import AvatarbotError
from bot.domain.sessions import SessionStatus
from bot.runtime.services import Services
from bot.runtime.worker import Worker
from bot.tasks import rest

log = structlog.get_logger(__name__)


async def run_periodically(
    services: Services, worker: Worker, job: Callable[[], Awaitable[object]], *, every: float, wakeup: asyncio.Event
) -> None:
    """Do `job` every so many seconds, and whenever `wakeup` is set, until cancelled. What fails is tried again the next time.

    Where `wakeup` is set already, the job is done as soon as the worker is enlisted.
    """
    await worker.lease.enlisted.wait()
    while True:
        await rest(wakeup, every)
        wakeup.clear()
        try:
            if await services.storage.workers.eldest() == worker.lease.id:
                await job()
        except AvatarbotError as error:
            log.info("a job was not done", job=job.__qualname__, reason=error.detail)
        except Exception:
            log.exception("a job failed", job=job.__qualname__)


COUNT_EVERY = 10.0
"""Seconds."""

COUNTED = tuple(status for status in SessionStatus if status is not SessionStatus.ENDED)


class Gauges:
    def __init__(self, services: Services) -> None:
        self._services = services

    async def count(self) -> None:
        """Raises `StoreUnavailable`."""
        counts, metrics = await self._services.storage.sessions.count_by_status(), self._services.metrics
        for status in COUNTED:
            metrics.sessions.labels(status.value).set(counts.get(status, 0))
        metrics.viewers.set(self._services.events.all_watchers)

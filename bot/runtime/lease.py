"""The row that says that this process lives: who holds one may claim sessions and run them."""

import asyncio
import math
from datetime import timedelta

import structlog

from bot.clock import new_id
from bot.domain.errors import StoreUnavailable
from bot.ports.storage.records import ProcessProfile
from bot.ports.storage.repositories import WorkerRepository
from bot.runtime.services import Services

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=5)
RENEW_EVERY = 1.5

ENLIST_AGAIN = 1.0
"""Seconds between two tries while the database is not to be had."""


class WorkerLease:
    """Renewed until that fails, and then had anew under another id.

    With `alone` no other process can use the database (a lock on its file says so). There is nobody to yield to then: the lease
    lasts as long as the process, whatever stalls and whatever becomes of the clock.
    """

    def __init__(self, services: Services, profile: ProcessProfile, *, alone: bool) -> None:
        self.id = ""
        self.enlisted = asyncio.Event()
        """Set once there is a lease for the first time."""
        self._services = services
        self._profile = profile
        self._alone = alone
        self._until = 0.0  # in the loop's time; the row has it in the wall clock's

    @property
    def held(self) -> bool:
        """Whether it certainly holds, for what begins now."""
        return asyncio.get_running_loop().time() < self._until

    async def enlist(self) -> None:
        """Have a lease under a new id; what was held under the last one can be claimed at once. Raises `StoreUnavailable`."""
        before, self.id, began = self.id, new_id(), asyncio.get_running_loop().time()
        lasts = None if self._alone else LEASE
        await self._workers.enlist(self.id, self._profile, lasts=lasts, instead_of=before)
        self._until = math.inf if self._alone else began + LEASE.total_seconds()
        self.enlisted.set()

    async def enlist_again(self) -> None:
        """`enlist`, as soon as the database takes it."""
        while True:
            try:
                return await self.enlist()
            except StoreUnavailable as error:
                log.warning("cannot enlist", reason=error.detail)
                await asyncio.sleep(ENLIST_AGAIN)

    async def lost(self) -> None:
        """Renew it, and return once that has failed: from then on it is not held, whatever either clock says.

        Not to be asked of one that lasts for ever.
        """
        renewed = True
        while renewed:
            await asyncio.sleep(RENEW_EVERY)
            renewed = await self._renewed()
        self._until = 0.0

    async def dismiss(self) -> None:
        """Give it back. Raises `StoreUnavailable`."""
        await self._workers.dismiss(self.id)

    async def _renewed(self) -> bool:
        """Whether it holds for another while; tries until it nearly runs out."""
        while self.held:
            began = asyncio.get_running_loop().time()
            try:
                async with asyncio.timeout(max(0.1, self._until - began - RENEW_EVERY / 3)):
                    renewed = await self._workers.renew(self.id, lasts=LEASE)
            except (StoreUnavailable, TimeoutError):
                await asyncio.sleep(RENEW_EVERY / 5)
                continue
            if renewed:
                self._until = began + LEASE.total_seconds()
            return renewed
        return False

    @property
    def _workers(self) -> WorkerRepository:
        return self._services.storage.workers

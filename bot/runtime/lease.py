"""The row that says that this process lives, by which it may claim sessions and run them, and which others receive what people write."""

import asyncio
import contextlib
import math
from datetime import timedelta
from typing import Final

import structlog

from bot.clock import new_id
from bot.domain.errors import StoreUnavailable
from bot.ports.processes import HeldShards
from bot.ports.storage.coordination import ReceivingRepository, WorkerRepository
from bot.ports.storage.records import Lease, ProcessProfile

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=4.5)
RENEW_EVERY = 1.0
"""Seconds. Who dies held it for 4 s more, as a mean; who lives may be 3.5 s late."""

TRY_AGAIN = 0.3
"""Seconds between two tries to renew it while the database is not to be had."""

DUE = LEASE - 2 * timedelta(seconds=RENEW_EVERY)
"""What is left of it at the least where the database was there all the time."""

OTHERS_LATE = timedelta(seconds=4)
"""For how long after a late renewal, or a start, others may still renew theirs: the database was away, and a try to connect lasts up to 3 s."""

ENLIST_AGAIN = 1.0
"""Seconds between two tries to have one."""


class WorkerLease:
    """Renewed as long as the process lives, also late: what others claimed meanwhile is theirs, and what they did not is kept.

    With `alone` no other process can use the database (a lock on its file says so). There is nobody to yield to then: the lease
    lasts as long as the process, whatever stalls and whatever becomes of the clock.
    """

    def __init__(self, workers: WorkerRepository, profile: ProcessProfile, *, alone: bool) -> None:
        self.id = ""
        self.enlisted = asyncio.Event()
        """Set once there is a lease for the first time."""
        self._workers = workers
        self._profile = profile
        self._alone = alone
        self._until = 0.0  # in the loop's time; the row has it in that of the clock that all processes share
        self._gap = False  # it was renewed too late
        self._since = math.inf  # in the loop's time: when it was had, or was last renewed too late
        self.known = True
        """Whether it was not dismissed when it was last renewed."""

    @property
    def held(self) -> bool:
        """Whether it certainly holds, for what begins now."""
        return _elapsed() < self._until

    def held_since(self, worker_id: str, moment: float) -> bool:
        """Whether it certainly holds, is the one under this id, and has held all the time since that moment of the loop's time."""
        return self.held and self.id == worker_id and self._since <= moment

    async def enlist(self) -> None:
        """Have a lease under a new id; what was held under the last one can be claimed at once. Raises `StoreUnavailable`."""
        before, self.id, began = self.id, new_id(), _elapsed()
        lasts = None if self._alone else LEASE
        await self._workers.enlist(self.id, self._profile, lasts=lasts, instead_of=before, spares=OTHERS_LATE)
        self._until = math.inf if self._alone else began + LEASE.total_seconds()
        self._since = began
        self.known = True
        self.enlisted.set()

    async def enlist_again(self) -> None:
        """`enlist`, as soon as the database takes it."""
        while True:
            try:
                return await self.enlist()
            except StoreUnavailable as error:
                log.warning("cannot enlist", reason=error.detail)
                await asyncio.sleep(ENLIST_AGAIN)

    async def lapsed(self) -> None:
        """Renew it until it was not held for a while: others may have claimed what was held under it. Not to be asked of one that lasts
        for ever.
        """
        self._gap, pause = False, RENEW_EVERY
        while self.held and not self._gap:
            await asyncio.sleep(pause)
            if self.held:
                pause = RENEW_EVERY if await self._renewed() else TRY_AGAIN

    async def regained(self) -> frozenset[Lease]:
        """Once it lapsed: what is still held under it, as soon as the database is there. Nothing where this worker was dismissed."""
        while not self.held:
            if not await self._renewed():
                if not self.known:
                    return frozenset()
                await asyncio.sleep(TRY_AGAIN)
        return await self._still_held()

    async def dismiss(self) -> None:
        """Give it back. Raises `StoreUnavailable`."""
        await self._workers.dismiss(self.id)

    async def _renewed(self) -> bool:
        """Whether it holds for another while."""
        before, began = self._until, _elapsed()
        try:
            self.known = await self._workers.renew(self.id, lasts=LEASE, due=DUE, spares=OTHERS_LATE)
        except StoreUnavailable:
            return False
        self._until = began + LEASE.total_seconds() if self.known else 0.0
        if _elapsed() >= before:
            self._gap, self._since = True, _elapsed()
        return self.known

    async def _still_held(self) -> frozenset[Lease]:
        while True:
            try:
                return await self._workers.held(self.id)
            except StoreUnavailable:
                await asyncio.sleep(TRY_AGAIN)


def _elapsed() -> float:
    return asyncio.get_running_loop().time()


# ---------------------------------------------------------------- who receives

COUNT_EVERY_S: Final = 10.0


class StoredReceivers:
    """`Receivers`: this process is the one of the lease."""

    def __init__(self, receiving: ReceivingRepository, lease: WorkerLease) -> None:
        self.others = False
        self._receiving = receiving
        self._lease = lease

    async def hold(self, platform: str, count: int) -> HeldShards:
        await self._lease.enlisted.wait()
        return await self._receiving.hold_shards(self._lease.id, platform, count)

    async def run(self) -> None:
        """Look for others until cancelled."""
        await self._lease.enlisted.wait()
        while True:
            with contextlib.suppress(StoreUnavailable):
                self.others = await self._receiving.others_receive(self._lease.id)
            await asyncio.sleep(COUNT_EVERY_S)

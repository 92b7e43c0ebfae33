"""Budgets that several processes share: each reserves its next calls in a row of the storage, a few at a time."""

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import timedelta

import structlog

from bot.domain.errors import StoreUnavailable
from bot.ports.processes import CallBudget, CallRate, LocalBudget
from bot.ports.storage.coordination import CoordinationRepository

log = structlog.get_logger(__name__)

MOST_RESERVED = 10
"""Calls that are reserved together: as many as wait and are due within a second, and so many at most, since what is reserved and not made
is lost to all.
"""

STALE = 0.1
"""Seconds after which a reserved call that nobody made is not made any more: others have theirs by then."""

SHARE_ALONE = 4
"""While the storage cannot be asked each process goes on at one part in so many of the rate."""


class SharedBudget:
    """One key. One reservation is under way at a time, for all who wait in this process."""

    def __init__(
        self,
        coordination: CoordinationRepository,
        key: str,
        rate: CallRate,
        waited: Callable[[float], object] = lambda _: None,
    ) -> None:
        self._coordination = coordination
        self._key = key
        self._rate = rate
        self._together = max(1, min(MOST_RESERVED, int(1 / rate.interval)))
        self._waited = waited
        self._without = LocalBudget(CallRate(rate.interval * SHARE_ALONE))
        self._queue = asyncio.Lock()
        self._waiting = 0
        self._reserved: deque[float] = deque()  # when each may be made

    async def turn(self) -> None:
        began = _time()
        self._waiting += 1
        try:
            async with self._queue:
                await self._made()
        finally:
            self._waiting -= 1
        self._waited(_time() - began)

    async def _made(self) -> None:
        """Who waits behind is reserved for together, so this returns when the call is due. It is taken only then: the next in the queue
        has what somebody gave up.
        """
        at = await self._next()
        if at is None:
            await self._without.turn()
            return
        if (wait := at - _time()) > 0:
            await asyncio.sleep(wait)
        if self._reserved:  # nobody asked for a pause meanwhile
            self._reserved.popleft()

    async def _next(self) -> float | None:
        """When the next call may be made; None where the storage cannot be asked."""
        while self._reserved and self._reserved[0] < _time() - STALE:
            self._reserved.popleft()
        if not self._reserved:
            try:
                await self._reserve(min(self._waiting, self._together))
            except StoreUnavailable as error:
                log.info("a budget is not shared for now", budget=self._key, reason=error.detail)
                return None
        return self._reserved[0]

    async def _reserve(self, calls: int) -> None:
        interval, burst = timedelta(seconds=self._rate.interval), self._rate.burst
        due = await self._coordination.reserve(self._key, calls=calls, interval=interval, burst=burst)
        first = _time() + due.total_seconds()
        self._reserved.extend(first + number * self._rate.interval for number in range(calls))

    async def pause(self, seconds: float) -> None:
        self._reserved.clear()
        await self._without.pause(seconds)
        try:
            await self._coordination.pause(self._key, lasts=timedelta(seconds=seconds))
        except StoreUnavailable as error:
            log.info("others are not told to pause", budget=self._key, reason=error.detail)

    async def paused(self) -> float:
        try:
            return (await self._coordination.paused(self._key)).total_seconds()
        except StoreUnavailable:
            return await self._without.paused()


class SharedBudgets:
    """`Budgets` of several processes. `waited` is told a budget's name, and seconds that a turn of it took."""

    def __init__(
        self, coordination: CoordinationRepository, waited: Callable[[str, float], object] = lambda _, __: None
    ) -> None:
        self._coordination = coordination
        self._waited = waited
        self._budgets: dict[str, CallBudget] = {}

    def of(self, name: str, rate: CallRate, account: str = "") -> CallBudget:
        key = f"{name}:{account}" if account else name
        if key not in self._budgets:
            self._budgets[key] = SharedBudget(
                self._coordination, key, rate, lambda seconds: self._waited(name, seconds)
            )
        return self._budgets[key]


def _time() -> float:
    return asyncio.get_running_loop().time()

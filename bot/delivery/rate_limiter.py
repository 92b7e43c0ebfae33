"""How fast a platform is written to: one budget for all sessions that share it, and finals before previews."""

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from enum import IntEnum
from functools import partial
from typing import NamedTuple

import structlog

from bot.domain.conversations import ConversationRef
from bot.domain.errors import StoreUnavailable
from bot.ports.chat import RateLimits
from bot.ports.storage.coordination import CoordinationRepository
from bot.tasks import rest

log = structlog.get_logger(__name__)

RECOVERY_S = 60.0
"""How long a budget stays halved after the platform said that it was too fast."""

PREVIEW_SHARE = 0.7
"""The part of a budget that growing texts may use; the rest is for what must arrive."""


COUNT_EVERY_S = 10.0
"""Seconds between two looks how many processes write."""


class Priority(IntEnum):
    """What goes first when calls wait."""

    FINAL = 0
    PREVIEW = 1
    CARD = 2


CARD_WITHIN_S = 10.0
"""A card takes turns that nobody's text wants; after so long it takes the next one."""


class _Waiter(NamedTuple):
    """Somebody who waits; ordered by who goes first."""

    urgency: Priority
    order: int
    called: asyncio.Event
    asked_at: float


FINALS_WITHIN_S = 5.0
"""So many messages may grow at once that all their final texts could be written within this time."""


class RateLimiter:
    """A budget of calls. Time is the running loop's. `edits` is the budget of edits: its own where the platform has one."""

    def __init__(self, pace: RateLimits, paused: Callable[[str, float], object] = lambda _, __: None) -> None:
        """`paused` is told when the platform asked to wait: for which part (`''`, or `edits` where they have their own), and how long."""
        self._pace = pace
        self.writers = 1
        """Processes that write by one budget: growing texts take no more than their part of it, so that nobody's finals wait for them."""
        self._paused = partial(paused, "")
        self.edits = self
        if pace.edits_per_second is not None:
            own = replace(pace, calls_per_second=pace.edits_per_second, edits_per_second=None)
            self.edits = RateLimiter(own, lambda _, seconds: paused("edits", seconds))
        self._next = 0.0
        self._slow_until = 0.0
        self._queue: list[_Waiter] = []
        self._order = itertools.count()
        self._growing = 0

    @property
    def edit_interval(self) -> float:
        """Seconds between two edits of one message: wider as more messages grow."""
        return max(self._pace.edit_interval, self._growing * self.writers / (self._rate * PREVIEW_SHARE))

    def grow(self) -> bool:
        """Whether one more message may be posted unfinished, to be edited as it grows; `grown` gives its room back."""
        if (self._growing + 1) * self.writers > self._rate * FINALS_WITHIN_S:
            return False
        self._growing += 1
        return True

    def grown(self) -> None:
        self._growing -= 1

    @property
    def _rate(self) -> float:
        slow = asyncio.get_running_loop().time() < self._slow_until
        return self._pace.calls_per_second * (0.5 if slow else 1.0)

    def throttled(self, retry_after: float) -> None:
        """The platform asked to wait: nobody calls until then, and everybody more slowly for a while.

        Edits with a budget of their own go on: they are another method of the platform's.
        """
        self.wait(retry_after)
        self._paused(retry_after)

    def wait(self, seconds: float) -> None:
        """As `throttled`, which somebody else was told."""
        now = asyncio.get_running_loop().time()
        self._next = max(self._next, now + seconds)
        self._slow_until = now + seconds + RECOVERY_S

    def turn_at_once(self) -> bool:
        """Take one call's turn if it is due and nobody waits for it: what may be left out never stands in the way.

        A card waits for such turns too, and is ahead of them only when it has waited for long.
        """
        now = asyncio.get_running_loop().time()
        if now < self._next or (self._queue and not self._gives_way(self._queue[0], now)):
            return False
        self._spend()
        return True

    async def turn(self, urgency: Priority) -> None:
        """Wait for one call's turn."""
        mine = _Waiter(urgency, next(self._order), asyncio.Event(), asyncio.get_running_loop().time())
        heapq.heappush(self._queue, mine)
        try:
            while self._queue[0] is not mine or asyncio.get_running_loop().time() < self._due_at(mine):
                await self._wait(mine)
        finally:
            self._queue.remove(mine)
            heapq.heapify(self._queue)
            self._call_next()
        self._spend()

    def _spend(self) -> None:
        self._next = max(asyncio.get_running_loop().time(), self._next) + 1 / self._rate

    @staticmethod
    def _gives_way(turn: _Waiter, now: float) -> bool:
        return turn.urgency is Priority.CARD and now < turn.asked_at + CARD_WITHIN_S

    def _due_at(self, turn: _Waiter) -> float:
        """While a text grows, a card's is a turn later than others', so that the text could have had it."""
        if turn.urgency is not Priority.CARD or not self._growing:
            return self._next
        return min(self._next + 1 / self._rate, max(self._next, turn.asked_at + CARD_WITHIN_S))

    async def _wait(self, mine: _Waiter) -> None:
        """Until the time has come, for the first; until called, for the others."""
        mine.called.clear()
        first = self._queue[0] is mine
        delay = self._due_at(mine) - asyncio.get_running_loop().time() if first else None
        await rest(mine.called, delay)

    def _call_next(self) -> None:
        if self._queue:
            self._queue[0].called.set()


class RateLimiters:
    """The pacers of all platforms, by what shares a budget.

    A workspace is written to by one process, and by another after that one: `run` keeps how long the platform asked to wait, for
    whoever comes next and asks for it with `recall`.
    """

    def __init__(
        self, coordination: CoordinationRepository, count_writers: Callable[[], Awaitable[int]] | None = None
    ) -> None:
        """`count_writers` says how many processes write, where there may be others."""
        self._coordination = coordination
        self._count_writers = count_writers
        self._limiters: dict[str, RateLimiter] = {}
        self._of_bot: list[RateLimiter] = []
        self._writers = 1
        self._pauses: asyncio.Queue[tuple[str, float]] = asyncio.Queue()

    def of(self, place: ConversationRef, pace: RateLimits) -> RateLimiter:
        key = _key(place, pace)
        if key not in self._limiters:
            made = RateLimiter(pace, lambda part, seconds: self._pauses.put_nowait((f"{key}{part}", seconds)))
            self._limiters[key] = made
            if pace.shared_by_bot:
                made.writers = self._writers
                self._of_bot.append(made)
        return self._limiters[key]

    async def recall(self, place: ConversationRef, pace: RateLimits) -> None:
        """Where this process has not written yet: wait as long as the process before was asked to. Raises `StoreUnavailable`."""
        key = _key(place, pace)
        if key in self._limiters:
            return
        parts = ("", "edits") if pace.edits_per_second is not None else ("",)
        left = {part: await self._coordination.paused(f"{key}{part}") for part in parts}
        limiter = self.of(place, pace)
        for part, wait in left.items():
            if wait:
                (limiter.edits if part else limiter).wait(wait.total_seconds())

    async def run(self) -> None:
        """Write pauses down and count who writes, until cancelled. A pause that cannot be written is found out anew."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_pauses(), name="limiters")
            if self._count_writers:
                group.create_task(self._count(self._count_writers), name="limiters")

    async def _keep_pauses(self) -> None:
        while True:
            key, seconds = await self._pauses.get()
            try:
                await self._coordination.pause(key, lasts=timedelta(seconds=seconds))
            except StoreUnavailable as error:
                log.info("a pause is not written down", reason=error.detail)

    async def _count(self, count_writers: Callable[[], Awaitable[int]]) -> None:
        while True:
            try:
                self._writers = max(1, await count_writers())
            except StoreUnavailable as error:
                log.info("it is not known who else writes", reason=error.detail)
            for limiter in self._of_bot:
                limiter.writers = self._writers
            await asyncio.sleep(COUNT_EVERY_S)


def _key(place: ConversationRef, pace: RateLimits) -> str:
    return f"{place.platform}:{'' if pace.shared_by_bot else place.workspace_id}:"

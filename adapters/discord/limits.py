"""Discord's limits: calls in a second and new gateway sessions in a day, of the whole bot; and the buckets of single routes.

discord.py hands over the answer to the call that used a bucket up only when that bucket is full again, which for a bucket of
threads takes five minutes; and with `max_ratelimit_timeout` it refuses calls that Discord would take. Hence our own.
"""

import asyncio
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import aiohttp
import discord
from discord.http import HTTPClient

SESSIONS_AT_ONCE = 20
"""New sessions that may be begun one right after the other (with Discord's own 5 s between them)."""

SESSION_REFILL = 100.0
"""Seconds after which there may be one more: 864 in a day."""

SESSIONS_APART = 5.0
"""Seconds between two new sessions."""


RATE = 38.0
"""Calls in a second, evenly: Discord's limit is 50 a second, wherever that second begins."""

CALLS_AT_ONCE = 10
"""Calls that may be made at once after a pause; with those of the second that follows there are 48."""

LONGEST_WAIT = 30.0
"""Seconds that a call waits for its bucket; where it would be more, `RateLimited` is raised at once."""

MANY = 256
"""Buckets from which on those are forgotten that nobody uses; each interaction has its own."""

SAME_WINDOW = 0.5
"""Seconds by which the end of one window may seem to move."""


class IdentifyLimiter:
    """One for the process: it outlives clients. Time is the running loop's."""

    def __init__(self) -> None:
        self._left = float(SESSIONS_AT_ONCE)
        self._at: float | None = None

    async def turn(self) -> None:
        """Wait until a new session may be begun."""
        now = asyncio.get_running_loop().time()
        since = now - self._at if self._at is not None else SESSIONS_APART
        self._left = min(SESSIONS_AT_ONCE, self._left + max(0.0, since) / SESSION_REFILL)
        wait = max(SESSIONS_APART - since, (1 - self._left) * SESSION_REFILL, 0.0)
        self._left += wait / SESSION_REFILL - 1
        self._at = now + wait
        await asyncio.sleep(wait)


class GlobalRateLimit:
    """One for the process: it outlives clients."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next = float("-inf")

    async def turn(self) -> None:
        """Wait until one more call may be made; who came first goes first."""
        now = self._clock()
        at = max(self._next, now - (CALLS_AT_ONCE - 1) / RATE)
        self._next = at + 1 / RATE
        if at > now:
            await asyncio.sleep(at - now)


# ---------------------------------------------------------------- buckets


class Bucket:
    """`async with` lets one call through when there is room; `update` learns from its answer. Time is the running loop's.

    Raises `discord.RateLimited` where the wait would be too long. Who came first goes first.
    """

    def __init__(self) -> None:
        self.remaining = 1  # until the first answer says more
        self._limit = 1
        self._outgoing = 0
        self._ends: float | None = None
        self._queue = asyncio.Lock()
        self._returned = asyncio.Event()

    async def __aenter__(self) -> Self:
        async with self._queue:
            while not self._has_room():
                await self._wait()
            self.remaining -= 1
            self._outgoing += 1
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._outgoing -= 1
        self._returned.set()

    def update(self, response: aiohttp.ClientResponse, *, use_clock: bool = False) -> None:  # noqa: ARG002 - discord.py says it
        """Learn from the headers of an answer."""
        headers = response.headers
        left = int(headers["X-RateLimit-Remaining"])
        ends = asyncio.get_running_loop().time() + float(headers.get("X-RateLimit-Reset-After", 1))
        if self._ends is not None and ends <= self._ends + SAME_WINDOW:
            self.remaining = min(self.remaining, left)
        else:
            self.remaining = left - (self._outgoing - 1)
        self._limit, self._ends = int(headers.get("X-RateLimit-Limit", 1)), ends

    def is_inactive(self) -> bool:
        """Whether nobody would miss it."""
        return not self._outgoing and not self._queue.locked() and self._is_over()

    def _is_over(self) -> bool:
        return self._ends is None or asyncio.get_running_loop().time() >= self._ends

    def _has_room(self) -> bool:
        if self._is_over():
            self._ends, self.remaining = None, self._limit - self._outgoing
        return self.remaining > 0

    async def _wait(self) -> None:
        """Until the window ends, or, before one is known, until a call has returned."""
        if self._ends is None:
            self._returned.clear()
            await self._returned.wait()
            return
        left = self._ends - asyncio.get_running_loop().time()
        if left > LONGEST_WAIT:
            raise discord.RateLimited(left)
        await asyncio.sleep(left)


def use_buckets(http: HTTPClient) -> None:
    """Have a client of discord.py's use these buckets."""
    # Where discord.py finds them again by their hashes.
    buckets: dict[str, Bucket] = http._buckets  # type: ignore[assignment]  # noqa: SLF001

    def bucket_of(key: str) -> Bucket:
        if key not in buckets and len(buckets) >= MANY:
            for idle in [name for name, bucket in buckets.items() if bucket.is_inactive()]:
                del buckets[idle]
        return buckets.setdefault(key, Bucket())

    http.get_ratelimit = bucket_of  # type: ignore[method-assign, assignment]

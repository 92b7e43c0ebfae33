"""Discord's limits: calls in a second and new gateway sessions in a day, of the whole bot; and the buckets of single routes.

discord.py hands over the answer to the call that used a bucket up only when that bucket is full again, which for a bucket of
threads takes five minutes; and with `max_ratelimit_timeout` it refuses calls that Discord would take. Hence our own.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from types import TracebackType
from typing import Self

import aiohttp
import discord
import structlog
from discord.http import HTTPClient

from bot.ports.processes import Budgets, CallBudget, CallRate

log = structlog.get_logger(__name__)

SESSIONS_OF_A_DAY = CallRate(interval=100.0, burst=20)
"""New sessions: as many right after each other (with Discord's own 5 s between them), and 864 in a day, of Discord's 1,000."""

SESSIONS_APART = CallRate(interval=5.0)
"""Between two new sessions of shards with the same number modulo Discord's `max_concurrency`, which is 1 but for the largest bots."""

SESSIONS_SPARED = 100
"""New sessions that are left alone of those that Discord still allows: with none left it takes the bot's token away."""

CALLS = CallRate(interval=1 / 33, burst=7)
"""Discord's limit is 50 a second, wherever that second begins: after a pause seven at once, 33 in the second that follows, and ten that
a busy machine made up to 0.3 s late.
"""

LOOKS_AT_COMMANDS = CallRate(interval=10.0, burst=4)
"""Of all processes, each of which looks as it starts: the bucket of commands had room for ten in a minute, and who starts knows no bucket."""

LONGEST_WAIT = 30.0
"""Seconds that a call waits for its bucket, or after Discord refused it; where it would be more, `RateLimited` is raised at once."""

MANY = 256
"""Buckets from which on those are forgotten that nobody uses; each interaction has its own."""

SAME_WINDOW = 0.5
"""Seconds by which the end of one window may seem to move."""


class IdentifyLimiter:
    """It outlives clients; all processes of a bot have one budget. https://docs.discord.com/developers/events/gateway#sharding"""

    def __init__(self, budgets: Budgets) -> None:
        self._budgets = budgets
        self._of_a_day = budgets.of("discord:identify:day", SESSIONS_OF_A_DAY)
        self._keys = 1

    async def learn(self, limit: discord.SessionStartLimits) -> None:
        """What Discord allows just now. Where hardly any session is left, nobody begins one until it counts anew."""
        self._keys = max(1, limit.max_concurrency)
        if limit.remaining < SESSIONS_SPARED:
            left = limit.reset_after / 1000
            log.warning("Discord allows hardly any new session", remaining=limit.remaining, seconds=round(left))
            await self._of_a_day.pause(left)

    async def turn(self, shard_id: int) -> None:
        """Wait until a shard's new session may be begun."""
        await self._of_a_day.turn()
        await self._budgets.of("discord:identify", SESSIONS_APART, f"{shard_id % self._keys}").turn()


def calls_of_bot(budgets: Budgets) -> CallBudget:
    """Calls of all processes of a bot, but for answers to interactions."""
    return budgets.of("discord:calls", CALLS)


def looks_at_commands(budgets: Budgets) -> CallBudget:
    """Looks of all processes of a bot at the commands that Discord has."""
    return budgets.of("discord:commands", LOOKS_AT_COMMANDS)


_COUNTED: ContextVar[CallBudget | None] = ContextVar("counted", default=None)


@contextlib.contextmanager
def counted(budget: CallBudget | None) -> Iterator[None]:
    """A call within the block waits for its turn of this budget once its bucket has let it through, right before it is made: of many that
    waited for a bucket each comes when the bucket fills up again.
    """
    token = _COUNTED.set(budget)
    try:
        yield
    finally:
        _COUNTED.reset(token)


_REFUSED_TO_ALL: ContextVar[bool] = ContextVar("refused_to_all", default=False)


@contextlib.contextmanager
def watched() -> Iterator[None]:
    """Of a call within the block `refused_to_all` tells."""
    token = _REFUSED_TO_ALL.set(False)
    try:
        yield
    finally:
        _REFUSED_TO_ALL.reset(token)


def refused_to_all() -> bool:
    """Whether Discord refused the last request of a call to all of the bot, not to one route."""
    return _REFUSED_TO_ALL.get()


async def _note_refusal(_session: aiohttp.ClientSession, _context: object, end: aiohttp.TraceRequestEndParams) -> None:
    _REFUSED_TO_ALL.set(end.response.status == 429 and "X-RateLimit-Global" in end.response.headers)


def refusals() -> aiohttp.TraceConfig:
    """Traces the requests of a discord.py client for `refused_to_all`: its `RateLimited` tells only for how long it is refused."""
    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(_note_refusal)
    return trace


# ---------------------------------------------------------------- buckets


class Bucket:
    """`async with` lets one call through when there is room, and it is its turn; `update` learns from its answer. Time is the running loop's.

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
        try:
            if budget := _COUNTED.get():
                await budget.turn()
        except BaseException:
            self._is_back()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._is_back()

    def _is_back(self) -> None:
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
    http.max_ratelimit_timeout = (
        LONGEST_WAIT  # else it sleeps on a refusal for as long as it says, beyond the end of the call
    )

"""Limits of the whole bot: calls in a second, and new gateway sessions in a day."""

import asyncio
import time
from collections.abc import Callable

AT_ONCE = 20
"""New sessions that may be begun one right after the other (with Discord's own 5 s between them)."""

REFILL = 100.0
"""Seconds after which there may be one more: 864 in a day."""

APART = 5.0
"""Seconds between two new sessions."""


class IdentifyLimiter:
    """One for the process: it outlives clients. Time is the running loop's."""

    def __init__(self) -> None:
        self._left = float(AT_ONCE)
        self._at: float | None = None

    async def turn(self) -> None:
        """Wait until a new session may be begun."""
        now = asyncio.get_running_loop().time()
        since = now - self._at if self._at is not None else APART
        self._left = min(AT_ONCE, self._left + max(0.0, since) / REFILL)
        wait = max(APART - since, (1 - self._left) * REFILL, 0.0)
        self._left += wait / REFILL - 1
        self._at = now + wait
        await asyncio.sleep(wait)


RATE = 38.0
"""Calls in a second, evenly: Discord's limit is 50 a second, wherever that second begins."""

AT_ONCE = 10
"""Calls that may be made at once after a pause; with those of the second that follows there are 48."""


class GlobalRateLimit:
    """One for the process: it outlives clients."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next = float("-inf")

    async def turn(self) -> None:
        """Wait until one more call may be made; who came first goes first."""
        now = self._clock()
        at = max(self._next, now - (AT_ONCE - 1) / RATE)
        self._next = at + 1 / RATE
        if at > now:
            await asyncio.sleep(at - now)

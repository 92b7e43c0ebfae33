"""The limit for all of a bot. discord.py learns it only by running into it."""

import asyncio
import time
from collections.abc import Callable

RATE = 38.0
"""Calls in a second, evenly: Discord's limit is 50 a second, wherever that second begins."""

AT_ONCE = 10
"""Calls that may be made at once after a pause; with those of the second that follows there are 48."""


class Throughput:
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

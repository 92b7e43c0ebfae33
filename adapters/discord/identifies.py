"""A budget for new gateway sessions. Discord allows 1,000 in a day and then resets the token: a crash loop must not get there."""

import asyncio

AT_ONCE = 20
"""New sessions that may be begun one right after the other (with Discord's own 5 s between them)."""

REFILL = 100.0
"""Seconds after which there may be one more: 864 in a day."""

APART = 5.0
"""Seconds between two new sessions."""


class Identifies:
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

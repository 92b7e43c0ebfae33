"""How tests wait for what is bound to come: on state that stays, and for as long as only what hangs takes."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable

HANG_S = 60.0
"""No machine is so slow, however busy: what takes longer hangs."""


async def until(met: Callable[[], object | Awaitable[object]], within: float = HANG_S) -> None:
    """Return once this is so, be it asked of somebody else. Raises `TimeoutError` after so many seconds."""
    async with asyncio.timeout(within):
        while not await _told(met()):
            await asyncio.sleep(0.01)


async def _told(answer: object | Awaitable[object]) -> object:
    return await answer if inspect.isawaitable(answer) else answer


def blocked_until(met: Callable[[], object], within: float = HANG_S) -> None:
    """`until`, where there is no event loop."""
    end = time.monotonic() + within
    while not met():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.05)

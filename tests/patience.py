"""How tests wait for what is bound to come: on state that stays, and for as long as only what hangs takes."""

import asyncio
from collections.abc import Callable

HANG_S = 60.0
"""No machine is so slow, however busy: what takes longer hangs."""


async def until(met: Callable[[], object], within: float = HANG_S) -> None:
    """Return once this is so. Raises `TimeoutError` after so many seconds."""
    async with asyncio.timeout(within):
        while not met():
            await asyncio.sleep(0.01)

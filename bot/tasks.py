"""Ending tasks of one's own."""

import asyncio
from typing import Any


async def cancel_and_wait(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and return once all of them are over. Raises what one failed with, but not its own cancellation.

    Whoever cancels the caller meanwhile is heard: `suppress(CancelledError)` around `await task` cannot tell the two apart.
    """
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.result()

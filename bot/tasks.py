"""Ending tasks of one's own, and waking them."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
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


async def rest(wakeup: asyncio.Event, seconds: float | None) -> None:
    """Until the wakeup, or for so long at most."""
    if seconds is None:
        await wakeup.wait()
        return
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await wakeup.wait()


class Wakeups:
    """Everybody who waits for the same. What is stored is the truth, and looked at now and then: this is only a hint."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Event] = set()
        self.others: Callable[[], None] = lambda: None
        """Tells other processes."""

    def notify(self) -> None:
        """Whoever waits looks at once, in other processes too."""
        self.wake_here()
        self.others()

    def wake_here(self) -> None:
        """Whoever waits in this process looks at once."""
        for each in self._waiting:
            each.set()

    @contextmanager
    def joined(self) -> Iterator[asyncio.Event]:
        """Is set by `notify` within the block; whoever waits for it clears it."""
        wakeup = asyncio.Event()
        self._waiting.add(wakeup)
        try:
            yield wakeup
        finally:
            self._waiting.remove(wakeup)

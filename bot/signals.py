"""Being asked to stop."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

STOPPING = (signal.SIGINT, signal.SIGTERM)


@asynccontextmanager
async def stop_signals() -> AsyncIterator[asyncio.Event]:
    """An event that Ctrl-C and SIGTERM set, so that sessions can be closed in order; the second time the block is cancelled."""
    loop = asyncio.get_running_loop()
    block = asyncio.current_task()
    stopping = asyncio.Event()

    def asked() -> None:
        if stopping.is_set() and block is not None:
            block.cancel("told to stop twice")
        stopping.set()

    for number in STOPPING:
        loop.add_signal_handler(number, asked)
    try:
        yield stopping
    finally:
        for number in STOPPING:
            loop.remove_signal_handler(number)

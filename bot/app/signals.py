"""Being asked to stop, and stopping whatever happens."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

STOPPING = (signal.SIGINT, signal.SIGTERM)

WITHIN = 9.5
"""Seconds from being asked to stop until the process ends whatever it waits for: 10 are promised."""

LATE = "What could not be ended in time is written down: the next start closes it."

FAILED = 1
"""Exit code: a supervisor starts the process anew."""


def end_process(sentence: str) -> None:
    """End this process now, with a sentence on standard error. Nothing is unwound; what the database took stays written."""
    sys.stderr.write(f"avatarbot: {sentence}\n")
    sys.stderr.flush()
    os._exit(FAILED)


@asynccontextmanager
async def stop_signals(within: float = WITHIN) -> AsyncIterator[asyncio.Event]:
    """An event that Ctrl-C and SIGTERM set, so that sessions can be closed in order; the second time the block is cancelled.

    The first also sets an alarm: after `within` seconds the process ends, even if a thread or the event loop hangs.
    """
    loop = asyncio.get_running_loop()
    block = asyncio.current_task()
    stopping = asyncio.Event()

    def asked() -> None:
        if not stopping.is_set():
            alarm = threading.Timer(within, end_process, (LATE,))
            alarm.daemon = True
            alarm.start()
        elif block is not None:
            block.cancel("told to stop twice")
        stopping.set()

    for number in STOPPING:
        loop.add_signal_handler(number, asked)
    try:
        yield stopping
    finally:
        for number in STOPPING:
            loop.remove_signal_handler(number)

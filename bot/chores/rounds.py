"""Chores are done again and again by the worker that has lived longest, so that no two processes do the same."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog

from bot.errors import AvatarbotError
from bot.session.house import House
from bot.session.worker import Worker
from bot.store import sessions

log = structlog.get_logger(__name__)


async def go_round(
    house: House, worker: Worker, chore: Callable[[], Awaitable[object]], *, every: float, bell: asyncio.Event
) -> None:
    """Do `chore` every so many seconds, and when the bell rings, until cancelled. What fails is tried again the next time.

    A bell that has been rung already has it done as soon as the worker lives.
    """
    await worker.lease.enlisted.wait()
    while True:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(every):
                await bell.wait()
        bell.clear()
        try:
            if await house.store.read(lambda c: sessions.eldest_worker(c, house.clock.now())) == worker.lease.id:
                await chore()
        except AvatarbotError as error:
            log.info("a chore was not done", chore=chore.__qualname__, reason=error.detail)
        except Exception:
            log.exception("a chore failed", chore=chore.__qualname__)

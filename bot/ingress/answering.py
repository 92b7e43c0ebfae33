"""Who answers what may be delivered twice, to two processes perhaps: one, and another where that one dies of it."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import structlog

from bot.clock import new_id
from bot.domain.conversations import Inbound
from bot.domain.errors import StoreUnavailable
from bot.ports.chat import Give
from bot.ports.storage.coordination import CoordinationRepository
from bot.tasks import cancel_and_wait

HELD_FOR = timedelta(seconds=10)
"""For which a process that has died keeps others from answering."""

HOLD_EVERY = 3.0
"""Seconds."""

HOLDS = 20
"""After so many others may answer: an answer takes a minute at most."""

ANSWERED_FOR = timedelta(minutes=15)
"""After which what was answered might be delivered again: the last try known of a chat platform comes about six minutes after the first."""

WRITE_AGAIN = 0.5
"""Seconds between two tries to write down that something was answered."""

log = structlog.get_logger(__name__)


class Answering:
    """The mark of an answer is held while it is given, and stays once it was. One that failed is given all the same: it may have arrived."""

    def __init__(self, coordination: CoordinationRepository) -> None:
        self._coordination = coordination

    async def first(self, inbound: Inbound, give: Give) -> Give | None:
        """What gives the answer, for who has the mark now. Raises `StoreUnavailable`."""
        by = new_id()
        return partial(self._give, inbound, by, give) if await self._hold(inbound, by) else None

    async def _give(self, inbound: Inbound, by: str, give: Give) -> None:
        try:
            async with _beside(self._keep_holding(inbound, by)):
                await give()
        except Exception:
            await self._write_down(inbound, by)
            raise
        await self._write_down(inbound, by)

    async def _hold(self, inbound: Inbound, by: str) -> bool:
        return await self._coordination.first_to_answer(inbound.place, inbound.event_id, by, lasts=HELD_FOR)

    async def _keep_holding(self, inbound: Inbound, by: str) -> None:
        for _ in range(HOLDS):
            await asyncio.sleep(HOLD_EVERY)
            try:
                await self._hold(inbound, by)
            except StoreUnavailable as error:
                log.warning("others may answer the same", reason=error.detail)

    async def _write_down(self, inbound: Inbound, by: str) -> None:
        """Once the database takes it, as long as the same may be delivered again."""
        until = _time() + ANSWERED_FOR.total_seconds()
        while _time() < until:
            try:
                await self._coordination.answered(inbound.place, inbound.event_id, by, lasts=ANSWERED_FOR)
            except StoreUnavailable as error:
                log.warning("cannot write down that somebody was answered", reason=error.detail)
                await asyncio.sleep(WRITE_AGAIN)
            else:
                return


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        await cancel_and_wait(task)


def _time() -> float:
    return asyncio.get_running_loop().time()

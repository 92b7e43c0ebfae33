"""One transaction in memory, as the functions of this package see it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Concatenate, ParamSpec, TypeVar

from bot.clock import Clock
from bot.domain.errors import StoreAway
from bot.storage.memory.rows import Data

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class MemoryTransaction:
    """`now` is when it was asked for."""

    data: Data
    now: datetime


class MemoryTransactions:
    """Runs functions of a transaction. Others come in before it begins, as with a database."""

    def __init__(self, data: Data, clock: Clock) -> None:
        self.data = data
        self.clock = clock

    async def read(
        self, work: Callable[Concatenate[MemoryTransaction, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        async with self._begun() as tx:
            return work(tx, *args, **kwargs)

    async def write(
        self, work: Callable[Concatenate[MemoryTransaction, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        async with self._begun() as tx:
            result = work(tx, *args, **kwargs)
            for rows in self.data.all:
                rows.commit()
            return result

    async def urgent(
        self, work: Callable[Concatenate[MemoryTransaction, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return await self.write(work, *args, **kwargs)

    @asynccontextmanager
    async def _begun(self) -> AsyncIterator[MemoryTransaction]:
        """What is not committed within is undone."""
        tx = MemoryTransaction(self.data, self.clock.now())
        await asyncio.sleep(0)
        if self.data.away.is_set():
            raise StoreAway("The storage does not answer. Please try again in a moment.")
        try:
            yield tx
        finally:
            for rows in self.data.all:
                rows.roll_back()

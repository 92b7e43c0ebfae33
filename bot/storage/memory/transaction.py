"""One transaction in memory as the functions of this package see it, and repositories whose methods are such functions."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Concatenate, ParamSpec, TypeVar

from bot.ports.clock import Clock
from bot.storage.memory.rows import Data

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Transaction:
    """`now` is when it was asked for."""

    data: Data
    now: datetime


class Transactions:
    """Runs functions of a transaction, each whole or not at all. Others come in before it begins, as with a database."""

    def __init__(self, data: Data, clock: Clock) -> None:
        self.data = data
        self.clock = clock

    async def run(self, work: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        now = self.clock.now()
        await asyncio.sleep(0)
        try:
            result = work(Transaction(self.data, now), *args, **kwargs)
        except BaseException:
            for rows in self.data.all:
                rows.roll_back()
            raise
        for rows in self.data.all:
            rows.commit()
        return result


class Repository:
    """Its methods are functions of a transaction, each run in one of its own."""

    def __init__(self, transactions: Transactions) -> None:
        self.transactions = transactions


def runs(
    work: Callable[Concatenate[Transaction, P], T],
) -> Callable[Concatenate[Repository, P], Coroutine[Any, Any, T]]:
    """The method that runs it."""

    async def method(self: Repository, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.transactions.run(work, *args, **kwargs)

    return method

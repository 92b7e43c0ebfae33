"""One transaction as the functions of this package see it, and repositories whose methods are such functions."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from bot.ports.clock import Clock
from bot.storage.connection_thread import Work
from bot.storage.encryption import Cipher
from bot.storage.engine import Store

P = ParamSpec("P")
A = TypeVar("A")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Transaction:
    """`now` is when it was asked for."""

    connection: Connection
    cipher: Cipher
    now: datetime

    @property
    def driver(self) -> Any:
        """The driver's own connection."""
        return self.connection.connection.driver_connection


class Transactions:
    """Runs functions of a transaction on a store. Everything raises `StoreUnavailable`."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock

    async def read(self, work: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        cipher, now = self.store.cipher, self.clock.now()
        return await self.store.read(lambda c: work(Transaction(c, cipher, now), *args, **kwargs))

    async def write(self, work: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        cipher, now = self.store.cipher, self.clock.now()
        return await self.store.write(lambda c: work(Transaction(c, cipher, now), *args, **kwargs))

    async def write_late(self, ask: Callable[[], A], work: Callable[[Transaction, A], T]) -> T:
        """Run `work` on what `ask` answers in the loop when the transaction begins."""

        def make() -> Work[T]:
            asked, cipher, now = ask(), self.store.cipher, self.clock.now()
            return lambda connection: work(Transaction(connection, cipher, now), asked)

        return await self.store.write_late(make)


class Repository:
    """Its methods are functions of a transaction, each run in one of its own."""

    def __init__(self, transactions: Transactions) -> None:
        self.transactions = transactions


Method = Callable[Concatenate[Repository, P], Coroutine[Any, Any, T]]


def reads(work: Callable[Concatenate[Transaction, P], T]) -> Method[P, T]:
    """The method that runs it on what is committed."""

    async def method(self: Repository, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.transactions.read(work, *args, **kwargs)

    return method


def writes(work: Callable[Concatenate[Transaction, P], T]) -> Method[P, T]:
    """The method that runs it in a write transaction."""

    async def method(self: Repository, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.transactions.write(work, *args, **kwargs)

    return method

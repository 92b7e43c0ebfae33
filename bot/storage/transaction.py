"""One transaction on an SQL database, as the functions of this package see it."""

from collections.abc import Callable
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
class SqlTransaction:
    """`now` is when it was asked for."""

    connection: Connection
    cipher: Cipher
    now: datetime

    @property
    def driver(self) -> Any:
        """The driver's own connection."""
        return self.connection.connection.driver_connection


class SqlTransactions:
    """Runs functions of a transaction on a store. Everything raises `StoreUnavailable`."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock

    async def read(self, work: Callable[Concatenate[SqlTransaction, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        cipher, now = self.store.cipher, self.clock.now()
        return await self.store.read(lambda c: work(SqlTransaction(c, cipher, now), *args, **kwargs))

    async def write(self, work: Callable[Concatenate[SqlTransaction, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        cipher, now = self.store.cipher, self.clock.now()
        return await self.store.write(lambda c: work(SqlTransaction(c, cipher, now), *args, **kwargs))

    async def write_late(self, ask: Callable[[], A], work: Callable[[SqlTransaction, A], T]) -> T:
        """Run `work` on what `ask` answers in the loop when the transaction begins."""

        def make() -> Work[T]:
            asked, cipher, now = ask(), self.store.cipher, self.clock.now()
            return lambda connection: work(SqlTransaction(connection, cipher, now), asked)

        return await self.store.write_late(make)

"""Transactions of any storage, and repositories whose methods are functions of one."""

from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Transaction(Protocol):
    @property
    def now(self) -> datetime:
        """When it was asked for."""
        ...


Tx = TypeVar("Tx", bound=Transaction)
Tx_co = TypeVar("Tx_co", bound=Transaction, covariant=True)


class Transactions(Protocol[Tx_co]):
    """Runs functions of a transaction, each in one of its own. Everything raises `StoreUnavailable`."""

    async def read(self, work: Callable[Concatenate[Tx_co, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """On what is committed."""
        ...

    async def write(self, work: Callable[Concatenate[Tx_co, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Whole or not at all."""
        ...


class Repository(Generic[Tx]):
    """Its methods are functions of a transaction, each run in one of its own."""

    def __init__(self, transactions: Transactions[Tx]) -> None:
        self.transactions = transactions


Method = Callable[Concatenate[Repository[Tx], P], Coroutine[Any, Any, T]]


def reads(work: Callable[Concatenate[Tx, P], T]) -> Method[Tx, P, T]:
    """The method that runs it on what is committed."""

    async def method(self: Repository[Tx], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.transactions.read(work, *args, **kwargs)

    return method


def writes(work: Callable[Concatenate[Tx, P], T]) -> Method[Tx, P, T]:
    """The method that runs it in a write transaction."""

    async def method(self: Repository[Tx], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.transactions.write(work, *args, **kwargs)

    return method

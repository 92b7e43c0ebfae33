"""The block in which a run's writes are noted, for every kind of storage."""

from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, Self, TypeVar

from bot.ports.storage.fenced import Pending
from bot.ports.storage.records import Lease, LeaseLost

P = ParamSpec("P")
T = TypeVar("T")
Tx = TypeVar("Tx")
Tx_co = TypeVar("Tx_co", covariant=True)


class Begin(Protocol[Tx_co]):
    """Runs one function of a transaction in a write transaction of its own."""

    def __call__(self, work: Callable[[Tx_co], T], /) -> Awaitable[T]: ...


class Block(Generic[Tx]):
    """Notes what is called within `async with`, and runs all of it in one transaction when that is left, the fence first."""

    def __init__(self, lease: Lease, begin: Begin[Tx], holds: Callable[[Tx, Lease], bool]) -> None:
        self._lease = lease
        self._begin = begin
        self._holds = holds
        self._noted: list[tuple[Callable[[Tx], Any], Pending[Any]]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Raises `LeaseLost` and `StoreUnavailable`, with nothing written."""
        if error is None and self._noted:
            for (_, pending), value in zip(self._noted, await self._begin(self._run), strict=True):
                pending.settle(value)

    def _run(self, tx: Tx) -> Sequence[Any]:
        if not self._holds(tx, self._lease):
            raise LeaseLost(self._lease)
        return [work(tx) for work, _ in self._noted]

    def _note(self, work: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> Pending[T]:
        pending: Pending[T] = Pending()
        self._noted.append((lambda tx: work(tx, *args, **kwargs), pending))
        return pending

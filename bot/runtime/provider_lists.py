"""Where a list of a provider's is read: at the provider, or by one process for all that share a storage."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Generic, Protocol, TypeVar

import msgspec

from bot.clock import new_id
from bot.domain.errors import ProviderError
from bot.ports.storage.coordination import CoordinationRepository, SharedList

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

FRESH_FOR = 60.0
"""Seconds after which a list that is looked at is read again at the provider."""

LOOK_EVERY = 5.0
"""Seconds after which a list that is looked at is looked for in the storage, where another process may have read it."""

READ_WITHIN = timedelta(seconds=30)
"""For which one process alone reads a list."""

LOOK_AGAIN = 0.5
"""Seconds between two looks for a list that another process reads."""

ReadList = Callable[[], Awaitable[Sequence[T]]]
"""At the provider. Raises `ProviderError`."""


class ListSource(Protocol[T_co]):
    fresh_for: float
    """Seconds after which what it gave is asked for again by whoever looks."""

    async def read(self, *, anew: bool) -> Sequence[T_co]:
        """`anew`: as it is at the provider now, or later. Raises `ProviderError`, and `StoreUnavailable` where it is shared."""
        ...


class ProviderList(Generic[T]):
    """Of a process that is alone."""

    fresh_for = FRESH_FOR

    def __init__(self, read: ReadList[T]) -> None:
        self._read = read

    async def read(self, *, anew: bool) -> Sequence[T]:  # noqa: ARG002 - it is read whenever it is asked for
        return await self._read()


class StoredList(Generic[T]):
    """Read by one of several processes, once in `FRESH_FOR` at most; the others are given what stands."""

    fresh_for = LOOK_EVERY

    def __init__(self, read: ReadList[T], coordination: CoordinationRepository, kind: str, row: type[T]) -> None:
        self._read = read
        self._coordination = coordination
        self._kind = kind
        self._rows = msgspec.json.Decoder(list[row])  # type: ignore[valid-type] # known when it runs
        self._reader = new_id()

    async def read(self, *, anew: bool) -> Sequence[T]:
        began = asyncio.get_running_loop().time()
        if anew:
            await self._coordination.expire(self._kind)
        while True:
            reading = await self._coordination.read(
                self._kind, self._reader, fresh_for=timedelta(seconds=FRESH_FOR), lasts=READ_WITHIN
            )
            if reading.due:
                return await self._read_for_all()
            oldest = asyncio.get_running_loop().time() - began if anew else None
            if reading.known and (oldest is None or reading.known.age.total_seconds() <= oldest):
                return await self._decoded(reading.known)
            await asyncio.sleep(LOOK_AGAIN)

    async def _read_for_all(self) -> Sequence[T]:
        try:
            rows = await self._read()
        except ProviderError:
            await self._coordination.expire(self._kind)  # whoever waits for it asks the provider itself
            raise
        await self._coordination.write(self._kind, self._reader, msgspec.json.encode(list(rows)).decode())
        return rows

    async def _decoded(self, known: SharedList) -> Sequence[T]:
        """What another program wrote may have another form."""
        try:
            rows: Sequence[T] = self._rows.decode(known.rows)
        except msgspec.DecodeError:
            return await self._read()
        return rows


class ListSources:
    """The lists of one account. Several processes share them by its `account`; without `coordination` there is one process."""

    def __init__(self, coordination: CoordinationRepository | None = None, account: str = "") -> None:
        self._coordination = coordination
        self._account = account

    def of(self, kind: str, row: type[T], read: ReadList[T]) -> ListSource[T]:
        if self._coordination is None:
            return ProviderList(read)
        return StoredList(read, self._coordination, f"{self._account}/{kind}", row)


AT_THE_PROVIDER = ListSources()

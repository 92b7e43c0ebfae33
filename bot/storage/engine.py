"""Everything that touches the database goes through `Store`: writes wait in one queue, reads see what is committed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from sqlalchemy.engine import URL, make_url

from bot.domain.errors import StoreUnavailable
from bot.storage import sqlite
from bot.storage.connections import (
    NOT_TAKEN,
    STANDARD_SIZE,
    ConnectionThread,
    Database,
    DatabaseAway,
    Failed,
    PoolSize,
    Retried,
    Work,
    nobody_counts,
)
from bot.storage.encryption import Cipher
from bot.tasks import rest

T = TypeVar("T")

COMPANY_WITHIN_S: Final = 0.025
"""For which a write that nobody waits for waits for another to share its commit."""


@dataclass(slots=True)
class _Pending(Generic[T]):
    make: Callable[[], Work[T]]  # called when its transaction begins
    done: asyncio.Future[T] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def settle(self, result: T | Failed) -> None:
        if self.done.cancelled():
            return
        if isinstance(result, Failed):
            self.done.set_exception(result.error)
            self.done.exception()  # its caller may be gone
        else:
            self.done.set_result(result)


def opened(url: URL, size: PoolSize, retried: Retried = nobody_counts) -> AbstractAsyncContextManager[Database]:
    """The database at `url`. Raises `StoreUnavailable` for one that cannot be opened."""
    if url.get_backend_name() == "sqlite":
        return sqlite.opened(url)
    from bot.storage.postgresql import opened as opened_on_server  # noqa: PLC0415 - its driver is an extra

    return opened_on_server(url, size, retried)


class Store:
    """The database, open. `write` runs a piece of work in a transaction that it may share with others; `read` sees what is committed."""

    def __init__(self, url: URL, cipher: Cipher, database: Database) -> None:
        self.url = url
        self.cipher = cipher
        self.database = database
        self._idle: asyncio.LifoQueue[ConnectionThread] = asyncio.LifoQueue()
        for reader in database.readers:
            self._idle.put_nowait(reader)
        self._queue: asyncio.Queue[_Pending[Any]] = asyncio.Queue()
        self._company = asyncio.Event()  # only ever set for a moment: somebody writes
        self._outstanding = 0

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls, url: str | URL, cipher: Cipher, size: PoolSize = STANDARD_SIZE, retried: Retried = nobody_counts
    ) -> AsyncIterator["Store"]:
        """The store with its writers running. Raises `StoreUnavailable` for a database that cannot be opened."""
        url = make_url(url)
        async with contextlib.AsyncExitStack() as stack:
            store = cls(url, cipher, await stack.enter_async_context(opened(url, size, retried)))
            writing = [asyncio.create_task(store._write(each), name="store-writer") for each in store.database.writers]
            try:
                yield store
            finally:
                with store._counted():
                    # What a cancelled caller left behind is still written, unless whoever writes has ended too.
                    drained = asyncio.create_task(store._queue.join(), name="store-drained")
                    await asyncio.wait([drained, *writing], return_when=asyncio.FIRST_COMPLETED)
                    for task in (drained, *writing):
                        task.cancel()
                    await asyncio.wait([drained, *writing])
                    await stack.aclose()

    @property
    def on_server(self) -> bool:
        """Whether other processes use it too."""
        return self.url.get_backend_name() != "sqlite"

    def check(self) -> None:
        """Raises `SettingsError` when nothing that is written is kept any more."""
        self.database.check()

    @property
    def busy(self) -> bool:
        """Whether work is under way: a clock that jumps must not jump now."""
        return self._outstanding > 0

    async def read(self, work: Work[T]) -> T:
        """Run `work` on a read-only snapshot. Raises `StoreUnavailable`."""
        with self._counted():
            thread = await self._idle.get()
            try:
                return await thread.transaction(work)
            finally:
                self._idle.put_nowait(thread)

    async def write(self, work: Work[T]) -> T:
        """Run `work` in a write transaction and return its result once that is committed.

        Several pieces of work may share one commit; one that raises is rolled back alone. Raises `StoreUnavailable` when
        nothing of it was written, and `WriteInDoubt` where the server was lost while it committed. Cancelling the caller does not
        undo it.
        """
        return await self.write_late(lambda: work)

    async def write_late(self, make: Callable[[], Work[T]]) -> T:
        """`write` what `make` makes when the transaction begins: of what has come in until then."""
        with self._counted():
            pending: _Pending[T] = _Pending(make)
            self._company.set()  # whoever waits for it runs before the writer
            self._company.clear()
            self._queue.put_nowait(pending)
            return await pending.done

    async def unhurried(self, work: Work[T]) -> T:
        """`write` in the transaction of whoever writes next, after 25 ms at most; until then cancelling the caller undoes it.

        Where transactions are not shared it is written at once.
        """
        if self.database.batch > 1:
            await rest(self._company, COMPANY_WITHIN_S)
        return await self.write(work)

    async def urgent(self, work: Work[T]) -> T:
        """`write`, on a connection of its own where there is one: it waits for nothing that was to be written before."""
        if self.database.urgent is None:
            return await self.write(work)
        with self._counted():
            return await self.database.urgent.transaction(work)

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        self._outstanding += 1
        try:
            yield
        finally:
            self._outstanding -= 1

    async def _write(self, thread: ConnectionThread) -> None:
        while True:
            batch = [await self._queue.get()]
            while len(batch) < self.database.batch and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            await self._commit(thread, batch)
            for _ in batch:
                self._queue.task_done()

    async def _commit(self, thread: ConnectionThread, batch: list[_Pending[Any]]) -> None:
        try:
            results = await thread.together([pending.make() for pending in batch])
        except DatabaseAway as error:
            batch += self._all_queued()
            results = [Failed(error)] * len(batch)
        except StoreUnavailable as error:
            results = [Failed(error)] * len(batch)
        except Exception as error:  # noqa: BLE001 - whatever it is, each caller hears of it and the writer goes on
            results = [Failed(StoreUnavailable(NOT_TAKEN, repr(error)))] * len(batch)
        for pending, result in zip(batch, results, strict=True):
            pending.settle(result)

    def _all_queued(self) -> list[_Pending[Any]]:
        """Whoever queued behind a lock that did not open shares its fate, so that nobody waits for it twice."""
        return [self._queue.get_nowait() for _ in range(self._queue.qsize())]

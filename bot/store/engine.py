"""One writer with group commit, several readers. Everything that touches the database goes through `Store`."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from bot.errors import AvatarbotError, StoreUnavailable
from bot.store.cipher import Cipher
from bot.store.driver import Driver

T = TypeVar("T")
Work = Callable[[AsyncConnection], Awaitable[T]]

BUSY_TIMEOUT_MS = 1_500
"""How long a write waits for another process's lock; with the rest of a write it stays within accept's 2 s."""

BATCH = 64
READERS = 4


@dataclass(slots=True)
class _Pending(Generic[T]):
    work: Work[T]
    done: asyncio.Future[T] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


def _engine(url: URL, *, begin: str, query_only: bool) -> AsyncEngine:
    engine = create_async_engine(
        url,
        module=Driver(),
        pool_size=READERS if query_only else 1,
        max_overflow=0,
        connect_args={"isolation_level": None},  # the driver opens no transactions of its own
    )

    @event.listens_for(engine.sync_engine, "connect")
    def _configure(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        if query_only:
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


class Store:
    """The database, open. `write` runs a piece of work in a transaction that it may share with others; `read` sees what is committed."""

    def __init__(self, url: URL, cipher: Cipher) -> None:
        self.url = url
        self.cipher = cipher
        self._writer = _engine(url, begin="BEGIN IMMEDIATE", query_only=False)
        self._readers = _engine(url, begin="BEGIN", query_only=True)
        self._queue: asyncio.Queue[_Pending[Any]] = asyncio.Queue()
        self._outstanding = 0

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, url: str | URL, cipher: Cipher) -> AsyncIterator["Store"]:
        """The store with its writer running. Raises `StoreUnavailable` for a file that cannot be opened."""
        store = cls(make_url(url).set(drivername="sqlite+aiosqlite"), cipher)
        try:
            await store.read(_first_look)
            writing = asyncio.create_task(store._write_batches(), name="store-writer")
            try:
                yield store
            finally:
                with store._counted():
                    await store._queue.join()  # what a cancelled caller left behind is still written
                writing.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await writing
        finally:
            with store._counted():
                await store._writer.dispose()
                await store._readers.dispose()

    @property
    def path(self) -> Path | None:
        return Path(self.url.database) if self.url.database and self.url.database != ":memory:" else None

    @property
    def busy(self) -> bool:
        """Whether work is under way: a clock that jumps must not jump now."""
        return self._outstanding > 0

    async def read(self, work: Work[T]) -> T:
        """Run `work` on a read-only snapshot. Raises `StoreUnavailable`."""
        with self._counted():
            try:
                async with self._readers.connect() as connection:
                    return await work(connection)
            except (DBAPIError, OSError) as error:
                raise unavailable(error) from error

    async def write(self, work: Work[T]) -> T:
        """Run `work` in a write transaction and return its result once that is committed.

        Several pieces of work share one commit; one that raises is rolled back alone. Raises `StoreUnavailable` when
        nothing of it was written. Cancelling the caller does not undo it.
        """
        with self._counted():
            pending: _Pending[T] = _Pending(work)
            self._queue.put_nowait(pending)
            return await asyncio.shield(pending.done)

    @contextlib.contextmanager
    def _counted(self) -> Any:
        self._outstanding += 1
        try:
            yield
        finally:
            self._outstanding -= 1

    async def _write_batches(self) -> None:
        while True:
            batch = [await self._queue.get()]
            while len(batch) < BATCH and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            await self._commit(batch)
            for _ in batch:
                self._queue.task_done()

    async def _commit(self, batch: list[_Pending[Any]]) -> None:
        results: list[tuple[_Pending[Any], Any, BaseException | None]] = []
        try:
            async with self._writer.begin() as connection:
                alone = len(batch) == 1
                results = [(pending, *await _guarded(connection, pending.work, alone=alone)) for pending in batch]
        except _Aborted as aborted:
            results = [(batch[0], None, aborted.cause)]
        except Exception as error:  # noqa: BLE001 - whatever it is, each caller hears of it and the writer goes on
            if _is_lock(error):
                batch += self._all_queued()
            results = [(pending, None, unavailable(error)) for pending in batch]
        for pending, result, problem in results:
            if pending.done.cancelled():
                continue
            if problem is None:
                pending.done.set_result(result)
            else:
                pending.done.set_exception(problem)
                pending.done.exception()  # its caller may be gone

    def _all_queued(self) -> list[_Pending[Any]]:
        """Whoever queued behind a lock that did not open shares its fate, so that nobody waits for it twice."""
        return [self._queue.get_nowait() for _ in range(self._queue.qsize())]


class _Aborted(Exception):
    """The only work of a transaction failed: roll it back as a whole."""

    def __init__(self, cause: Exception) -> None:
        self.cause = cause


async def _guarded(connection: AsyncConnection, work: Work[T], *, alone: bool) -> tuple[T | None, Exception | None]:
    """Run one piece of work so that its failure does not touch the others of its batch.

    Raises `OperationalError`: the database itself may have rolled back everything (disk full, I/O error).
    """
    try:
        if alone:
            return await work(connection), None
        async with connection.begin_nested():
            return await work(connection), None
    except OperationalError:
        raise
    except Exception as error:
        problem = unavailable(error) if isinstance(error, DBAPIError) else error
        if alone:
            raise _Aborted(problem) from error
        return None, problem


def unavailable(error: Exception) -> AvatarbotError:
    """The sentence for a database that does not do its part."""
    detail = str(getattr(error, "orig", None) or error)
    for sign, sentence in _TROUBLES.items():
        if sign in detail:
            return StoreUnavailable(sentence, detail)
    return StoreUnavailable("The database did not take it. Please try again in a moment.", detail)


def _is_lock(error: Exception) -> bool:
    return isinstance(error, OperationalError) and "database is locked" in str(error.orig)


_TROUBLES = {
    "database is locked": "Another program holds the database. Please try again in a moment.",
    "disk is full": "The disk is full, so nothing can be saved.",
    "disk I/O": "The disk reports an error, so nothing can be saved.",
    "readonly": "The database file may not be written to; check its owner and permissions.",
    "unable to open": "The database file cannot be opened; check that its folder exists and may be written to.",
    "not a database": "The file named by DATABASE_URL is not an SQLite database.",
    "no such table": "The database has no tables yet; run `avatarbot db upgrade`.",
    "no such column": "The database is older than this program; run `avatarbot db upgrade`.",
}


async def _first_look(connection: AsyncConnection) -> None:
    await connection.exec_driver_sql("SELECT 1")

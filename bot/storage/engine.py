"""One writer with group commit, several readers. Everything that touches the database goes through `Store`."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, OperationalError

from bot.domain.errors import AvatarbotError, SettingsError, StoreUnavailable
from bot.storage.encryption import Cipher
from bot.storage.sqlite import ConnectionThread, Work

T = TypeVar("T")

FAILURES = (DBAPIError, sqlite3.Error)
OPERATIONAL = (OperationalError, sqlite3.OperationalError)
"""What the database raises: SQLAlchemy's own, and the driver's where a statement is run by the driver itself."""

BATCH = 64
READERS = 4
SAFE = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")


@dataclass(slots=True)
class _Pending(Generic[T]):
    make: Callable[[], Work[T]]  # called when its transaction begins
    done: asyncio.Future[T] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def settle(self, result: "T | _Failed") -> None:
        if self.done.cancelled():
            return
        if isinstance(result, _Failed):
            self.done.set_exception(result.error)
            self.done.exception()  # its caller may be gone
        else:
            self.done.set_result(result)


@dataclass(frozen=True, slots=True)
class _Failed:
    error: Exception


class _Undone(Exception):
    """A piece of work that was alone in its transaction has failed."""

    def __init__(self, error: Exception) -> None:
        self.error = error


class Store:
    """The database, open. `write` runs a piece of work in a transaction that it may share with others; `read` sees what is committed."""

    def __init__(self, url: URL, cipher: Cipher, writer: ConnectionThread, readers: Sequence[ConnectionThread]) -> None:
        self.url = url
        self.cipher = cipher
        self._writer = writer
        self._idle: asyncio.LifoQueue[ConnectionThread] = asyncio.LifoQueue()
        for reader in readers:
            self._idle.put_nowait(reader)
        self._queue: asyncio.Queue[_Pending[Any]] = asyncio.Queue()
        self._outstanding = 0
        self._file = _identity(self.path)
        self._damage: AvatarbotError | None = None

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, url: str | URL, cipher: Cipher) -> AsyncIterator["Store"]:
        """The store with its writer running. Raises `StoreUnavailable` for a file that cannot be opened."""
        url = make_url(url)
        async with contextlib.AsyncExitStack() as threads:
            try:
                writer = await threads.enter_async_context(ConnectionThread.open(url, "BEGIN IMMEDIATE", *SAFE))
                readers = [
                    await threads.enter_async_context(ConnectionThread.open(url, "BEGIN", *SAFE, "query_only=ON"))
                    for _ in range(READERS)
                ]
            except sqlite3.Error as error:
                raise unavailable(error) from error
            store = cls(url, cipher, writer, readers)
            writing = asyncio.create_task(store._write_batches(), name="store-writer")
            try:
                yield store
            finally:
                with store._counted():
                    await store._queue.join()  # what a cancelled caller left behind is still written
                    writing.cancel()
                    await asyncio.wait((writing,))
                    await threads.aclose()

    @property
    def path(self) -> Path | None:
        return Path(self.url.database) if self.url.database and self.url.database != ":memory:" else None

    def check(self) -> None:
        """Raises `SettingsError` when nothing that is written is kept any more: the file is another one or gone, or it is damaged."""
        if self._damage:
            raise SettingsError(self._damage.sentence, self._damage.detail)
        if _identity(self.path) != self._file:
            raise SettingsError(
                f"The database {self.path} was deleted or replaced while the service ran. What was written since is lost; start it again."
            )

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
            except FAILURES as error:
                raise self._unavailable(error) from error
            finally:
                self._idle.put_nowait(thread)

    async def write(self, work: Work[T]) -> T:
        """Run `work` in a write transaction and return its result once that is committed.

        Several pieces of work share one commit; one that raises is rolled back alone. Raises `StoreUnavailable` when
        nothing of it was written. Cancelling the caller does not undo it.
        """
        return await self.write_late(lambda: work)

    async def write_late(self, make: Callable[[], Work[T]]) -> T:
        """`write` what `make` makes when the transaction begins: of what has come in until then."""
        with self._counted():
            pending: _Pending[T] = _Pending(make)
            self._queue.put_nowait(pending)
            return await pending.done

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
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
        try:
            works = [pending.make() for pending in batch]
            if len(works) == 1:
                results = [await self._writer.transaction(partial(_alone, works[0]))]
            else:
                results = await self._writer.transaction(lambda c: [_guarded(c, work) for work in works])
        except _Undone as undone:
            results = [_Failed(undone.error)]
        except Exception as error:  # noqa: BLE001 - whatever it is, each caller hears of it and the writer goes on
            if _is_lock(error):
                batch += self._all_queued()
            results = [_Failed(self._unavailable(error))] * len(batch)
        for pending, result in zip(batch, results, strict=True):
            pending.settle(result)

    def _unavailable(self, error: Exception) -> AvatarbotError:
        told = unavailable(error)
        if told.sentence in DAMAGES:
            self._damage = told
        return told

    def _all_queued(self) -> list[_Pending[Any]]:
        """Whoever queued behind a lock that did not open shares its fate, so that nobody waits for it twice."""
        return [self._queue.get_nowait() for _ in range(self._queue.qsize())]


def _alone(work: Work[T], connection: Connection) -> T:
    """Do a piece of work that shares its transaction with none, which saves SQLite a savepoint. Raises `_Undone` where it fails by itself."""
    try:
        return work(connection)
    except OPERATIONAL:
        raise
    except Exception as error:
        raise _Undone(_told(error)) from error


def _told(error: Exception) -> Exception:
    return unavailable(error) if isinstance(error, FAILURES) else error


def _guarded(connection: Connection, work: Work[T]) -> T | _Failed:
    """Do a piece of work so that its failure does not touch the others of its batch.

    Raises what is `OPERATIONAL`: the database itself may have rolled back everything (disk full, I/O error).
    """
    sqlite = connection.connection.driver_connection
    assert sqlite is not None
    sqlite.execute("SAVEPOINT work")
    try:
        result = work(connection)
    except OPERATIONAL:
        raise
    except Exception as error:  # noqa: BLE001 - its caller hears of it
        sqlite.execute("ROLLBACK TO work")
        return _Failed(_told(error))
    sqlite.execute("RELEASE work")
    return result


def _identity(path: Path | None) -> tuple[int, int] | None:
    """Which file that is, whatever it is called; None when there is none."""
    try:
        found = path.stat() if path else None
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if found else None


def unavailable(error: Exception) -> AvatarbotError:
    """The sentence for a database that does not do its part."""
    detail = str(getattr(error, "orig", None) or error)
    for sign, sentence in _TROUBLES.items():
        if sign in detail:
            return StoreUnavailable(sentence, detail)
    return StoreUnavailable("The database did not take it. Please try again in a moment.", detail)


def _is_lock(error: Exception) -> bool:
    return isinstance(error, OPERATIONAL) and "database is locked" in str(error)


_NO_DATABASE = "The file named by DATABASE_URL is not an SQLite database."
DAMAGED = (
    "The database file is damaged: restore a copy of it, or what can be read with `sqlite3 avatarbot.db .recover`."
)
DAMAGES = (_NO_DATABASE, DAMAGED)
"""Sentences for what does not get better by itself."""

_TROUBLES = {
    "database is locked": "Another program holds the database. Please try again in a moment.",
    "disk is full": "The disk is full, so nothing can be saved.",
    "disk I/O": "The disk reports an error, so nothing can be saved.",
    "readonly": "The database file may not be written to; check its owner and permissions.",
    "unable to open": "The database file cannot be opened; check that its folder exists and may be written to.",
    "not a database": _NO_DATABASE,
    "malformed": DAMAGED,
    "no such table": "The database has no tables yet; run `avatarbot db upgrade`.",
    "no such column": "The database is older than this program; run `avatarbot db upgrade`.",
}

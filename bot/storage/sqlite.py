"""SQLite: one writer with group commit, several readers, one process per file.

A transaction goes to aiosqlite's thread in one go. aiosqlite has no public way to run a function in its thread, hence its upper
bound in pyproject.toml.
"""

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import aiosqlite
from sqlalchemy import Connection, create_engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.pool import StaticPool

from bot.domain.errors import AvatarbotError, SettingsError, StoreRefused, StoreUnavailable
from bot.storage.connections import Database, DatabaseAway, Failed, Work, unavailable

T = TypeVar("T")

FAILURES = (DBAPIError, sqlite3.Error)
OPERATIONAL = (OperationalError, sqlite3.OperationalError)
REFUSALS = (DataError, IntegrityError, sqlite3.DataError, sqlite3.IntegrityError)
"""What the database raises: SQLAlchemy's own, and the driver's where a statement is run by the driver itself."""

BATCH: Final = 64
READERS: Final = 4
SAFE: Final = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")

BUSY_TIMEOUT_MS: Final = 1_500
"""How long a write waits for another process's lock; with the rest of a write it stays within accept's 2 s."""


@contextlib.asynccontextmanager
async def opened(url: URL) -> AsyncIterator[Database]:
    """The file that `url` names. Raises `StoreUnavailable` for one that cannot be opened."""
    async with contextlib.AsyncExitStack() as threads:
        try:
            writer = await threads.enter_async_context(SqliteThread.open(url, "BEGIN IMMEDIATE", *SAFE))
            readers = [
                await threads.enter_async_context(SqliteThread.open(url, "BEGIN", *SAFE, "query_only=ON"))
                for _ in range(READERS)
            ]
        except sqlite3.Error as error:
            raise told(error) from error
        yield Database([writer], readers, BATCH, check=_Watched(url, [writer, *readers]).check)


class SqliteThread:
    """`ConnectionThread` on aiosqlite's."""

    def __init__(self, driver: aiosqlite.Connection, begin: str) -> None:
        self._driver = driver
        self._begin = begin
        self._connection: Connection | None = None  # kept: taking one from the pool costs more than a transaction
        self.engine = create_engine("sqlite://", creator=lambda: driver._conn, poolclass=StaticPool)
        self.damage: AvatarbotError | None = None

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, url: URL, begin: str, *pragmas: str) -> AsyncIterator["SqliteThread"]:
        """A thread whose transactions begin so. Raises `sqlite3.Error` for a file that cannot be opened."""
        # isolation_level: the driver opens no transactions of its own
        async with aiosqlite.connect(str(url.database), isolation_level=None) as driver:
            for pragma in (f"busy_timeout={BUSY_TIMEOUT_MS}", *pragmas):
                await driver.execute_fetchall(f"PRAGMA {pragma}")
            thread = cls(driver, begin)
            try:
                yield thread
            finally:
                await thread._in_thread(thread._let_go)

    async def transaction(self, work: Work[T]) -> T:
        try:
            return await self._in_thread(self._transact, work)
        except FAILURES as error:
            raise self._told(error) from error

    async def together(self, works: Sequence[Work[Any]]) -> Sequence[Any]:
        try:
            if len(works) == 1:
                return [await self.transaction(partial(_alone, works[0]))]
            return await self.transaction(lambda connection: [_guarded(connection, work) for work in works])
        except _Undone as undone:
            return [Failed(undone.error)]

    async def _in_thread(self, function: Callable[..., T], *args: object) -> T:
        done: T = await self._driver._execute(function, *args)  # type: ignore[no-untyped-call]
        return done

    def _transact(self, work: Work[T]) -> T:
        # Begun and committed by the driver: SQLAlchemy's own transaction costs more than SQLite's, and begins with its first statement.
        connection = self._connection = self._connection or self.engine.connect()
        try:
            self._driver._conn.execute(self._begin)
            result = work(connection)
            self._driver._conn.commit()
            if connection.in_transaction():
                connection.commit()
        except BaseException:
            self._let_go()
            raise
        return result

    def _let_go(self) -> None:
        """Whatever state it is in: the next transaction gets a clean one."""
        connection, self._connection = self._connection, None
        if connection:
            self._driver._conn.rollback()
            connection.close()

    def _told(self, error: Exception) -> StoreUnavailable:
        unavailable = told(error)
        if unavailable.sentence in DAMAGES:
            self.damage = unavailable
        return unavailable


class _Undone(Exception):
    """A piece of work that was alone in its transaction has failed."""

    def __init__(self, error: Exception) -> None:
        self.error = error


def _alone(work: Work[T], connection: Connection) -> T:
    """Do a piece of work that shares its transaction with none, which saves SQLite a savepoint. Raises `_Undone` where it fails by itself."""
    try:
        return work(connection)
    except OPERATIONAL:
        raise
    except Exception as error:
        raise _Undone(_of_its_own(error)) from error


def _guarded(connection: Connection, work: Work[T]) -> T | Failed:
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
        return Failed(_of_its_own(error))
    sqlite.execute("RELEASE work")
    return result


def _of_its_own(error: Exception) -> Exception:
    return told(error) if isinstance(error, FAILURES) else error


# ---------------------------------------------------------------- what can be wrong with a file


class _Watched:
    """The file, as it was when it was opened."""

    def __init__(self, url: URL, threads: Sequence[SqliteThread]) -> None:
        self._path = Path(url.database) if url.database and url.database != ":memory:" else None
        self._file = _identity(self._path)
        self._threads = threads

    def check(self) -> None:
        """Raises `SettingsError` when the file is another one or gone, or it is damaged."""
        for thread in self._threads:
            if thread.damage:
                raise SettingsError(thread.damage.sentence, thread.damage.detail)
        if _identity(self._path) != self._file:
            raise SettingsError(
                f"The database {self._path} was deleted or replaced while the service ran. What was written since is lost; start it again."
            )


def _identity(path: Path | None) -> tuple[int, int] | None:
    """Which file that is, whatever it is called; None when there is none."""
    try:
        found = path.stat() if path else None
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if found else None


def told(error: Exception) -> StoreUnavailable:
    """The sentence for a file that does not do its part."""
    detail = str(getattr(error, "orig", None) or error)
    return unavailable(detail, _TROUBLES, _kind(error, detail))


def _kind(error: Exception, detail: str) -> type[StoreUnavailable]:
    if isinstance(error, OPERATIONAL) and LOCKED in detail:
        return DatabaseAway
    return StoreRefused if isinstance(error, REFUSALS) else StoreUnavailable


LOCKED: Final = "database is locked"
_NO_DATABASE: Final = "The file named by DATABASE_URL is not an SQLite database."
DAMAGED: Final = (
    "The database file is damaged: restore a copy of it, or what can be read with `sqlite3 avatarbot.db .recover`."
)
DAMAGES: Final = (_NO_DATABASE, DAMAGED)
"""Sentences for what does not get better by itself."""

_TROUBLES: Final = {
    LOCKED: "Another program holds the database. Please try again in a moment.",
    "disk is full": "The disk is full, so nothing can be saved.",
    "disk I/O": "The disk reports an error, so nothing can be saved.",
    "readonly": "The database file may not be written to; check its owner and permissions.",
    "unable to open": "The database file cannot be opened; check that its folder exists and may be written to.",
    "not a database": _NO_DATABASE,
    "malformed": DAMAGED,
    "no such table": "The database has no tables yet; run `avatarbot db upgrade`.",
    "no such column": "The database is older than this program; run `avatarbot db upgrade`.",
}


@contextlib.contextmanager
def sole_process(database: Path) -> Iterator[None]:
    """Hold the lock beside the database within the block; the system frees it when the process dies, however it dies.

    Raises `SettingsError` when another process holds it.
    """
    path = database.with_name(database.name + ".lock")
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise SettingsError(
            f"Cannot write beside {database} ({error.strerror}); set DATABASE_URL to a file in a folder that may be written to."
        ) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise SettingsError(
            f"Another avatarbot runs on {database}; stop it first, or set DATABASE_URL to another file."
        ) from error
    try:
        yield
    finally:
        os.close(handle)

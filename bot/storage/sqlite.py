"""One connection to SQLite and the thread it lives in.

SQLAlchemy's own asyncio layer changes threads for every statement, which takes longer than the statement itself: measured 0.38 ms
beside 0.01 ms. Here a whole transaction goes to aiosqlite's thread in one go, and runs there on a plain SQLAlchemy connection.
aiosqlite has no public way to run a function in its thread, hence its upper bound in pyproject.toml.
"""

import contextlib
import fcntl
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import aiosqlite
from sqlalchemy import Connection, create_engine
from sqlalchemy.engine import URL
from sqlalchemy.pool import StaticPool

from bot.domain.errors import SettingsError

T = TypeVar("T")
Work = Callable[[Connection], T]
"""Statements of one transaction and what they yield. It runs in another thread and changes nothing but the database."""

BUSY_TIMEOUT_MS = 1_500
"""How long a write waits for another process's lock; with the rest of a write it stays within accept's 2 s."""


class ConnectionThread:
    """Runs one transaction after the other."""

    def __init__(self, driver: aiosqlite.Connection, begin: str) -> None:
        self._driver = driver
        self._begin = begin
        self._connection: Connection | None = None  # kept: taking one from the pool costs more than a transaction
        self.engine = create_engine("sqlite://", creator=lambda: driver._conn, poolclass=StaticPool)

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, url: URL, begin: str, *pragmas: str) -> AsyncIterator["ConnectionThread"]:
        """A lane whose transactions begin so. Raises `sqlite3.Error` for a file that cannot be opened."""
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
        """Run `work` and commit, or roll back and raise what it raised. Cancelling the caller stops nothing."""
        return await self._in_thread(self._transact, work)

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


# ---------------------------------------------------------------- one process per file


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

"""One writer with group commit: what is reported is what happened, and the writer outlives every failure."""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Awaitable, Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from bot.domain.errors import StoreRefused, StoreUnavailable
from bot.storage.connections import Work
from bot.storage.encryption import Cipher
from bot.storage.engine import Store
from bot.storage.sqlite import SqliteThread
from tests.patience import HANG_S


def allowing(workspace: str) -> Work[None]:
    def work(connection: Connection) -> None:
        connection.exec_driver_sql(
            "INSERT INTO workspaces (platform, workspace_id, funded) VALUES ('room', ?, 1)", (workspace,)
        )

    return work


def failing(connection: Connection) -> None:
    allowing("half done")(connection)
    raise ValueError("a fault of ours")


def broken_disk(connection: Connection) -> None:
    allowing("half done")(connection)
    raise OperationalError("COMMIT", {}, sqlite3.OperationalError("disk I/O error"))


def written(database: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return [row[0] for row in connection.execute("SELECT workspace_id FROM workspaces ORDER BY workspace_id")]


@contextlib.contextmanager
def locked(database: Path) -> Iterator[None]:
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")


async def test_many_writes_share_few_commits(store: Store, database: Path) -> None:
    (writer,), statements = store.database.writers, list[str]()
    assert isinstance(writer, SqliteThread)
    await writer._driver.set_trace_callback(statements.append)
    await asyncio.gather(*(store.write(allowing(f"W{number:02}")) for number in range(40)))
    assert statements.count("COMMIT") <= 3
    assert len(written(database)) == 40


async def test_what_nobody_waits_for_shares_the_next_commit(store: Store, database: Path) -> None:
    (writer,), statements = store.database.writers, list[str]()
    assert isinstance(writer, SqliteThread)
    await writer._driver.set_trace_callback(statements.append)
    unhurried = [asyncio.create_task(store.unhurried(allowing(workspace))) for workspace in ("one", "two")]
    await asyncio.sleep(0)
    await store.write(allowing("next"))
    await asyncio.gather(*unhurried)
    assert (statements.count("COMMIT"), written(database)) == (1, ["next", "one", "two"])


async def test_where_nobody_writes_it_is_written_alone(store: Store, database: Path) -> None:
    await asyncio.wait_for(store.unhurried(allowing("alone")), HANG_S)
    assert written(database) == ["alone"]


async def test_a_failing_write_is_undone_alone(store: Store, database: Path) -> None:
    results = await asyncio.gather(
        store.write(allowing("before")),
        store.write(failing),
        store.write(allowing("after")),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [type(None), ValueError, type(None)]
    assert written(database) == ["after", "before"]


async def test_a_failure_alone_is_undone_too(store: Store, database: Path) -> None:
    with pytest.raises(ValueError, match="a fault of ours"):
        await store.write(failing)
    assert written(database) == []


async def test_what_is_never_taken_is_refused(store: Store) -> None:
    with pytest.raises(StoreRefused):
        await store.write(lambda connection: connection.execute(text("INSERT INTO sessions (id) VALUES (NULL)")))


async def test_a_database_failure_undoes_the_whole_batch(store: Store, database: Path) -> None:
    results = await asyncio.gather(
        store.write(allowing("before")),
        store.write(broken_disk),
        store.write(allowing("after")),
        return_exceptions=True,
    )
    assert all(isinstance(result, StoreUnavailable) for result in results)
    assert written(database) == []


async def test_a_locked_database_fails_within_two_seconds(store: Store, database: Path) -> None:
    taken = asyncio.Event()

    def early() -> Work[None]:
        taken.set()
        return allowing("early")

    async def late() -> float:
        await taken.wait()  # the writer waits for the lock already
        began = time.monotonic()
        with pytest.raises(StoreUnavailable, match="Another program"):
            await store.write(allowing("late"))
        return time.monotonic() - began

    with locked(database):
        waited, _ = await asyncio.gather(late(), is_refused(store.write_late(early)))
    assert waited < 2
    await store.write(allowing("afterwards"))
    assert written(database) == ["afterwards"]


async def is_refused(writing: Awaitable[None]) -> None:
    with pytest.raises(StoreUnavailable):
        await writing


async def test_a_failed_commit_is_told_and_writing_goes_on(store: Store, database: Path) -> None:
    def of_no_session(connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        allowing("lost")(connection)
        connection.exec_driver_sql("INSERT INTO turns (id, session_id, claimed_at) VALUES ('t', 'nobody', 0)")

    with pytest.raises(StoreUnavailable):
        await store.write(of_no_session)
    await asyncio.wait_for(store.write(allowing("next")), HANG_S)
    assert written(database) == ["next"]


def test_whatever_is_cancelled_at_once_it_closes(database: Path) -> None:
    """As `asyncio.run` ends what is left: those who write with those who wait for it."""

    async def main() -> None:
        async with Store.open(f"sqlite:///{database}", Cipher((Fernet.generate_key().decode(),))) as store:
            writes = [asyncio.create_task(store.write(allowing(str(number)))) for number in range(3)]
            await asyncio.sleep(0)
            for task in asyncio.all_tasks():
                task.cancel()
            await asyncio.wait(writes)

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())


async def test_a_cancelled_callers_write_survives_closing(database: Path) -> None:
    async with Store.open(f"sqlite:///{database}", Cipher((Fernet.generate_key().decode(),))) as store:
        writing = asyncio.create_task(store.write(allowing("left behind")))
        await asyncio.sleep(0)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
    assert written(database) == ["left behind"]

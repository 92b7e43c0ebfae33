"""Copies of a database, made in mid-use and put back."""

import sqlite3
import stat
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.clock import SystemClock, new_id
from bot.domain.conversations import ConversationRef
from bot.domain.errors import SettingsError
from bot.domain.sessions import SessionSpec
from bot.settings import Settings
from bot.storage.backup import back_up, restore
from bot.storage.encryption import Cipher
from bot.storage.keys import key_file, secret_keys
from bot.storage.sql import SqlStorage, sql_storage
from bot.storage.sqlite import sole_process
from tests import stored
from tests.database import database_in

NOW = datetime(2026, 11, 28, 14, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.model_validate({"database_url": database_in(tmp_path)})


@pytest.fixture
async def storage(settings: Settings) -> AsyncIterator[SqlStorage]:
    async with opened(settings) as storage:
        yield storage


def opened(settings: Settings) -> AbstractAsyncContextManager[SqlStorage]:
    return sql_storage(settings.store_url, Cipher(secret_keys(settings)), SystemClock())


async def started(storage: SqlStorage, channel: str) -> str:
    session_id = new_id()
    await stored.started(storage, session_id, ConversationRef("slack", "T1", channel), SessionSpec("ann-1"))
    return session_id


def sessions_in(database: Path) -> set[str]:
    with closing(sqlite3.connect(database)) as connection:
        return {row[0] for row in connection.execute("SELECT id FROM sessions")}


async def test_a_copy_of_a_database_in_use_is_whole(storage: SqlStorage, settings: Settings, tmp_path: Path) -> None:
    before = await started(storage, "C1")

    size = back_up(settings.database_path, tmp_path / "copy.db")
    await started(storage, "C2")

    assert sessions_in(tmp_path / "copy.db") == {before}
    assert size == (tmp_path / "copy.db").stat().st_size
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600


def test_a_copy_is_made_while_others_keep_writing(settings: Settings, tmp_path: Path) -> None:
    """A database of 20 MB, with more writes than a copy could ever wait out."""
    copied = threading.Event()
    with closing(sqlite3.connect(settings.database_path)) as connection, connection:
        connection.execute("CREATE TABLE filler (content)")
        connection.executemany("INSERT INTO filler VALUES (zeroblob(4000))", [()] * 5_000)

    def wrote() -> int:
        written = 0
        with closing(sqlite3.connect(settings.database_path, isolation_level=None)) as connection:
            while written < 2_000 and not copied.wait(0.001):
                written += connection.execute("INSERT INTO filler VALUES ('more')").rowcount
        return written

    with ThreadPoolExecutor(1) as writer:
        writing = writer.submit(wrote)
        back_up(settings.database_path, tmp_path / "copy.db")
        copied.set()
        assert writing.result() < 2_000


def test_a_copy_replaces_no_file(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("somebody's")
    with pytest.raises(SettingsError, match="there already"):
        back_up(settings.database_path, tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_text() == "somebody's"


def test_a_missing_database_is_not_copied(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no database"):
        back_up(tmp_path / "none.db", tmp_path / "copy.db")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_gets_a_sentence(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be written"):
        back_up(settings.database_path, tmp_path / "none" / "copy.db")


async def test_a_copy_takes_the_place_of_what_was_there(settings: Settings, tmp_path: Path) -> None:
    async with opened(settings) as storage:
        before = await started(storage, "C1")
        back_up(settings.database_path, tmp_path / "copy.db")
        after = await started(storage, "C2")

    former = restore(tmp_path / "copy.db", settings, NOW)

    assert sessions_in(settings.database_path) == {before}
    assert former == settings.database_path.with_name("avatarbot.db.before-20261128T140000Z")
    assert sessions_in(former) == {before, after}
    assert stat.S_IMODE(settings.database_path.stat().st_mode) == 0o600
    assert (tmp_path / "copy.db").exists()


async def test_a_crashs_journal_is_not_taken_for_the_copys(settings: Settings, tmp_path: Path) -> None:
    async with opened(settings) as storage:
        before = await started(storage, "C1")
        back_up(settings.database_path, tmp_path / "copy.db")
        after = await started(storage, "C2")
        journal = settings.database_path.with_name("avatarbot.db-wal")
        kept = journal.read_bytes()
    journal.write_bytes(kept)  # as a killed process leaves it

    former = restore(tmp_path / "copy.db", settings, NOW)

    assert former is not None
    assert sessions_in(settings.database_path) == {before}
    assert sessions_in(former) == {before, after}


def test_a_copy_is_put_where_nothing_was(settings: Settings, tmp_path: Path) -> None:
    back_up(settings.database_path, tmp_path / "copy.db")
    settings.database_path.unlink()
    assert restore(tmp_path / "copy.db", settings, NOW) is None
    assert sessions_in(settings.database_path) == set()


def test_what_was_set_aside_before_stays(settings: Settings, tmp_path: Path) -> None:
    back_up(settings.database_path, tmp_path / "copy.db")
    restore(tmp_path / "copy.db", settings, NOW)
    with pytest.raises(SettingsError, match=r"before-20261128T140000Z cannot be written \(File exists\)"):
        restore(tmp_path / "copy.db", settings, NOW)


def test_a_damaged_database_is_replaced(settings: Settings, tmp_path: Path) -> None:
    back_up(settings.database_path, tmp_path / "copy.db")
    settings.database_path.write_bytes(b"no database at all" * 1_000)

    former = restore(tmp_path / "copy.db", settings, NOW)

    assert former is not None
    assert former.read_bytes().startswith(b"no database at all")
    assert sessions_in(settings.database_path) == set()


def test_a_running_service_keeps_its_database(settings: Settings, tmp_path: Path) -> None:
    back_up(settings.database_path, tmp_path / "copy.db")
    with sole_process(settings.database_path), pytest.raises(SettingsError, match="stop it first"):
        restore(tmp_path / "copy.db", settings, NOW)


@pytest.mark.parametrize("ruin", ["missing", "cut", "text", "foreign", "newer"])
def test_what_is_no_copy_changes_nothing(settings: Settings, tmp_path: Path, ruin: str) -> None:
    copy = tmp_path / "copy.db"
    back_up(settings.database_path, copy)
    present = settings.database_path.read_bytes()
    _ruin(copy, ruin)

    with pytest.raises(SettingsError, match=r"copy\.db"):
        restore(copy, settings, NOW)

    assert settings.database_path.read_bytes() == present
    assert list(tmp_path.glob("*.before-*")) == []


def _ruin(copy: Path, how: str) -> None:
    match how:
        case "missing":
            copy.unlink()
        case "cut":
            copy.write_bytes(copy.read_bytes()[:50_000])
        case "text":
            copy.write_text("root:x:0:0")
        case "foreign" | "newer":
            change = "DROP TABLE alembic_version" if how == "foreign" else "UPDATE alembic_version SET version_num='9'"
            with closing(sqlite3.connect(copy)) as connection, connection:
                connection.execute(change)


async def test_a_copy_of_another_key_makes_none(settings: Settings, tmp_path: Path) -> None:
    async with opened(settings) as storage:
        await started(storage, "C1")
    back_up(settings.database_path, tmp_path / "copy.db")
    key_file(settings).unlink()

    with pytest.raises(SettingsError, match="another key"):
        restore(tmp_path / "copy.db", settings, NOW)

    assert not key_file(settings).exists()

"""Copies of a SQLite database: made while it is in use, and put back while it is not."""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from alembic.migration import MigrationContext

from bot.domain.errors import SettingsError
from bot.settings import Settings
from bot.storage.keys import readable
from bot.storage.migrate import connected, is_newer
from bot.storage.sqlite import sole_process

JOURNALS = ("-wal", "-shm", "-journal")


def back_up(database: Path, copy: Path) -> int:
    """Copy the database as it is at one moment, also while a service writes to it; answers with the bytes of the copy.

    The copy is one file that its owner alone can read. It is there whole or not at all. The key is not in it.
    Raises `SettingsError` when there is no database, or the copy is there already or cannot be written.
    """
    if not database.is_file():
        raise SettingsError(f"There is no database at {database} to copy; DATABASE_URL says where it is.")
    if copy.exists():
        raise SettingsError(f"{copy} is there already: name another file, or move that one away.")
    with _draft(copy) as draft:
        _copy(database, draft)
        try:
            os.link(draft, copy)  # unlike a rename it replaces nothing that somebody made meanwhile
        except OSError as error:
            raise _unwritable(copy, error) from error
    return copy.stat().st_size


def restore(copy: Path, settings: Settings, now: datetime) -> Path | None:
    """Put a copy in the database's place; answers with where the database that was there is now, if one was.

    Raises `SettingsError`, and changes nothing, when a service runs on the database, when the copy is damaged, is no database of
    Avatarbot's or a newer version's, or was written with another key.
    """
    _examine(copy, settings)
    database = settings.database_path
    with sole_process(database), _draft(database) as draft:
        _copy(copy, draft)
        former = _set_aside(database, now)
        draft.replace(database)
    return former


@contextmanager
def _draft(file: Path) -> Iterator[Path]:
    """A file beside the one to be made, for its owner only; what is left of it at the end goes."""
    try:
        descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f"{file.name}.")
    except OSError as error:
        raise _unwritable(file, error) from error
    os.close(descriptor)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _copy(source: Path, target: Path) -> None:
    try:
        with closing(_read_only(source)) as reading, closing(sqlite3.connect(target)) as writing:
            reading.backup(writing)  # in one go: between two steps it would begin anew whenever somebody has written
            writing.execute("PRAGMA journal_mode=DELETE")  # one file, without journals beside it
    except sqlite3.Error as error:
        raise SettingsError(f"{source} cannot be copied to {target.parent}: {error}.") from error
    with target.open("rb") as written:
        os.fsync(written.fileno())


def _read_only(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)


def _examine(copy: Path, settings: Settings) -> None:
    if not copy.is_file():
        raise SettingsError(f"There is no file {copy}.")
    try:
        with closing(_read_only(copy)) as reading:
            sound = reading.execute("PRAGMA integrity_check(1)").fetchone() == ("ok",)
    except sqlite3.Error:
        sound = False
    if not sound:
        raise SettingsError(f"{copy} is damaged, or no database: nothing was changed.")
    with connected(f"sqlite:///{copy.absolute()}") as connection:
        revision = MigrationContext.configure(connection).get_current_revision() or ""
        if not revision:
            raise SettingsError(f"{copy} is no database of Avatarbot's: nothing was changed.")
        if is_newer(revision):
            raise SettingsError(
                f"{copy} was made by a newer Avatarbot (its tables are at {revision}): install that version."
            )
        if not readable(connection, settings):
            raise SettingsError(
                f"{copy} was written with another key: put that key back, in AVATARBOT_SECRET_KEYS or the key file. Nothing was changed."
            )


def _set_aside(database: Path, now: datetime) -> Path | None:
    """The database that was there under another name, with its journals: it need not be readable for that."""
    if not database.exists():
        return None
    former = database.with_name(f"{database.name}.before-{now:%Y%m%dT%H%M%SZ}")
    for ending in ("", *JOURNALS):
        file = database.with_name(database.name + ending)
        if file.exists():
            try:
                os.link(file, former.with_name(former.name + ending))
            except OSError as error:
                raise _unwritable(former, error) from error
    for ending in JOURNALS:  # they would be taken for those of the copy
        database.with_name(database.name + ending).unlink(missing_ok=True)
    return former


def _unwritable(file: Path, error: OSError) -> SettingsError:
    return SettingsError(f"{file} cannot be written ({error.strerror}).")

"""One process per SQLite file: whoever holds the lock knows that every other holder is dead."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from bot.domain.errors import SettingsError


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

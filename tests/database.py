"""A database of its own for each test, migrated once for all of them."""

import functools
import tempfile
from pathlib import Path

from bot.storage.migrate import upgrade

NAME = "avatarbot.db"


@functools.cache
def migrated() -> bytes:
    """An empty one."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / NAME
        upgrade(f"sqlite:///{file}")
        return file.read_bytes()


def database_in(folder: Path) -> str:
    """The URL of the database in this folder, made if there is none."""
    file = folder / NAME
    if not file.exists():
        file.touch(mode=0o600)
        file.write_bytes(migrated())
    return f"sqlite:///{file}"

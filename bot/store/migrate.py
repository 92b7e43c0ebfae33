"""Brings a database to the tables this program knows."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import DBAPIError

from bot.store.engine import unavailable

_INSTALLED = Path(__file__).parent / "migrations"  # inside the wheel
_CHECKOUT = Path(__file__).parents[2] / "migrations"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_INSTALLED if _INSTALLED.is_dir() else _CHECKOUT))
    return config


def newest_revision() -> str:
    """The revision this program was written for."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


@contextlib.contextmanager
def _connected(url: str | URL) -> Iterator[Connection]:
    engine = create_engine(make_url(url).set(drivername="sqlite"))
    try:
        with engine.connect() as connection:
            yield connection
    except DBAPIError as error:
        raise unavailable(error) from error
    finally:
        engine.dispose()


def current_revision(url: str | URL) -> str:
    """The revision a database is at, empty for a new one. Raises `StoreUnavailable`."""
    with _connected(url) as connection:
        return MigrationContext.configure(connection).get_current_revision() or ""


def upgrade(url: str | URL) -> None:
    """Apply what is missing; a new file can be read by its owner only. Raises `StoreUnavailable`."""
    with contextlib.suppress(OSError):  # SQLite says what is wrong, a moment later
        Path(make_url(url).database or "").touch(mode=0o600)
    with _connected(url) as connection:
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        connection.commit()
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


async def upgraded(url: str | URL) -> None:
    """`upgrade`, off the event loop."""
    await asyncio.to_thread(upgrade, url)

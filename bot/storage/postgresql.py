"""PostgreSQL: several writers, each piece of work in a transaction of its own that is tried again where another's is in its way."""

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import psycopg
from sqlalchemy import BigInteger, Connection, Engine, create_engine, inspect, select, type_coerce
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from bot.domain.errors import SettingsError, StoreAway, StoreBusy, StoreRefused, StoreUnavailable, WriteInDoubt
from bot.process_roles import ALL_ROLES, ProcessRole
from bot.storage.connections import (
    STANDARD_SIZE,
    Database,
    DatabaseAway,
    Failed,
    PoolSize,
    Retried,
    TryAgain,
    Work,
    nobody_counts,
    unavailable,
)
from bot.storage.statements import NOW
from bot.storage.tables import workers

T = TypeVar("T")

FAILURES = (DBAPIError, psycopg.Error)
"""What the database raises: SQLAlchemy's own, and the driver's where a statement is run by the driver itself."""

OLDEST: Final = 14
"""The oldest server whose statements these are."""

LIMITS: Final = (
    "SET LOCAL statement_timeout = 1500; SET LOCAL lock_timeout = 1500; "
    "SET LOCAL idle_in_transaction_session_timeout = 5000; SET LOCAL synchronous_commit = on"
)
"""In the round trip that begins a transaction, milliseconds: with the rest of a write it stays within accept's 2 s."""

WRITE: Final = f"BEGIN; {LIMITS}"
READ: Final = f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {LIMITS}"

AGAIN_AFTER_S: Final = (0.0, 0.02, 0.1, 0.3)
"""Pauses before a work is run again; five attempts in all."""
AGAIN_WITHIN_S: Final = 1.5

ONCE: Final = frozenset({"one_row_per_event", "one_session_per_place"})
"""Unique indexes that two who look at the same moment meet in: who looks again sees the other."""

TOO_LONG: Final = "57014"
"""Its time ran out: a statement's, or that of what it waited for."""

PASSES_LATER: Final = frozenset({"25006", "40001", "40P01", "53100", "53200", "53300", "55P03", "lock order"})
"""Of a server that is there, and takes nothing for now: one that still follows another, one that is full or too busy."""

_NAMED: Final = {"application_name": "avatarbot"}
CONNECT: Final[Mapping[str, Any]] = {
    "connect_timeout": 3,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "tcp_user_timeout": 9_000,
}
"""Seconds, the last one milliseconds: a machine that is gone is noticed within ten, whether or not it was just sent something."""

SILENT_AFTER_S: Final = 10.0
"""Its own limits would have ended a transaction by then, and nothing is tried again: the server fell silent, or what stands before it."""


@contextlib.asynccontextmanager
async def opened(
    url: URL, size: PoolSize, retried: Retried = nobody_counts, silent_after_s: float = SILENT_AFTER_S
) -> AsyncIterator[Database]:
    """The database on a server. Raises `SettingsError` for one that cannot be opened."""
    engine = _engine(url, autocommit=True)
    async with contextlib.AsyncExitStack() as stack:

        async def threads(begin: str, number: int) -> list[PostgresThread]:
            opening = (PostgresThread.open(engine, begin, retried, silent_after_s) for _ in range(number))
            return [await stack.enter_async_context(each) for each in opening]

        writers, readers = await threads(WRITE, size.writers), await threads(READ, size.readers)
        yield Database(writers, readers, batch=1, urgent=next(iter(await threads(WRITE, size.urgent)), None))


@contextlib.contextmanager
def connected(url: URL) -> Iterator[Connection]:
    """A connection of its own, before there is a `Store`. Raises `SettingsError`."""
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            require_version(connection.connection.driver_connection)
            yield connection
    except FAILURES as error:
        raise refused(error, url) from error


def _engine(url: URL, **connect: object) -> Engine:
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        poolclass=NullPool,
        paramstyle="format",
        use_native_hstore=False,
        connect_args={**CONNECT, **({} if "application_name" in url.query else _NAMED), **connect},
    )


def require_version(driver: Any) -> None:
    """Raises `SettingsError` for a server that is too old."""
    found = driver.info.server_version // 10_000
    if found < OLDEST:
        raise SettingsError(f"The server of DATABASE_URL is PostgreSQL {found}; {OLDEST} or newer is needed.")


def require_rights(connection: Connection, url: str) -> None:
    """Raises `SettingsError` for a user who may not make tables."""
    if not connection.exec_driver_sql("SELECT has_schema_privilege(current_schema(), 'CREATE')").scalar():
        raise refused(psycopg.errors.InsufficientPrivilege("may not make tables"), make_url(url))


def is_pooled(driver: psycopg.Connection) -> bool:
    """Whether a pooler such as PgBouncer stands before the server: it tells a number of its own for that of the server's process."""
    row = driver.execute("SELECT pg_backend_pid()").fetchone()
    return row is not None and row[0] != driver.info.backend_pid


class PostgresThread:
    """`ConnectionThread`: a thread and its connection, made anew when it is lost."""

    def __init__(self, engine: Engine, begin: str, retried: Retried, silent_after_s: float) -> None:
        self._engine = engine
        self._begin = begin
        self._retried = retried
        self._silent_after_s = silent_after_s
        self._connection: Connection | None = None
        self._driver: Any = None
        self._commits = False  # the last transaction has come to its COMMIT
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="database")

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls, engine: Engine, begin: str, retried: Retried, silent_after_s: float
    ) -> AsyncIterator["PostgresThread"]:
        """A thread whose transactions begin so. Raises `SettingsError` where the server does not let it in."""
        thread = cls(engine, begin, retried, silent_after_s)
        try:
            await thread._in_thread(thread._connected)
            yield thread
        except FAILURES as error:
            raise refused(error, engine.url) from error
        finally:
            await thread._in_thread(thread._let_go)
            thread._thread.shutdown()

    async def transaction(self, work: Work[T]) -> T:
        try:
            return await self._in_thread(self._tried, work)
        except (*FAILURES, TryAgain) as error:
            raise told(error) from error

    async def together(self, works: Sequence[Work[Any]]) -> Sequence[Any]:
        (work,) = works
        try:
            return [await self.transaction(work)]
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - its caller hears of it
            return [Failed(error)]

    async def _in_thread(self, function: Callable[..., T], *args: object) -> T:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        silent = loop.call_later(self._silent_after_s, self._cut)

        def settle(result: T, error: BaseException | None) -> None:
            silent.cancel()
            if done.cancelled():
                return
            if error:
                done.set_exception(error)
                done.exception()  # its caller may be gone
            else:
                done.set_result(result)

        def run() -> None:
            result, error = _outcome(function, *args)
            loop.call_soon_threadsafe(settle, result, error)

        self._thread.submit(run)
        return await asyncio.shield(done)

    def _tried(self, work: Work[T]) -> T:
        """What it yields once it is committed, after several attempts where each was in somebody's way."""
        pauses, until = iter(AGAIN_AFTER_S), time.monotonic() + AGAIN_WITHIN_S
        in_doubt = False
        while True:
            try:
                return self._transact(work)
            except (*FAILURES, TryAgain) as error:
                in_doubt |= self._commits and _is_away(error)
                pause = next(pauses, None)
                if pause is None or time.monotonic() + pause > until or not passes(error):
                    if in_doubt:
                        raise WriteInDoubt(_detail(error)) from error
                    raise
                self._retried(_state(error))
            time.sleep(pause)

    def _transact(self, work: Work[T]) -> T:
        self._commits = False
        connection, driver = self._connected()
        try:
            driver.execute(self._begin)
            result = work(connection)
            self._commits = self._begin is WRITE
            driver.commit()
            if connection.in_transaction():
                connection.commit()
        except BaseException:
            self._undo(connection, driver)
            raise
        return result

    def _connected(self) -> tuple[Connection, Any]:
        if self._connection is None:
            self._connection = self._engine.connect()
            self._driver = self._connection.connection.driver_connection
            require_version(self._driver)
            if is_pooled(self._driver):
                self._driver.prepare_threshold = None  # the next transaction may be another connection's
        return self._connection, self._driver

    def _cut(self) -> None:
        """End what the thread waits for: the driver has no time-out of its own for an answer."""
        if self._driver:
            with (
                contextlib.suppress(psycopg.Error, OSError),
                socket.socket(fileno=os.dup(self._driver.fileno())) as wire,
            ):
                wire.shutdown(socket.SHUT_RDWR)

    def _undo(self, connection: Connection, driver: Any) -> None:
        """The next transaction gets a clean connection: this one, or where that is lost another."""
        try:
            driver.rollback()
            if connection.in_transaction():
                connection.rollback()
        except FAILURES:
            self._let_go()
        else:
            if driver.closed or connection.invalidated:
                self._let_go()

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            with contextlib.suppress(*FAILURES):
                connection.invalidate()  # or SQLAlchemy tries a rollback on what is lost, and logs that it could not
                connection.close()


def _outcome(function: Callable[..., T], *args: object) -> tuple[Any, Exception | None]:
    try:
        return function(*args), None
    except Exception as error:  # noqa: BLE001 - whoever waits for it hears of it
        return None, error


# ---------------------------------------------------------------- what can be wrong with a server


def passes(error: Exception) -> bool:
    """Whether the same work may succeed at once: another was in its way, or the connection was lost."""
    if isinstance(error, TryAgain):
        return True
    cause = _driver_error(error)
    if isinstance(cause, psycopg.errors.UniqueViolation):
        return cause.diag.constraint_name in ONCE
    return isinstance(cause, psycopg.errors.SerializationFailure | psycopg.errors.DeadlockDetected) or _is_away(error)


def told(error: Exception) -> StoreUnavailable:
    """The sentence for a server that does not do its part."""
    return unavailable(_detail(error), _TROUBLES, _kind(error))


def _kind(error: Exception) -> type[StoreUnavailable]:
    if _is_away(error):
        return DatabaseAway
    if isinstance(_driver_error(error), psycopg.DataError | psycopg.IntegrityError):
        return StoreRefused
    if _state(error) == TOO_LONG:
        return StoreBusy
    return StoreAway if _state(error) in PASSES_LATER else StoreUnavailable


def refused(error: Exception, url: URL) -> SettingsError:
    """The sentence for a server that cannot be used as it is set up."""
    detail = _detail(error)
    for sign, sentence in _REFUSALS.items():
        if sign in detail:
            needed = STANDARD_SIZE.total
            return SettingsError(
                sentence.format(host=_where(url), user=url.username, name=url.database, needed=needed), detail
            )
    return SettingsError(f"The server of DATABASE_URL ({_where(url)}) cannot be used: {_first_line(detail)}", detail)


def _where(url: URL) -> str:
    return url.host or str(url.query.get("host", "this machine"))


def _first_line(detail: str) -> str:
    return detail.strip().partition("\n")[0][:300]


def _driver_error(error: Exception) -> psycopg.Error | None:
    cause = getattr(error, "orig", None) or error
    return cause if isinstance(cause, psycopg.Error) else None


def _state(error: Exception) -> str:
    """The SQLSTATE, or why there is none."""
    cause = _driver_error(error)
    return (cause.sqlstate if cause else None) or ("lock order" if isinstance(error, TryAgain) else "no connection")


def _is_away(error: Exception) -> bool:
    """The connection is lost, or there was none; an error without a state never reached the server."""
    cause = _driver_error(error)
    state = (cause.sqlstate or "") if cause else "?"
    return isinstance(cause, psycopg.OperationalError) and (
        state in {"", "57P01", "57P02", "57P03"} or state[:2] == "08"
    )


def _detail(error: Exception) -> str:
    cause = _driver_error(error)
    return f"{cause.sqlstate or ''} {cause}" if cause else str(error)


_BUSY: Final = "The database is busy. Please try again in a moment."
_TROUBLES: Final = {
    "57014": _BUSY,
    "55P03": _BUSY,
    "53100": "The disk of the database is full, so nothing can be saved.",
    "25006": "The database takes no writes: DATABASE_URL names a server that only follows another.",
    "42P01": "The database has no tables yet; run `avatarbot db upgrade`.",
    "42703": "The database is older than this program; run `avatarbot db upgrade`.",
    "42501": "The user of DATABASE_URL lacks rights in the database.",
    "57P0": "The database is being stopped or started. Please try again in a moment.",
    "connection": "The database does not answer. Please try again in a moment.",
}
_REFUSALS: Final = {
    "42501": "The user {user} may not make tables in the database {name}: GRANT CREATE ON SCHEMA public TO {user}, or make it the owner.",
    "55P03": "Another avatarbot is changing the tables of {name}, or something holds them; try again in a minute.",
    "too many clients": "The server of DATABASE_URL has no connection left: a process needs {needed}. Raise max_connections, or end what holds them.",
    "connection slots": "The server of DATABASE_URL has no connection left: a process needs {needed}. Raise max_connections, or end what holds them.",
    "too many connections": "The server of DATABASE_URL has no connection left for {user} or {name}: a process needs {needed}. Raise its CONNECTION LIMIT.",
    "password authentication failed": "The server of DATABASE_URL ({host}) refuses the password of {user}.",
    "no password supplied": "The server of DATABASE_URL ({host}) asks for a password: postgresql://{user}:PASSWORD@{host}/{name}.",
    "does not exist": "The server of DATABASE_URL ({host}) has no such database or user: {name}, {user}. Make it with createdb, or correct DATABASE_URL.",
    "starting up": "The server of DATABASE_URL ({host}) is starting; try again in a moment.",
    "25006": "The server of DATABASE_URL ({host}) takes no writes: it only follows another.",
    "connection": "The server of DATABASE_URL ({host}) does not answer: start it, or correct DATABASE_URL.",
}


# ---------------------------------------------------------------- how many connections

_SIZES: Final = {
    ProcessRole.WEB: PoolSize(2, 3),
    ProcessRole.GATEWAY: PoolSize(2, 2),
    ProcessRole.WORKER: STANDARD_SIZE,
}
HINTS = 1
"""The connection beside the pool: each process has one for hints."""


def pool_size(roles: Collection[ProcessRole]) -> PoolSize:
    """That of the role that needs most."""
    sizes = [_SIZES[role] for role in roles]
    return PoolSize(*(max(getattr(size, kind) for size in sizes) for kind in ("writers", "readers", "urgent")))


def connections_of(roles: Collection[ProcessRole]) -> int:
    """What a process holds at most."""
    return pool_size(roles).total + HINTS


@dataclass(frozen=True, slots=True)
class ServerRoom:
    """`most` connections are lent to this user, if that is no superuser; living processes take `taken`. Behind a pooler neither says much."""

    most: int
    taken: int
    pooled: bool


_MOST: Final = """
    SELECT least(
        current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
        (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user AND NOT rolsuper),
        (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database())
    )
"""


def server_room(connection: Connection) -> ServerRoom:
    """As it is now by the server's clock."""
    driver: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
    most = connection.exec_driver_sql(_MOST).scalar_one()
    there = inspect(connection).has_table(workers.name)
    living = select(workers.c.roles).where(type_coerce(workers.c.lease_until, BigInteger) > NOW)
    processes = connection.execute(living, {"now": None}).scalars().all() if there else []
    return ServerRoom(int(most), sum(map(_taken, processes)), is_pooled(driver))


def _taken(roles: str) -> int:
    """One of an earlier version says nothing of its roles and has all."""
    return connections_of([ProcessRole(role) for role in roles.split() if role in ALL_ROLES] or ALL_ROLES)

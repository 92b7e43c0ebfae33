"""Hints over PostgreSQL's NOTIFY, on a connection of its own: inside the transactions of data they would make each commit wait for all others."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Final, TypeVar
from uuid import uuid4

import msgspec
import psycopg
import structlog
from sqlalchemy.engine import make_url

from bot.domain.errors import SettingsError
from bot.ports.processes import Hint
from bot.storage.postgresql import CONNECT, refused
from bot.tasks import rest

log = structlog.get_logger(__name__)

T = TypeVar("T")

CHANNEL: Final = "avatarbot"

EVERY_S: Final = 0.005
"""Between two notifications of a process; what comes meanwhile goes with the next."""

PAYLOAD_BYTES: Final = 7_900
"""Of one notification; PostgreSQL takes less than 8,000."""

MOST_UNSENT: Final = 2_000
"""Hints that wait to be sent; what comes then is found by looking."""

PASSES_WITHIN_S: Final = 3.0
"""A notification that has not come by then does not pass."""

KEPT: Final = (
    "The server of DATABASE_URL passes on no hints between processes, as a pooler in transaction mode (PgBouncer) does not: "
    "set AVATARBOT_DATABASE_HINTS=off, and messages are found within a quarter of a second."
)

AGAIN_FIRST_S, AGAIN_MOST_S = 0.5, 30.0
"""Before the connection is made anew, at first and at most."""

_encoder = msgspec.json.Encoder()
_parts = msgspec.json.Decoder(list[msgspec.Raw])
_hint = msgspec.json.Decoder(Hint)
_PROBE: Final = "probe "


class PostgresHints:
    """`Hints` by LISTEN and NOTIFY."""

    def __init__(self, url: str, again_first_s: float = AGAIN_FIRST_S) -> None:
        self._url = url
        self._again_first_s = again_first_s
        self._unsent: dict[Hint, None] = {}
        self._woken = asyncio.Event()
        self._heard: Callable[[Hint], None] = lambda _: None
        self.listens = asyncio.Event()
        """Set while hints come and go."""

    def send(self, hint: Hint) -> None:
        if self.listens.is_set() and len(self._unsent) < MOST_UNSENT:
            self._unsent[hint] = None
            self._woken.set()

    async def run(self, heard: Callable[[Hint], None]) -> None:
        self._heard = heard
        pause = self._again_first_s
        while True:
            try:
                await self._listen()
            except (psycopg.Error, OSError) as error:
                if self.listens.is_set():
                    log.warning("hints between processes are lost", reason=type(error).__name__)
                    pause = self._again_first_s
            finally:
                self.listens.clear()
                self._unsent.clear()
            await asyncio.sleep(pause)
            pause = min(pause * 2, AGAIN_MOST_S)

    async def _listen(self) -> None:
        """Until cancelled. Raises `psycopg.Error` where the connection is lost."""
        async with _listening(self._url) as connection:
            self.listens.set()
            log.info("hints pass between processes")
            while True:
                await _readable(connection, self._woken)
                await self._take(connection)
                await self._send(connection)
                await asyncio.sleep(EVERY_S)

    async def _take(self, connection: psycopg.AsyncConnection) -> None:
        async for notification in connection.notifies(timeout=0):
            if notification.pid != connection.info.backend_pid and not notification.payload.startswith(_PROBE):
                self._hear(notification.payload)

    def _hear(self, payload: str) -> None:
        for part in _decoded(_parts, payload) or ():
            if hint := _decoded(_hint, part):
                self._heard(hint)

    async def _send(self, connection: psycopg.AsyncConnection) -> None:
        if self._unsent:
            await _notify(connection, self._payload())
            if self._unsent:
                self._woken.set()

    def _payload(self) -> str:
        """As many as fit, oldest first; they count as sent."""
        parts, size = list[bytes](), 2
        for hint in tuple(self._unsent):
            part = _encoder.encode(hint)
            if (size := size + len(part) + 1) > PAYLOAD_BYTES:
                break
            parts.append(part)
            del self._unsent[hint]
        return f"[{b','.join(parts).decode()}]"


def _decoded(decoder: msgspec.json.Decoder[T], text: str | msgspec.Raw) -> T | None:
    """None for what another version of this program says."""
    try:
        return decoder.decode(text)
    except msgspec.MsgspecError:
        return None


async def require_passage(url: str) -> None:
    """Raises `SettingsError` where what one process sends does not come to another."""
    probe = f"{_PROBE}{uuid4().hex}"
    try:
        async with _listening(url) as hears, _listening(url) as says:  # a pooler may lend both ends of one the same
            await _notify(says, probe)
            async for notification in hears.notifies(timeout=PASSES_WITHIN_S):
                if notification.payload == probe:
                    return
    except psycopg.Error as error:
        raise refused(error, make_url(url)) from error
    raise SettingsError(KEPT)


@contextlib.asynccontextmanager
async def _listening(url: str) -> AsyncIterator[psycopg.AsyncConnection]:
    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await psycopg.AsyncConnection.connect(address, autocommit=True, prepare_threshold=None, **CONNECT)
    try:
        await connection.execute(f"LISTEN {CHANNEL}; SET synchronous_commit = off".encode())
        yield connection
    finally:
        await connection.close()


async def _notify(connection: psycopg.AsyncConnection, payload: str) -> None:
    await connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, payload))


async def _readable(connection: psycopg.AsyncConnection, woken: asyncio.Event) -> None:
    """Until the server sent something, or `woken`."""
    loop, wire = asyncio.get_running_loop(), connection.fileno()
    loop.add_reader(wire, woken.set)
    try:
        await rest(woken, None)
    finally:
        loop.remove_reader(wire)
    woken.clear()

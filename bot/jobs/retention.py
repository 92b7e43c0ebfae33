"""Deletes what is older than the retention period, and ends sessions that slept too long."""

from collections.abc import Callable
from datetime import datetime

import structlog
from sqlalchemy import Connection

from bot.domain.sessions import EndReason
from bot.queries.watch_links import AFTERWARDS
from bot.runtime.services import Services
from bot.storage import grants, sessions, uploads

log = structlog.get_logger(__name__)

LOOK_EVERY = 600.0
"""Seconds."""


class Retention:
    """Sleeping sessions end after a day, and `ended` is told so; ended ones, their links and their transcripts are kept for a while."""

    def __init__(self, services: Services, ended: Callable[[str], None]) -> None:
        self._services = services
        self._ended = ended

    async def tidy(self) -> None:
        """Raises `StoreUnavailable`."""
        now, timeouts, store = self._services.clock.now(), self._services.timeouts, self._services.store
        for session_id in await store.read(lambda c: sessions.asleep_since(c, now - timeouts.wake_within)):
            await self._put_to_rest(session_id)
        forgotten = await store.write(lambda c: _forget(c, now, now - timeouts.retention))
        if forgotten:
            log.info("forgot old sessions", sessions=forgotten)

    async def _put_to_rest(self, session_id: str) -> None:
        store, now = self._services.store, self._services.clock.now()
        if await store.write(lambda c: sessions.put_to_rest(c, session_id, EndReason.IDLE, now)):
            self._ended(session_id)


def _forget(connection: Connection, now: datetime, old: datetime) -> int:
    grants.forget_expired(connection, now, now - AFTERWARDS)
    uploads.forget_before(connection, old)
    return sessions.forget(connection, sessions.ended_before(connection, old))

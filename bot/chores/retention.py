"""What is over is put to rest, and what is old is forgotten."""

import contextlib
from datetime import datetime

import structlog
from sqlalchemy import Connection

from bot.errors import PlatformError
from bot.links import AFTERWARDS
from bot.model import EndReason
from bot.session.cards import card_of
from bot.session.house import House
from bot.store import grants, sessions, uploads
from bot.store.records import SessionRecord
from bot.transcript.pacer import Urgency

log = structlog.get_logger(__name__)

LOOK_EVERY = 600.0
"""Seconds."""


class Retention:
    """Sleeping sessions end after a day; ended ones, their links and their transcripts are kept for a while."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def tidy(self) -> None:
        """Raises `StoreUnavailable`."""
        now, habits, store = self._house.clock.now(), self._house.habits, self._house.store
        for session_id in await store.read(lambda c: sessions.asleep_since(c, now - habits.wake_within)):
            await self._put_to_rest(session_id)
        forgotten = await store.write(lambda c: _forget(c, now, now - habits.retention))
        if forgotten:
            log.info("forgot old sessions", sessions=forgotten)

    async def _put_to_rest(self, session_id: str) -> None:
        store, now = self._house.store, self._house.clock.now()
        if await store.write(lambda c: sessions.put_to_rest(c, session_id, EndReason.IDLE, now)):
            session = await store.read(lambda c: sessions.get(c, store.cipher, session_id))
            if session:
                await self._show_its_end(session)

    async def _show_its_end(self, session: SessionRecord) -> None:
        """Its card said that a message wakes it. A platform that is gone shows nothing, and nobody is misled."""
        platform = self._house.platforms.get(session.place.platform)
        if platform is None or session.card is None:
            return
        await self._house.pacers.of(session.place, platform.pace).turn(Urgency.CARD)
        with contextlib.suppress(PlatformError):
            await platform.show(session.card, session.talk, card_of(session))


def _forget(connection: Connection, now: datetime, old: datetime) -> int:
    grants.forget_expired(connection, now, now - AFTERWARDS)
    uploads.forget_before(connection, old)
    return sessions.forget(connection, sessions.ended_before(connection, old))

"""Takes away what is not to be kept: what is older than the retention period, sessions that slept too long, links of people who have left."""

from collections.abc import Callable
from datetime import timedelta

import structlog

from bot.domain.conversations import ConversationRef
from bot.domain.errors import PlatformError
from bot.domain.sessions import EndReason
from bot.queries.watch_links import AFTERWARDS
from bot.runtime.services import Services

log = structlog.get_logger(__name__)

LOOK_EVERY = 600.0
"""Seconds."""

EVENTS_KEPT = timedelta(days=1)
"""How long one who read along may be away without missing anything."""


BOOKS_KEPT = timedelta(days=400)
"""A year, and the time to close its books. Nobody's name is in them."""


CONSENTS_KEPT = BOOKS_KEPT
"""For longer than a provider keeps an avatar of somebody."""


class Retention:
    """Sleeping sessions end after a day, and `ended` is told so; ended ones, their links and their transcripts are kept for a while."""

    def __init__(self, services: Services, ended: Callable[[str], None]) -> None:
        self._services = services
        self._ended = ended

    async def tidy(self) -> None:
        """Raises `StoreUnavailable`."""
        storage, timeouts = self._services.storage, self._services.timeouts
        for session_id in await storage.sessions.asleep_for(timeouts.wake_within):
            if await storage.sessions.put_to_rest(session_id, EndReason.IDLE):
                self._ended(session_id)
        await storage.grants.forget(ended_for=AFTERWARDS)
        await storage.uploads.forget_older(timeouts.retention)
        await storage.ownership.forget_consents(CONSENTS_KEPT)
        await storage.hooks.forget_older(EVENTS_KEPT)
        await storage.ledger.forget_older(BOOKS_KEPT)
        await storage.coordination.forget_passed()
        if forgotten := await storage.sessions.forget_older(timeouts.retention):
            log.info("forgot old sessions", sessions=forgotten)


class Leavers:
    def __init__(self, services: Services) -> None:
        self._services = services

    async def look(self) -> None:
        """Raises `StoreUnavailable`."""
        grants = self._services.storage.grants
        for place, person_id in await grants.owners():
            if await self._has_left(place, person_id):
                await grants.revoke_of_person(place, person_id)

    async def _has_left(self, place: ConversationRef, person_id: str) -> bool:
        platform = self._services.platforms.get(place.platform)
        members = platform.features.members if platform else None
        if members is None:
            return False
        try:
            return not await members.is_member(place, person_id)
        except PlatformError as error:
            log.info("a member could not be looked up", platform=place.platform, reason=error.detail)
            return False

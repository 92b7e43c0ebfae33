"""People who have left a workspace whose platform tells of nobody's leaving: their links to watch are revoked."""

import structlog

from bot.domain.conversations import ConversationRef
from bot.domain.errors import PlatformError
from bot.runtime.services import Services

log = structlog.get_logger(__name__)

LOOK_EVERY = 600.0
"""Seconds. Sessions are few, and so are those who hold a link to one."""


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

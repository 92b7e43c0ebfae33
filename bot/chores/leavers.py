"""People who have left a workspace whose platform tells of nobody's leaving: their links to watch are revoked."""

import structlog

from bot.errors import PlatformError
from bot.model import Place
from bot.ports.chat import KnowsMembers
from bot.session.house import House
from bot.store import grants

log = structlog.get_logger(__name__)

LOOK_EVERY = 600.0
"""Seconds. Sessions are few, and so are those who hold a link to one."""


class Leavers:
    def __init__(self, house: House) -> None:
        self._house = house

    async def look(self) -> None:
        """Raises `StoreUnavailable`."""
        store, now = self._house.store, self._house.clock.now()
        for place, person_id in await store.read(lambda c: grants.owners(c, now)):
            if await self._has_left(place, person_id):
                await self._revoke(place, person_id)

    async def _has_left(self, place: Place, person_id: str) -> bool:
        platform: object = self._house.platforms.get(place.platform)
        if not isinstance(platform, KnowsMembers):
            return False
        try:
            return not await platform.is_member(place, person_id)
        except PlatformError as error:
            log.info("a member could not be looked up", platform=place.platform, reason=error.detail)
            return False

    async def _revoke(self, place: Place, person_id: str) -> None:
        await self._house.store.write(lambda c: grants.revoke_of_person(c, place, person_id))

"""Cards of sessions that ended while nobody ran them: a sleeper that was stopped, replaced, or never woken."""

import asyncio

import structlog

from bot.delivery.rate_limiter import Priority
from bot.domain.errors import PlatformError, StoreUnavailable
from bot.runtime.sentences import what_is_kept
from bot.runtime.services import Services
from bot.runtime.status_card import card_of, show_card

log = structlog.get_logger(__name__)


class EndedCards:
    """`run` updates cards until cancelled; `note` says which card is to be shown as ended."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._due: asyncio.Queue[str] = asyncio.Queue()

    def note(self, session_id: str) -> None:
        """Its session has ended, and no run shows that."""
        self._due.put_nowait(session_id)

    async def run(self) -> None:
        """Show what is due until cancelled."""
        while True:
            session_id = await self._due.get()
            try:
                await self._show(session_id)
            except (PlatformError, StoreUnavailable) as error:
                log.info("the card of an ended session is not shown", session=session_id, reason=error.detail)

    async def _show(self, session_id: str) -> None:
        """Raises `PlatformError`, and then nobody sees it, and `StoreUnavailable`."""
        services, sessions = self._services, self._services.storage.sessions
        session = await sessions.get(session_id)
        platform = services.platforms.get(session.place.platform) if session else None
        if session is None or session.card is None or platform is None:
            return
        past = await sessions.past(session_id)
        await services.limiters.of(session.place, platform.pace).turn(Priority.CARD)
        disclosure, kept = services.disclosures.of(session.spec.language), what_is_kept(services.timeouts.retention)
        await show_card(platform, session.card, session.talk, card_of(session, disclosure, past=past, kept=kept))

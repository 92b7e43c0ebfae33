"""Cards of sessions that ended while nobody ran them: a sleeper that was stopped, replaced, or never woken."""

import asyncio

import structlog

from bot.errors import PlatformError, StoreUnavailable
from bot.session.cards import card_of
from bot.session.house import House
from bot.session.past import past_of
from bot.store import sessions
from bot.transcript.pacer import Urgency

log = structlog.get_logger(__name__)


class EndedCards:
    """One task of the service; `note` says which card is to be shown as ended."""

    def __init__(self, house: House) -> None:
        self._house = house
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
        house = self._house
        session = await house.store.read(lambda c: sessions.get(c, house.store.cipher, session_id))
        platform = house.platforms.get(session.place.platform) if session else None
        if session is None or session.card is None or platform is None:
            return
        past = await house.store.read(lambda c: past_of(c, session_id, house.clock.now()))
        await house.pacers.of(session.place, platform.pace).turn(Urgency.CARD)
        await platform.show(session.card, session.talk, card_of(session, past=past))

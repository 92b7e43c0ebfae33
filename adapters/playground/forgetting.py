"""What the playground keeps follows what the service keeps: its retention, and `forget`."""

import asyncio
from datetime import timedelta

import structlog

from adapters.playground.windows import Windows
from bot.errors import StoreUnavailable
from bot.ports.chat import Reception
from bot.ports.clock import Clock

LOOK_EVERY_S = 60.0
TOMBSTONE_LIFE = timedelta(days=1)
"""How long windows that were away can learn that a message was deleted."""

log = structlog.get_logger(__name__)


class Forgetting:
    """Looks by itself, so that it does not matter who forgot a session, when, and whether we were running."""

    def __init__(self, reception: Reception, clock: Clock, windows: Windows, retention: timedelta) -> None:
        self._reception = reception
        self._clock = clock
        self._windows = windows
        self._retention = retention

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.tidy()
            except StoreUnavailable as error:
                log.warning("the playground could not ask what was forgotten", reason=error.detail)
            await asyncio.sleep(LOOK_EVERY_S)

    async def tidy(self) -> None:
        """Raises `StoreUnavailable`."""
        board, now = self._windows.board, self._clock.now()
        shown = board.sessions
        board.forget(shown - await self._reception.kept(shown))
        board.expire(now - self._retention)
        board.compact(now - TOMBSTONE_LIFE)
        self._windows.wake()

"""What the playground keeps follows what the service keeps: its retention, and `forget`."""

import asyncio
from datetime import timedelta

import structlog

from adapters.playground.clients import Clients
from bot.clock import Clock
from bot.domain.errors import StoreUnavailable
from bot.ports.chat import CoreApi

LOOK_EVERY_S = 60.0
TOMBSTONE_LIFE = timedelta(days=1)
"""How long clients that were away can learn that a message was deleted."""

log = structlog.get_logger(__name__)


class Forgetting:
    """Looks by itself, so that it does not matter who forgot a session, when, and whether we were running."""

    def __init__(self, core: CoreApi, clock: Clock, clients: Clients, retention: timedelta) -> None:
        self._core = core
        self._clock = clock
        self._clients = clients
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
        store, now = self._clients.store, self._clock.now()
        shown = store.sessions
        store.forget(shown - await self._core.kept(shown))
        store.expire(now - self._retention)
        store.compact(now - TOMBSTONE_LIFE)
        self._clients.wake()

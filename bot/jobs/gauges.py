"""What the gauges show: how many sessions there are in each state, and who watches."""

from bot.domain.sessions import SessionStatus
from bot.runtime.services import Services

COUNT_EVERY = 10.0
"""Seconds."""

COUNTED = tuple(status for status in SessionStatus if status is not SessionStatus.ENDED)


class Gauges:
    def __init__(self, services: Services) -> None:
        self._services = services

    async def count(self) -> None:
        """Raises `StoreUnavailable`."""
        counts, metrics = await self._services.storage.sessions.count_by_status(), self._services.metrics
        for status in COUNTED:
            metrics.sessions.labels(status.value).set(counts.get(status, 0))
        metrics.viewers.set(self._services.events.all_watchers)

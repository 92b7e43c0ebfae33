"""What the gauges show: how many sessions there are in each state, and who watches."""

from bot.model import SessionStatus
from bot.session.house import House
from bot.store import sessions

COUNT_EVERY = 10.0
"""Seconds."""

COUNTED = tuple(status for status in SessionStatus if status is not SessionStatus.ENDED)


class Census:
    def __init__(self, house: House) -> None:
        self._house = house

    async def count(self) -> None:
        """Raises `StoreUnavailable`."""
        counts, metrics = await self._house.store.read(sessions.count_by_status), self._house.metrics
        for status in COUNTED:
            metrics.sessions.labels(status.value).set(counts.get(status.value, 0))
        metrics.viewers.set(self._house.feed.all_watchers)

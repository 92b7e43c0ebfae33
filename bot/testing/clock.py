"""Clocks that somebody sets. `bot.testing.virtual_time.LoopClock` passes with the time of a virtual loop."""

from datetime import UTC, datetime, timedelta


class ManualClock:
    """A `Clock` that stands still unless it is moved."""

    def __init__(self, at: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def advance(self, seconds: float) -> None:
        """Move it on, or back."""
        self.at += timedelta(seconds=seconds)

"""How much of the provider's time was used: the one place that counts it."""

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class Use:
    """Seconds of the provider's time: `used` so far, and `held`, which is set aside and given back where it is not used."""

    used: float = 0.0
    held: float = 0.0

    def __add__(self, other: "Use") -> "Use":
        return Use(self.used + other.used, self.held + other.held)


@dataclass(frozen=True, slots=True)
class UsedMinutes:
    """One provider session: paid from its opening to its closing."""

    day: date  # UTC
    channel_id: str
    avatar_name: str
    minutes: float


@dataclass(frozen=True, slots=True)
class Purchase:
    """What is known of one provider session. `refused`: it is certain that the provider created nothing."""

    duration_s: int
    opened_at: datetime | None
    expires_at: datetime | None
    closed_at: datetime | None
    refused: bool = False

    def counted(self, now: datetime) -> Use:
        """What it counts.

        What was certainly refused counts nothing. What nobody knows counts whole, since it may have run; while its `create` is
        under way it is held. What was opened counts until it was closed, and never more than was bought.
        """
        if self.opened_at is None or self.expires_at is None:
            unknown = 0.0 if self.refused else float(self.duration_s)
            return Use(unknown, 0.0) if self.closed_at else Use(0.0, unknown)
        end = min(self.closed_at or now, self.expires_at)
        used = max(0.0, (end - self.opened_at).total_seconds())
        over = self.closed_at is not None or now >= self.expires_at
        return Use(used, 0.0 if over else max(0.0, self.duration_s - used))


def day_of(now: datetime) -> datetime:
    """The start of the day a budget counts in (UTC)."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0)

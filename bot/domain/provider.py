"""What a provider of avatars can and allows, and how much of its time was used: the one place that counts it."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType


class Capability(StrEnum):
    """Named as the fields of `bot.ports.provider.Capabilities`."""

    AVATARS = "avatars"  # a list to choose from
    VOICES = "voices"
    LANGUAGES = "languages"
    KNOWLEDGE = "knowledge"
    UPLOADS = "uploads"
    CREDIT = "credit"
    PARAMETERS = "parameters"  # of voice, hearing and background; also while the avatar is live
    GESTURES = "gestures"
    ACCOUNTS = "accounts"  # of workspaces, by keys of their own
    DIALOGUE = "dialogue"  # the avatar answers by itself


EVERYTHING = frozenset(Capability)


_ABSENT = MappingProxyType(
    {
        Capability.AVATARS: "has one avatar only, and no list of them",
        Capability.VOICES: "has no voices to choose from",
        Capability.LANGUAGES: "has no languages to choose from",
        Capability.KNOWLEDGE: "has no knowledge bases",
        Capability.UPLOADS: "makes no avatars from videos",
        Capability.CREDIT: "does not tell how much credit is left",
        Capability.PARAMETERS: "has no settings of voice, hearing or background",
        Capability.GESTURES: "has no gestures and faces",
        Capability.ACCOUNTS: "takes no keys of workspaces' own",
        Capability.DIALOGUE: "only says what it is given",
    }
)


@dataclass(frozen=True, slots=True)
class Offer:
    """What the provider that hosts the avatars here is called, can, and allows.

    `longest_minutes` is the most that can be paid at a time; `sessions` the most at once in its account, None where it names none.
    """

    provider: str = "The provider"
    capabilities: frozenset[Capability] = EVERYTHING
    longest_minutes: int = 60
    sessions: int | None = None

    def has(self, needed: Capability | None) -> bool:
        """Whether what needs this is there; what needs nothing always is."""
        return needed is None or needed in self.capabilities

    def absent(self, needed: Capability) -> str:
        """One sentence for whoever asked for what this provider does not have."""
        return f"{self.provider} {_ABSENT[needed]}."


WHATEVER = Offer()
"""Everything, as where nobody knows yet who hosts."""


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
    """What is known of one provider session. `refused`: it is certain that the provider created nothing. From `wanted_until` on it was to
    be closed.
    """

    duration_s: int
    opened_at: datetime | None
    expires_at: datetime | None
    closed_at: datetime | None
    refused: bool = False
    wanted_until: datetime | None = None

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

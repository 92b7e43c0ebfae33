"""What a provider of avatars may be able to do beyond hosting them, and what follows for what people can ask of it."""

from dataclasses import dataclass
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

"""Who has a say in what an avatar says: the team's own language model, and the moderators that are asked before anything is spoken, kept or shown."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from bot.domain.conversations import ConversationRef
from bot.domain.errors import AvatarbotError


@dataclass(frozen=True, slots=True)
class Exchange:
    """One line of the conversation so far. `name` is the speaker's, cleaned; None for the avatar."""

    name: str | None
    text: str


class LanguageModel(Protocol):
    def answer(self, system_prompt: str, history: Sequence[Exchange]) -> AsyncGenerator[str, None]:
        """The answer to the last exchange, piece by piece as it is written. Raises `ProviderError`; closing it cancels the request."""
        ...


VERDICT_WITHIN_S = 0.15
"""Seconds that speech is held for a verdict, all moderators together."""


class Source(StrEnum):
    """Whose words they are."""

    PERSON = "person"
    MODEL = "model"  # the team's own language model


class Unanswered(StrEnum):
    """What happens to words on which there is no verdict in time."""

    HOLD = "hold"  # they are not spoken, and their author is told
    PASS = "pass"  # noqa: S105 - they are spoken


@dataclass(frozen=True, slots=True)
class ProposedSpeech:
    """Words that an avatar is about to say, or about to be asked.

    `written` is what others would read of them, `spoken` what a voice would say, perhaps with the author's name before it; both are
    bounded by the longest message or the longest answer. `blocked` are the words that the channel does not allow, as its admins
    wrote them.
    """

    written: str
    spoken: str
    place: ConversationRef
    source: Source
    blocked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Objection:
    """It must not be spoken. `reason` follows “because” in a sentence for its author; it never repeats the words."""

    reason: str


class NoVerdict(AvatarbotError):
    """A moderator did not say yes or no: it is slow, gone, or not to be understood. `detail` holds none of the words."""

    def __init__(self, detail: str) -> None:
        super().__init__("It could not be checked.", detail)


class Moderator(Protocol):
    """Judges what is about to be spoken."""

    async def review(self, speech: ProposedSpeech) -> Objection | None:
        """None when it may be spoken. Raises `NoVerdict`; it is cancelled when it takes longer than its caller waits."""
        ...

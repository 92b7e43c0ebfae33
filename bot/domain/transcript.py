"""Lines of a transcript, as a platform posts them."""

from dataclasses import dataclass
from enum import StrEnum


class Speaker(StrEnum):
    """Who said an utterance: the avatar, or a person who spoke aloud in the room."""

    BOT = "bot"
    USER = "user"


class Delivery(StrEnum):
    """How complete a line of the transcript is."""

    GROWING = "growing"
    FINAL = "final"


@dataclass(frozen=True, slots=True)
class TranscriptLine:
    """One message that may grow: `text` is plain words, escaped by the platform that shows it. None speaks as the bot itself."""

    speaker: str | None
    text: str
    delivery: Delivery = Delivery.FINAL

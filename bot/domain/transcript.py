"""Lines of a transcript, as a platform posts them."""

from dataclasses import dataclass
from enum import StrEnum

from bot.domain.disclosure import SAID_BEFORE, Disclosure


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
    """One message that may grow: `text` is plain words, escaped by the platform that shows it. None speaks as the bot itself.

    A line that may be the first that somebody reads of the avatar has a `disclosure`, which is shown in the same message.
    """

    speaker: str | None
    text: str
    delivery: Delivery = Delivery.FINAL
    disclosure: Disclosure = SAID_BEFORE

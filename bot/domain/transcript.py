"""Lines of a transcript, as a platform posts them."""

from dataclasses import dataclass
from enum import StrEnum

from bot.domain.conversations import MessageRef
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
class Addressee:
    """Whom an answer is for: by a name of one line that mentions nobody, and the message that is answered where it stands as one."""

    name: str
    message: MessageRef | None = None


@dataclass(frozen=True, slots=True)
class TranscriptLine:
    """One message that may grow: `text` is plain words, escaped by the platform that shows it. None speaks as the bot itself.

    A line that may be the first that somebody reads of the avatar has a `disclosure`, which is shown in the same message. An answer
    says whom it is for: as a reply to their message where the platform has replies, else by their name.
    """

    speaker: str | None
    text: str
    delivery: Delivery = Delivery.FINAL
    disclosure: Disclosure = SAID_BEFORE
    answers: Addressee | None = None

    @property
    def byline(self) -> str:
        """Who speaks, and to whom: `Alma to Ann`; `''` for the bot itself."""
        return byline(self.speaker or "", self.answers.name if self.answers else "")


def byline(speaker: str, to: str) -> str:
    return f"{speaker} to {to}" if to else speaker

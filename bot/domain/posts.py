"""What stands in a session's thread: the lines of its transcript, the card that shows it, and what its states are called."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from bot.domain.conversations import ConversationRef, MessageRef
from bot.domain.disclosure import SAID_BEFORE, Disclosure
from bot.domain.sessions import Mode, SessionStatus


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


class CardAction(StrEnum):
    """The buttons of a card; each value is the verb it runs. `bot.commands.buttons` has their labels and commands."""

    WATCH = "watch"
    INTERRUPT = "interrupt"
    EXTEND = "extend"
    STOP = "stop"
    TRANSCRIPT = "transcript"
    START_AGAIN = "start"

    @classmethod
    def _missing_(cls, value: object) -> "CardAction | None":
        """Cards that were posted earlier have buttons with earlier names."""
        return cls.EXTEND if value == "keep-going" else None


@dataclass(frozen=True, slots=True)
class Card:
    """The message that shows a session. `note` is one sentence about its state; of an ended one it says why it ended. `disclosure` says that the
    avatar is an AI, in every state; `kept` says what is written down, and for how long.

    `ends` is one sentence on what will end it: quiet time, the day's minutes; `ends_at` is when, where that is known.
    `live_since` is when it became live. `traits` are what was set: its language, its voice, its speed; `facts` are what can be
    said of an ended one in a few words each: how long it was live, how many messages it had.
    """

    session_id: str
    avatar_name: str
    picture: str
    status: SessionStatus
    mode: Mode
    starter_name: str
    note: str
    disclosure: Disclosure
    ends_at: datetime | None = None
    waiting: int = 0
    actions: tuple[CardAction, ...] = ()
    traits: tuple[str, ...] = ()
    ends: str = ""
    live_since: datetime | None = None
    facts: tuple[str, ...] = ()
    kept: str = ""

    @property
    def key(self) -> str:
        """Identifies the card on its platform, as a line's key does, in as many characters."""
        return f"card-{self.session_id[-20:]}"


@dataclass(frozen=True, slots=True)
class Opened:
    """Where a card went, and the thread in which the talk goes on."""

    card: MessageRef
    thread: ConversationRef


STATES = MappingProxyType(
    {
        SessionStatus.STARTING: "Starting",
        SessionStatus.LIVE: "Live",
        SessionStatus.RECONNECTING: "Reconnecting",
        SessionStatus.STOPPING: "Stopping",
        SessionStatus.SLEEPING: "Asleep",
        SessionStatus.ENDED: "Ended",
    }
)

SIGNS = MappingProxyType(
    {
        SessionStatus.STARTING: "🟡",
        SessionStatus.LIVE: "🟢",
        SessionStatus.RECONNECTING: "🟡",
        SessionStatus.STOPPING: "🟡",
        SessionStatus.SLEEPING: "🌙",
        SessionStatus.ENDED: "⚪",
    }
)
"""One character each; colour is never all that tells two apart, since the word stands beside it."""

MODES = MappingProxyType({Mode.DIALOGUE: "Conversation", Mode.RETELLING: "Repeats what you write"})

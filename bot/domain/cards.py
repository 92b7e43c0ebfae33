"""The message that shows a session, and its buttons."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.conversations import ConversationRef, MessageRef
from bot.domain.disclosure import Disclosure
from bot.domain.sessions import Mode, SessionStatus


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

"""Rows as frozen, typed values, with their secrets decrypted."""

from dataclasses import dataclass
from datetime import datetime

from bot.domain.conversations import ConversationRef, MessageRef
from bot.domain.messages import ReplyTo, Suggestion
from bot.domain.people import Person, Role
from bot.domain.sessions import EndReason, SessionSpec, SessionStatus
from bot.domain.transcript import Speaker


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to run one session. `epoch` stands in the WHERE of every write of a run."""

    session_id: str
    worker_id: str
    epoch: int


@dataclass(frozen=True, slots=True)
class SessionRecord:
    id: str
    place: ConversationRef
    thread: ConversationRef | None  # None until the card is posted
    card: MessageRef | None
    status: SessionStatus
    end_reason: EndReason | None
    worker_id: str
    epoch: int
    attempts: int
    starter_id: str
    starter_name: str
    payer_id: str
    spec: SessionSpec
    reserved_s: int
    created_at: datetime
    active_at: datetime
    slept_at: datetime | None
    ended_at: datetime | None

    @property
    def talk(self) -> ConversationRef:
        """The thread, or the place while there is none."""
        return self.thread or self.place


@dataclass(frozen=True, slots=True)
class ProviderSessionRecord:
    id: str
    session_id: str
    provider_id: str
    state: str  # intent, open, closing, closed, lost
    credentials: bytes  # decrypted; empty while only intended
    duration_s: int
    intended_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class InboxRecord:
    """One accepted thing. `verb` is `say` for what is to be spoken, whichever way it came in."""

    id: str
    session_id: str
    sequence: int
    verb: str
    body: dict[str, str]
    person_id: str
    person_name: str
    role: Role
    place: ConversationRef
    message: MessageRef | None
    reply_to: ReplyTo | None
    state: str  # waiting, claimed, done
    outcome: str
    sentence: str
    created_at: datetime
    suggestions: tuple[Suggestion, ...] = ()

    @property
    def text(self) -> str:
        return self.body.get("text", "")

    @property
    def author(self) -> ReplyTo:
        """How to reach whoever wrote it when nothing better was given."""
        return self.reply_to or ReplyTo(self.place, Person(self.person_id, self.person_name))


@dataclass(frozen=True, slots=True)
class UtteranceRecord:
    id: str
    provider_row: str
    mid: str
    speaker: Speaker
    text: str
    final: bool
    shown: bool
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class PostRecord:
    source_id: str
    part: int
    key: str
    message_id: str
    intended_at: datetime

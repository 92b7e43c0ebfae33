"""What is stored, as frozen values with their secrets decrypted."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.clock import new_id
from bot.domain.conversations import Command, ConversationRef, Inbound, MessageRef, Person, ReplyTo, Role, Suggestion
from bot.domain.errors import AvatarbotError
from bot.domain.posts import Speaker
from bot.domain.sessions import NOTHING_SHOWN, EndReason, SessionSpec, SessionStatus, Shown
from bot.ports.grants import Scope
from bot.ports.provider import Upload, UploadState
from bot.ports.room import RoomCredentials
from bot.process_roles import ALL_ROLES, ProcessRole

SAY = "say"
"""The verb of what is to be spoken, whichever way it came in. All others overtake it."""
HEARD = "heard"
"""In the body of what the avatar heard somebody say aloud: the row's own id."""

USES = frozenset({"start", SAY, "extend"})
"""What counts as using an avatar, and keeps it awake. Interrupting it, setting it or asking about it is looking after it."""

WITHDRAW = "withdraw"
"""The verb that the deletion of a message becomes: the message is the one of the place's channel with the id in `message`."""

PLACE_GONE = "place gone"
"""The verb that a platform's word of a place that is gone becomes."""

LEFT = "The avatar has left: I can no longer write where you started it."

UPLOAD_LEFT = timedelta(days=7)
"""After which, beyond what others are kept for, an upload is forgotten whose end nobody heard of."""

UPLOAD_OVER = (UploadState.READY, UploadState.FAILED)
"""States of an upload that nothing follows."""

NOBODY = Person("", "")
"""Whose words a greeting is: a turn of nobody is no line of the transcript."""


# ---------------------------------------------------------------- processes


@dataclass(frozen=True, slots=True)
class ProcessProfile:
    """What a process tells the others of itself: what it does, how many sessions it runs at most (0 for none), and where they reach
    the rooms of those (`host:port`, empty for nowhere) in which version of what is spoken there.
    """

    roles: frozenset[ProcessRole] = ALL_ROLES
    rooms: int = 500
    address: str = ""
    version: int = 0


@dataclass(frozen=True, slots=True)
class LivingProcess:
    """One that holds its lease: since when, and how many sessions it runs at the moment."""

    since: datetime
    roles: frozenset[ProcessRole]
    rooms: int
    running: int


# ---------------------------------------------------------------- sessions


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to run one session. Each claim raises its `epoch`; only the newest can write what a run writes."""

    session_id: str
    worker_id: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Placement:
    """Which living worker runs a session, by which claim, and where other processes reach it; see `ProcessProfile`."""

    worker_id: str
    epoch: int
    address: str
    version: int


class LeaseLost(AvatarbotError):
    """The run is no longer the one: leave the room and do nothing else."""

    def __init__(self, lease: Lease) -> None:
        super().__init__("Another process hosts this session now.", f"lease lost: epoch {lease.epoch}")


@dataclass(frozen=True, slots=True)
class VoicePlace:
    """In which voice channel of its workspace an avatar is heard, and who asked for that."""

    channel_id: str
    person_id: str


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """`thread` and `card` are None until the card is posted. `payer_id` is whose budget it uses: its starter's, or that of whoever
    woke or extended it; `reserved_s` seconds of it are set aside and not yet in a provider session. `attempts` counts runs
    that failed since it was last live, `deaths` processes that died while they ran it, until one `survived`. `voice` is where
    the next run of it is heard too.
    """

    id: str
    place: ConversationRef
    thread: ConversationRef | None
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
    voice: VoicePlace | None = None
    shown: Shown = NOTHING_SHOWN
    deaths: int = 0

    @property
    def talk(self) -> ConversationRef:
        """The thread, or the place while there is none."""
        return self.thread or self.place


@dataclass(frozen=True, slots=True)
class Past:
    """What can be said of a session that has ended: how long it was live, how many messages people and the avatar exchanged, and who
    stopped it (`''` for nobody).
    """

    seconds: float
    messages: int
    stopped_by: str


class ProviderSessionStatus(StrEnum):
    """What is known of a provider session. INTENT is written before the provider is asked, CLOSING before it is closed."""

    INTENT = "intent"
    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"
    LOST = "lost"  # nobody knows whether it came to be

    @property
    def running(self) -> bool:
        """Whether it has an id at the provider and may cost money there."""
        return self in {ProviderSessionStatus.OPEN, ProviderSessionStatus.CLOSING}


@dataclass(frozen=True, slots=True)
class ProviderSessionRecord:
    """`provider_id` is the provider's own id, `''` while only intended; so `credentials` is None then."""

    id: str
    session_id: str
    provider_id: str
    status: ProviderSessionStatus
    credentials: RoomCredentials | None
    duration_s: int
    intended_at: datetime
    expires_at: datetime | None
    account: str = ""
    """Which one at the provider it is of: whatever is asked or closed is asked there. `''` is the operator's."""

    @property
    def orphaned(self) -> bool:
        """Whether who intended it was gone before the answer was known: what came to be it may have closed."""
        return self.status is ProviderSessionStatus.LOST and self.expires_at is not None

    def may_run(self, now: datetime) -> bool:
        """Whether its time is not up, if it came to be when it was intended."""
        return now < self.intended_at + timedelta(seconds=self.duration_s)


# ---------------------------------------------------------------- the inbox


class InboxState(StrEnum):
    WAITING = "waiting"
    CLAIMED = "claimed"  # it is being spoken
    DONE = "done"


class InboxOutcome(StrEnum):
    """What became of a row that was accepted."""

    NONE = ""  # nothing yet
    DONE = "done"
    SPOKEN = "spoken"
    INTERRUPTED = "interrupted"
    UNHEARD = "unheard"  # it may not have been heard
    DROPPED = "dropped"  # interrupted before it was heard
    EMPTY = "empty"  # nothing in it for a voice to say
    STALE = "stale"  # it waited too long
    FAILED = "failed"  # the team's own language model did not answer
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"  # deleted by its author
    HANDED_BACK = "handed back"  # the session ended before it was spoken
    LEFT = "left"  # the platform said that the place is gone
    NOT_CONFIRMED = "not confirmed"  # the provider has not confirmed the end
    MODERATED = "moderated"  # a message was refused
    UNCHECKED = "unchecked"  # it could not be checked in time
    ANSWER_MODERATED = "answer moderated"  # what the team's own language model answers was refused, in part or whole

    @property
    def keeps_words(self) -> bool:
        """Whether what was written stays written down."""
        return self not in {InboxOutcome.WITHDRAWN, InboxOutcome.MODERATED, InboxOutcome.UNCHECKED}


@dataclass(frozen=True, slots=True)
class NewRow:
    """An inbound on its way into the inbox."""

    id: str
    session_id: str
    inbound: Inbound
    verb: str
    body: Mapping[str, str]
    message: MessageRef | None
    role: Role

    @property
    def place(self) -> ConversationRef:
        """Where it was said; a command that names its session, perhaps in another channel."""
        return self.message.place if self.message else self.inbound.place

    def waiting(self, since: datetime) -> "InboxRecord":
        """As it is read once it is committed."""
        inbound = self.inbound
        return InboxRecord(
            id=self.id,
            session_id=self.session_id,
            sequence=inbound.sequence,
            verb=self.verb,
            body=self.body,
            person_id=inbound.person.id,
            person_name=inbound.person.name,
            role=self.role,
            place=self.place,
            message=self.message,
            reply_to=inbound.reply_to,
            state=InboxState.WAITING,
            outcome=InboxOutcome.NONE,
            sentence="",
            created_at=since,
        )


@dataclass(frozen=True, slots=True)
class InboxRecord:
    """One accepted thing. `id` is also the `mid` of what is spoken because of it."""

    id: str
    session_id: str
    sequence: int
    verb: str
    body: Mapping[str, str]
    person_id: str
    person_name: str
    role: Role
    place: ConversationRef
    message: MessageRef | None
    reply_to: ReplyTo | None
    state: InboxState
    outcome: InboxOutcome
    sentence: str
    created_at: datetime
    suggestions: tuple[Suggestion, ...] = ()

    @property
    def text(self) -> str:
        return self.body.get("text", "")

    @property
    def heard(self) -> bool:
        """Whether the avatar heard it said aloud, so that it answers by itself."""
        return HEARD in self.body

    @property
    def greets(self) -> bool:
        """Whether it is what an avatar says by itself when it arrives."""
        return self.person_id == NOBODY.id

    @property
    def author(self) -> ReplyTo:
        """How to reach whoever wrote it when nothing better was given."""
        return self.reply_to or ReplyTo(self.place, Person(self.person_id, self.person_name))


@dataclass(frozen=True, slots=True)
class UnfinishedRow:
    """Something accepted that has no outcome yet."""

    id: str
    verb: str
    state: InboxState


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The outcome of a row. A sentence is due to its author; good news (`DONE`) only to one who waits for an answer."""

    row_id: str
    outcome: InboxOutcome
    sentence: str = ""
    suggestions: tuple[Suggestion, ...] = ()


# ---------------------------------------------------------------- what was said


@dataclass(frozen=True, slots=True)
class UtteranceRecord:
    """`provider_row` is our id of its provider session. `shown`: all of it is posted as it should be."""

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
    """One message of an utterance, or of an inbox row that is announced. `message_id` is `''` while it is only intended."""

    source_id: str
    part: int
    key: str
    message_id: str
    intended_at: datetime


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """What somebody gave to the avatar, as they wrote it. `id` is the inbox row's, and the `mid` of what the avatar said to it."""

    id: str
    name: str
    text: str
    at: datetime
    outcome: InboxOutcome


# ---------------------------------------------------------------- what outlives sessions


@dataclass(frozen=True, slots=True)
class GrantRecord:
    """A link to watch; `person` is None where it is for anyone who has it."""

    session_id: str
    scope: Scope
    thread: ConversationRef
    person: Person | None
    expires_at: datetime
    ended_at: datetime | None
    starter_id: str


@dataclass(frozen=True, slots=True)
class UploadRecord:
    """`message` shows its progress; None until it is posted. `reply_to` is who asked for it, None once they were told."""

    upload: Upload
    place: ConversationRef
    message: MessageRef | None
    reply_to: ReplyTo | None
    created_at: datetime


class OwnedKind(StrEnum):
    AVATAR = "avatar"
    KNOWLEDGE = "knowledge"


def departure(session: SessionRecord) -> NewRow:
    """The row by which a session's run hears that its place is gone; whoever started it is told."""
    starter = Person(session.starter_id, session.starter_name)
    inbound = Inbound(f"gone-{new_id()}", 0, session.talk, starter, Command(PLACE_GONE))
    return NewRow(new_id(), session.id, inbound, PLACE_GONE, {}, None, Role.ADMIN)

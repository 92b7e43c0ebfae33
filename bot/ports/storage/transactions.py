"""What is decided and written in one transaction: the admission of what comes in, and the writes of a run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar

from bot.commands.options import ChannelSettings
from bot.domain.conversations import ConversationRef, MessageEdited, MessageRef, Outcome, Suggestion
from bot.domain.posts import Opened
from bot.domain.provider import Use
from bot.domain.sessions import EndReason, SessionSpec, SessionStatus, Shown
from bot.ports.room import RoomCredentials
from bot.ports.storage.records import (
    Conclusion,
    InboxOutcome,
    InboxRecord,
    Lease,
    NewRow,
    PostRecord,
    SessionRecord,
    UnfinishedRow,
    UtteranceRecord,
    VoicePlace,
)

WorkspaceKey = tuple[str, str]
"""Platform and workspace."""

PersonKey = tuple[str, str, str]
"""Platform, workspace and person."""

EventKey = tuple[str, str, str]
"""Platform, workspace and event id."""


@dataclass(frozen=True, slots=True)
class AdmissionQuery:
    """What has to be known to decide on a batch."""

    events: frozenset[EventKey] = frozenset()
    places: frozenset[ConversationRef] = frozenset()
    workspaces: frozenset[WorkspaceKey] = frozenset()  # where something came that may cost
    named: frozenset[str] = frozenset()  # ids of sessions that are to do something, of whichever channel
    earlier: frozenset[str] = frozenset()  # ids of sessions that are to be started again
    payers: frozenset[tuple[ConversationRef, str]] = frozenset()  # who may be about to pay
    payers_if_asleep: frozenset[tuple[ConversationRef, str]] = (
        frozenset()
    )  # who is, where a session of the channel sleeps
    spoken_in: frozenset[ConversationRef] = frozenset()  # where words may be for a session that has ended
    just_ended: timedelta = timedelta()  # how long ago such a session of the channel may have ended


@dataclass(frozen=True, slots=True)
class Situation:
    """What the decisions rest on, read in the transaction that will write them."""

    now: datetime
    known: frozenset[EventKey] = frozenset()  # accepted or answered
    answering: frozenset[EventKey] = frozenset()  # somebody is at the answer
    sessions: tuple[SessionRecord, ...] = ()  # that have not ended in the channels of the places, and those named
    settings: Mapping[ConversationRef, ChannelSettings] = field(default_factory=dict)
    waiting: Mapping[tuple[str, str], int] = field(default_factory=dict)  # messages by session and person
    running: Mapping[WorkspaceKey, int] = field(default_factory=dict)  # sessions, where somebody pays
    own_accounts: frozenset[WorkspaceKey] = frozenset()  # workspaces that pay themselves, where somebody pays
    used: Mapping[PersonKey, Use] = field(default_factory=dict)  # today, by payers
    allowed: Mapping[WorkspaceKey, bool | None] = field(
        default_factory=dict
    )  # what the operator said, None for nothing
    earlier: Mapping[str, SessionRecord] = field(default_factory=dict)  # sessions that may be started again, by id
    ended: Mapping[ConversationRef, SessionRecord] = field(default_factory=dict)  # the last one, where none runs


@dataclass(frozen=True, slots=True)
class NewSession:
    id: str
    place: ConversationRef
    starter_id: str
    starter_name: str
    spec: SessionSpec


@dataclass(slots=True)
class Admitted:
    """What came of a batch, in its order, and what has to be written because of it."""

    outcomes: list[Outcome] = field(default_factory=list)
    rows: list[NewRow] = field(default_factory=list)
    starts: list[NewSession] = field(default_factory=list)
    wakes: dict[str, tuple[str, int]] = field(default_factory=dict)  # session id -> who pays, seconds to reserve
    ends: dict[str, EndReason] = field(default_factory=dict)  # sleeping sessions; their rows are answered at once
    edits: list[MessageEdited] = field(default_factory=list)  # of messages that wait
    withdrawals: list[MessageRef] = field(default_factory=list)  # of messages that wait
    used: set[str] = field(default_factory=set)  # sessions that somebody uses, which keeps them awake
    since: datetime | None = None  # not written: when the rows began to wait, the `now` of the situation


T = TypeVar("T")


class Pending(Generic[T]):
    """What an operation of a block answers, once the block is left."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: list[T] = []

    @property
    def value(self) -> T:
        """Raises `LookupError` before the block is left, and when nothing was written."""
        if not self._values:
            raise LookupError("nothing is written yet")
        return self._values[0]

    def settle(self, value: T) -> None:
        """For implementations: what was written answers this."""
        self._values = [value]


@dataclass(frozen=True, slots=True)
class Settlement:
    """Outcomes for what had none. What is `added` comes first, so that it may be concluded too."""

    conclusions: Sequence[Conclusion] = ()
    added: Sequence[NewRow] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """What a session's payer may still spend: seconds that its start reserved, what the person used today in the workspace, and what
    the operator said of it (None for nothing). `allowed_minutes` are a day's, where a program pays; None for people.
    """

    reserved_s: int
    use: Use
    allowed: bool | None
    allowed_minutes: int | None = None


class FencedWrites(Protocol):
    """Every write of a run, in the order in which they are called. None of them takes effect before its block is left; functions that
    are given decide within the transaction: they are pure, and what they raise is raised by the block, with nothing written.
    """

    def become(self, status: SessionStatus, reason: EndReason | None = None) -> None:
        """Enter LIVE, which forgets earlier attempts, RECONNECTING or STOPPING; `end` and `rest` are for the others."""
        ...

    def survived(self) -> None:
        """Its process lives: earlier deaths are forgotten."""
        ...

    def end(self, reason: EndReason) -> None:
        """The session has ended, and what was reserved is given back."""
        ...

    def rest(self) -> Pending[SessionStatus]:
        """Fall asleep; where something waits, go on at once instead. Answers the state that it is in then: SLEEPING or STARTING."""
        ...

    def respecify(self, spec: SessionSpec) -> None:
        """The next provider session is created so."""
        ...

    def open_thread(self, opened: Opened) -> None:
        """The card is posted, and there the talk goes on."""
        ...

    def move_card(self, card: MessageRef) -> None:
        """The card goes on in another message."""
        ...

    def charge(self, payer_id: str) -> None:
        """Somebody else pays for what comes."""
        ...

    def show(self, shown: Shown) -> None:
        """What is said of the session, in whichever process somebody asks."""
        ...

    def be_heard(self, voice: VoicePlace | None) -> None:
        """The avatar is in a voice channel, or in none. `end` and `rest` take it out of one."""
        ...

    def settle(self, decide: Callable[[Sequence[UnfinishedRow]], Settlement]) -> Pending[Settlement]:
        """Give outcomes to what has none: `decide` is given all of it, in no particular order. Answers what it decided."""
        ...

    def claim_turn(
        self, row: InboxRecord, provider_row: str, text: str, *, place: ConversationRef, settings: ChannelSettings
    ) -> Pending[bool]:
        """Claim a waiting message before it is sent. False where it no longer waits or no longer says what was read, and where the channel
        of `place` has other settings by now than those that it was judged by.
        """
        ...

    def finish(
        self, row_id: str, outcome: InboxOutcome, sentence: str = "", suggestions: Sequence[Suggestion] = ()
    ) -> None:
        """Give a row its outcome, and the turn that it was, unless they have one; a sentence is then due to its author."""
        ...

    def intend(self, row_id: str, minutes: Callable[[Standing], int], account: str = "") -> Pending[int]:
        """Write down that a provider session is about to be created, for so many minutes as `minutes` says, paid by the session's payer on
        that account at the provider; the reservation of the start passes over to it. Answers the minutes.
        """
        ...

    def abandon(self, row_id: str) -> None:
        """The provider certainly created nothing."""
        ...

    def lost(self, row_id: str) -> None:
        """Intended, and nobody knows whether it came to be: it ends by itself, or the reaper finds it."""
        ...

    def orphaned(self, row_id: str) -> None:
        """The same, where who intended it is gone, and may have closed what came to be."""
        ...

    def closing(self, row_id: str) -> None:
        """Before it is closed at the provider: from here on nobody rejoins it, so that whoever is slow to close it takes it from nobody."""
        ...

    def save(self, utterance: UtteranceRecord) -> None:
        """An utterance as it stands; a final one may grow again."""
        ...

    def shown(self, utterance_id: str) -> None:
        """All of a final utterance is posted as it should be."""
        ...

    def posted(self, source_id: str, part: int, message_id: str) -> None:
        """A part stands in the thread. A run that lost its session writes that down unfenced."""
        ...

    def intend_post(self, post: PostRecord) -> None:
        """Before it is posted. Known already, it stays as it is."""
        ...


class UnfencedWrites(Protocol):
    """What a run may write though it has lost its session, because it is true whoever writes it: it has happened outside, and whoever
    runs the session now must know of it. Everything raises `StoreUnavailable`.
    """

    async def opened(
        self,
        row_id: str,
        provider_id: str,
        credentials: RoomCredentials,
        ago: timedelta = timedelta(),
        *,
        closing_ago: timedelta | None = None,
    ) -> None:
        """The provider's answer to a `create`, so long ago: it costs money until whoever runs the session closes it.

        `closing_ago`: it was asked to end already, so long ago.
        """
        ...

    async def closing(self, row_id: str, ago: timedelta = timedelta()) -> None:
        """About to be closed at the provider so long ago, by somebody else than its run."""
        ...

    async def closed(self, row_id: str) -> None:
        """Closed at the provider when it was about to be closed last."""
        ...

    async def expired(self, row_id: str) -> None:
        """Its time was up before it could be closed."""
        ...

    async def given_up(self, row_id: str) -> None:
        """Intended by a session that has ended, and nobody knows whether it came to be: `orphaned`."""
        ...

    async def found(self, row_id: str, provider_id: str) -> None:
        """What nobody knew of runs at the provider under this id, and is to be closed."""
        ...

    async def refuted(self, row_id: str) -> None:
        """What nobody knew of never came to be."""
        ...

    async def ran_at_most(self, row_id: str, seconds: int) -> None:
        """What nobody knew of is not there so long after it was intended: no more than that is unknown."""
        ...

    async def posted(self, source_id: str, part: int, message_id: str) -> None:
        """A part stands in the thread, where it is never to be posted again."""
        ...

    async def released(self, lease: Lease, *, failed: bool = False) -> None:
        """The lease is given back, so that another run may begin at once. One that is lost is nobody's to give: nothing changes.
        `failed`: its session could not be run, which counts among its attempts.
        """
        ...

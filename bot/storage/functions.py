"""The functions of a transaction that each storage's modules offer, and that what is written once is written with."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar

from bot.commands.options import ChannelSettings
from bot.domain.conversations import ConversationRef, MessageRef, Suggestion
from bot.domain.hook_events import EventType
from bot.domain.posts import Opened
from bot.domain.provider import Use
from bot.domain.sessions import EndReason
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
)
from bot.ports.storage.transactions import EventKey, NewSession, PersonKey, Standing, WorkspaceKey


class Transaction(Protocol):
    @property
    def now(self) -> datetime:
        """When it was asked for."""
        ...


Tx = TypeVar("Tx", bound=Transaction)
T_contra = TypeVar("T_contra", contravariant=True)


class SessionFunctions(Protocol[T_contra]):
    def get(self, tx: T_contra, session_id: str, /) -> SessionRecord | None: ...
    def locked(
        self, tx: T_contra, places: Iterable[ConversationRef], session_ids: Collection[str], /
    ) -> Sequence[SessionRecord]:
        """All that have not ended in the channels of these places, and those of these ids. Nobody else changes one, or adds to what
        waits for it, before the transaction ends.
        """
        ...

    def last_ended(
        self, tx: T_contra, place: ConversationRef, /, *, ended_within: timedelta
    ) -> SessionRecord | None: ...
    def count_running(self, tx: T_contra, /) -> Mapping[WorkspaceKey, int]: ...
    def add(self, tx: T_contra, new: Sequence[NewSession], /) -> None: ...
    def wake(self, tx: T_contra, wakes: Mapping[str, tuple[str, int]], /) -> None: ...
    def touch(self, tx: T_contra, session_ids: Iterable[str], /) -> None: ...
    def put_to_rest(self, tx: T_contra, session_id: str, reason: EndReason, /) -> bool: ...

    # the row that a lease holds

    def holds(self, tx: T_contra, lease: Lease, /) -> bool:
        """The fence: whether the session is the lease's. Nobody else changes that before the transaction ends."""
        ...

    def change(self, tx: T_contra, lease: Lease, /, **fields: object) -> None:
        """Give fields of the session's record other values; of `thread` and `card` the two below."""
        ...

    def open_thread(self, tx: T_contra, lease: Lease, opened: Opened, /) -> None: ...
    def move_card(self, tx: T_contra, lease: Lease, card: MessageRef, /) -> None: ...


class InboxFunctions(Protocol[T_contra]):
    def stands(self, tx: T_contra, row_id: str, /) -> bool:
        """Whether there is such a row."""
        ...

    def known_events(self, tx: T_contra, events: Collection[EventKey], /) -> Mapping[EventKey, bool]: ...
    def waiting_authors(self, tx: T_contra, session_ids: Collection[str], /) -> Mapping[tuple[str, str], int]: ...
    def unfinished(self, tx: T_contra, session_id: str, /) -> Sequence[UnfinishedRow]: ...
    def add(self, tx: T_contra, rows: Iterable[NewRow], /) -> None: ...
    def edit_waiting(self, tx: T_contra, ref: MessageRef, text: str, /) -> None: ...
    def withdraw_waiting(self, tx: T_contra, ref: MessageRef, /) -> None: ...
    def claim_turn(self, tx: T_contra, row: InboxRecord, provider_row: str, text: str, /) -> bool: ...
    def is_claimed(self, tx: T_contra, row_id: str, /) -> bool: ...
    def conclude(self, tx: T_contra, conclusions: Iterable[Conclusion], /) -> None: ...
    def finish(
        self, tx: T_contra, row_id: str, outcome: InboxOutcome, sentence: str, suggestions: Sequence[Suggestion], /
    ) -> None: ...


class ChannelFunctions(Protocol[T_contra]):
    def settings_of(
        self, tx: T_contra, places: Iterable[ConversationRef], /
    ) -> Mapping[ConversationRef, ChannelSettings]: ...
    def own_accounts(self, tx: T_contra, among: Collection[WorkspaceKey] | None = None, /) -> frozenset[WorkspaceKey]:
        """Workspaces that pay themselves: of these, or of all."""
        ...

    def said_of(self, tx: T_contra, keys: Collection[WorkspaceKey], /) -> Mapping[WorkspaceKey, bool]:
        """What the operator said, where something was."""
        ...


class UsageFunctions(Protocol[T_contra]):
    def lock_budgets(self, tx: T_contra, keys: Collection[WorkspaceKey], /, *, wait: bool = True) -> None:
        """Nobody else spends in these workspaces before the transaction ends. Before any session is locked, unless it does not wait:
        it is run again then where somebody else has the lock.
        """
        ...

    def lock_budget_of(self, tx: T_contra, session_id: str, /) -> None:
        """The same for the workspace of a session."""
        ...

    def of_people(
        self, tx: T_contra, payers: Collection[tuple[ConversationRef, str]], /
    ) -> Mapping[PersonKey, Use]: ...


class ProviderSessionFunctions(Protocol[T_contra]):
    def intend(
        self, tx: T_contra, session_id: str, row_id: str, minutes: Callable[[Standing], int], account: str, /
    ) -> int: ...
    def closing(self, tx: T_contra, row_id: str, /) -> None: ...
    def abandoned(self, tx: T_contra, row_id: str, /) -> None: ...
    def lost(self, tx: T_contra, row_id: str, /) -> None: ...
    def orphaned(self, tx: T_contra, row_id: str, /) -> None: ...


class TranscriptFunctions(Protocol[T_contra]):
    def save(self, tx: T_contra, session_id: str, utterance: UtteranceRecord, /) -> None: ...
    def shown(self, tx: T_contra, utterance_id: str, /) -> None: ...
    def intend_post(self, tx: T_contra, session_id: str, post: PostRecord, /) -> None: ...
    def posted(self, tx: T_contra, source_id: str, part: int, message_id: str, /) -> None: ...


class EventFunctions(Protocol[T_contra]):
    """What others are told of, where somebody listens. Each answers whether anybody does."""

    def session_changed(self, tx: T_contra, event_id: str, session_id: str, kind: EventType, /) -> bool: ...
    def sessions_changed(self, tx: T_contra, changes: Mapping[str, str], kind: EventType, /) -> bool:
        """Event ids by session ids."""
        ...

    def turn_spoken(
        self, tx: T_contra, event_id: str, session_id: str, row_id: str, outcome: InboxOutcome, /
    ) -> bool: ...
    def utterance_final(self, tx: T_contra, event_id: str, session_id: str, utterance: UtteranceRecord, /) -> bool: ...


@dataclass(frozen=True, slots=True)
class StorageFunctions(Generic[Tx]):
    """The modules of one storage."""

    sessions: SessionFunctions[Tx]
    inbox: InboxFunctions[Tx]
    channels: ChannelFunctions[Tx]
    usage: UsageFunctions[Tx]
    provider_sessions: ProviderSessionFunctions[Tx]
    transcripts: TranscriptFunctions[Tx]
    events: EventFunctions[Tx]

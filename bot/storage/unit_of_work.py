"""Units of work in any storage: what admission and the block of a run read and write in one transaction, and how repositories are made of functions of one."""

from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, Self, TypeVar

from bot.commands.options import ChannelSettings
from bot.domain.conversations import ConversationRef, MessageRef, Suggestion
from bot.domain.posts import Opened
from bot.domain.provider import Use
from bot.domain.sessions import EndReason, SessionSpec, SessionStatus
from bot.ports.storage.records import (
    Conclusion,
    InboxOutcome,
    InboxRecord,
    Lease,
    LeaseLost,
    NewRow,
    PostRecord,
    SessionRecord,
    UnfinishedRow,
    UtteranceRecord,
)
from bot.ports.storage.transactions import (
    AdmissionQuery,
    Admitted,
    EventKey,
    NewSession,
    Pending,
    Settlement,
    Situation,
    Standing,
    WorkspaceKey,
)

# ---------------------------------------------------------------- transactions and repositories


P = ParamSpec("P")
T = TypeVar("T")


class Transaction(Protocol):
    @property
    def now(self) -> datetime:
        """When it was asked for."""
        ...


Tx = TypeVar("Tx", bound=Transaction)
Tx_co = TypeVar("Tx_co", bound=Transaction, covariant=True)


class Transactions(Protocol[Tx_co]):
    """Runs functions of a transaction, each in one of its own. Everything raises `StoreUnavailable`."""

    async def read(self, work: Callable[Concatenate[Tx_co, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """On what is committed."""
        ...

    async def write(self, work: Callable[Concatenate[Tx_co, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Whole or not at all."""
        ...


class Repository(Generic[Tx]):
    """Its methods are functions of a transaction, each run in one of its own."""

    def __init__(self, transactions: Transactions[Tx]) -> None:
        self.transactions = transactions


Method = Callable[Concatenate[Repository[Tx], P], Coroutine[Any, Any, T]]


def reads(work: Callable[Concatenate[Tx, P], T]) -> Method[Tx, P, T]:
    """The method that runs it on what is committed."""

    async def method(self: Repository[Tx], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.transactions.read(work, *args, **kwargs)

    return method


def writes(work: Callable[Concatenate[Tx, P], T]) -> Method[Tx, P, T]:
    """The method that runs it in a write transaction."""

    async def method(self: Repository[Tx], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.transactions.write(work, *args, **kwargs)

    return method


# ---------------------------------------------------------------- what a storage's modules offer


T_contra = TypeVar("T_contra", contravariant=True)


class SessionFunctions(Protocol[T_contra]):
    def get(self, tx: T_contra, session_id: str, /) -> SessionRecord | None: ...
    def in_channels_of(self, tx: T_contra, places: Iterable[ConversationRef], /) -> Iterable[SessionRecord]: ...
    def last_ended(
        self, tx: T_contra, place: ConversationRef, /, *, ended_within: timedelta
    ) -> SessionRecord | None: ...
    def count_running(self, tx: T_contra, /) -> Mapping[WorkspaceKey, int]: ...
    def add(self, tx: T_contra, new: NewSession, /) -> None: ...
    def wake(self, tx: T_contra, session_id: str, payer_id: str, reserved_s: int, /) -> None: ...
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
    def known_events(self, tx: T_contra, events: Collection[EventKey], /) -> Iterable[EventKey]: ...
    def waiting_authors(self, tx: T_contra, session_ids: Collection[str], /) -> Mapping[tuple[str, str], int]: ...
    def unfinished(self, tx: T_contra, session_id: str, /) -> Sequence[UnfinishedRow]: ...
    def add(self, tx: T_contra, rows: Iterable[NewRow], /) -> None: ...
    def edit_waiting(self, tx: T_contra, ref: MessageRef, text: str, /) -> None: ...
    def withdraw_waiting(self, tx: T_contra, ref: MessageRef, /) -> None: ...
    def claim_turn(self, tx: T_contra, row: InboxRecord, provider_row: str, text: str, /) -> bool: ...
    def conclude(self, tx: T_contra, conclusions: Iterable[Conclusion], /) -> None: ...
    def finish(
        self, tx: T_contra, row_id: str, outcome: InboxOutcome, sentence: str, suggestions: Sequence[Suggestion], /
    ) -> None: ...


class ChannelFunctions(Protocol[T_contra]):
    def settings_of(
        self, tx: T_contra, places: Iterable[ConversationRef], /
    ) -> Mapping[ConversationRef, ChannelSettings]: ...
    def own_accounts(self, tx: T_contra, /) -> frozenset[WorkspaceKey]: ...
    def allowed(self, tx: T_contra, platform: str, workspace_id: str, /) -> bool | None: ...


class UsageFunctions(Protocol[T_contra]):
    def of_person(self, tx: T_contra, place: ConversationRef, person_id: str, /) -> Use: ...


class ProviderSessionFunctions(Protocol[T_contra]):
    def intend(self, tx: T_contra, session_id: str, row_id: str, minutes: Callable[[Standing], int], /) -> int: ...
    def closing(self, tx: T_contra, row_id: str, /) -> None: ...
    def closed(self, tx: T_contra, row_id: str, /) -> None: ...
    def lost(self, tx: T_contra, row_id: str, /) -> None: ...


class TranscriptFunctions(Protocol[T_contra]):
    def save(self, tx: T_contra, session_id: str, utterance: UtteranceRecord, /) -> None: ...
    def shown(self, tx: T_contra, utterance_id: str, /) -> None: ...
    def intend_post(self, tx: T_contra, session_id: str, post: PostRecord, /) -> None: ...
    def posted(self, tx: T_contra, source_id: str, part: int, message_id: str, /) -> None: ...


@dataclass(frozen=True, slots=True)
class StorageFunctions(Generic[Tx]):
    """The modules of one storage."""

    sessions: SessionFunctions[Tx]
    inbox: InboxFunctions[Tx]
    channels: ChannelFunctions[Tx]
    usage: UsageFunctions[Tx]
    provider_sessions: ProviderSessionFunctions[Tx]
    transcripts: TranscriptFunctions[Tx]


# ---------------------------------------------------------------- admission


HAS_ENDED = "The sleeping session has ended."


def admit(
    functions: StorageFunctions[Tx], tx: Tx, query: AdmissionQuery, decide: Callable[[Situation], Admitted]
) -> Admitted:
    admitted = decide(_situation(functions, tx, query))
    _write(functions, tx, admitted)
    return admitted


def _situation(functions: StorageFunctions[Tx], tx: Tx, query: AdmissionQuery) -> Situation:
    there = [*functions.sessions.in_channels_of(tx, query.places), *_by_id(functions, tx, query.named)]
    payers = query.payers | _wakers(query, there)
    ended = _ended(functions, tx, query, there)
    return Situation(
        now=tx.now,
        known=frozenset(functions.inbox.known_events(tx, query.events)),
        sessions=tuple(there),
        settings=functions.channels.settings_of(tx, query.places),
        waiting=functions.inbox.waiting_authors(tx, [session.id for session in there]) if there else {},
        running=functions.sessions.count_running(tx) if payers else {},
        own_accounts=functions.channels.own_accounts(tx) if payers else frozenset(),
        used={
            (place.platform, place.workspace_id, person): functions.usage.of_person(tx, place, person)
            for place, person in payers
        },
        allowed={key: functions.channels.allowed(tx, *key) for key in query.workspaces},
        earlier={session.id: session for session in (*_by_id(functions, tx, query.earlier), *ended.values())},
        ended=ended,
    )


def _by_id(functions: StorageFunctions[Tx], tx: Tx, session_ids: Iterable[str]) -> list[SessionRecord]:
    return [session for id_ in session_ids if (session := functions.sessions.get(tx, id_))]


def _wakers(query: AdmissionQuery, there: Sequence[SessionRecord]) -> set[tuple[ConversationRef, str]]:
    """Who pays if what they write wakes a session."""
    sleeping = {session.place.channel for session in there if session.slept_at}
    return {payer for payer in query.payers_if_asleep if payer[0].channel in sleeping} if sleeping else set()


def _ended(
    functions: StorageFunctions[Tx], tx: Tx, query: AdmissionQuery, there: Collection[SessionRecord]
) -> dict[ConversationRef, SessionRecord]:
    """The session that has ended last where something was said and none runs."""
    hosted = {place for session in there for place in (session.place, session.talk)}
    return {
        place: session
        for place in query.spoken_in - hosted
        if (session := functions.sessions.last_ended(tx, place, ended_within=query.just_ended))
    }


def _write(functions: StorageFunctions[Tx], tx: Tx, admitted: Admitted) -> None:
    for session_id, reason in admitted.ends.items():
        functions.sessions.put_to_rest(tx, session_id, reason)
    for new in admitted.starts:
        functions.sessions.add(tx, new)
    for session_id, (payer_id, seconds) in admitted.wakes.items():
        functions.sessions.wake(tx, session_id, payer_id, seconds)
    functions.inbox.add(tx, admitted.rows)
    if admitted.used:
        functions.sessions.touch(tx, admitted.used)
    answered = (row.id for row in admitted.rows if row.session_id in admitted.ends)
    functions.inbox.conclude(tx, (Conclusion(row_id, InboxOutcome.DONE, HAS_ENDED) for row_id in answered))
    for edited in admitted.edits:
        functions.inbox.edit_waiting(tx, edited.message, edited.text)
    for message in admitted.withdrawals:
        functions.inbox.withdraw_waiting(tx, message)


# ---------------------------------------------------------------- the block of a run


class FencedBlock(Generic[Tx]):
    """`FencedWrites`: notes what is called within `async with`, and runs all of it in one transaction when that is left, the fence first."""

    def __init__(self, transactions: Transactions[Tx], functions: StorageFunctions[Tx], lease: Lease) -> None:
        self._transactions = transactions
        self._functions = functions
        self._lease = lease
        self._noted: list[tuple[Callable[[Tx], Any], Pending[Any]]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Raises `LeaseLost` and `StoreUnavailable`, with nothing written."""
        if error is None and self._noted:
            for (_, pending), value in zip(self._noted, await self._transactions.write(self._run), strict=True):
                pending.settle(value)

    def _run(self, tx: Tx) -> Sequence[Any]:
        if not self._functions.sessions.holds(tx, self._lease):
            raise LeaseLost(self._lease)
        return [work(tx) for work, _ in self._noted]

    def _note(self, work: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> Pending[T]:
        pending: Pending[T] = Pending()
        self._noted.append((lambda tx: work(tx, *args, **kwargs), pending))
        return pending

    # ------------------------------------------------------------ the session

    def _change(self, **fields: object) -> None:
        self._note(self._functions.sessions.change, self._lease, **fields)

    def become(self, status: SessionStatus, reason: EndReason | None = None) -> None:
        live = {"attempts": 0} if status is SessionStatus.LIVE else {}
        ending = {"end_reason": reason} if reason else {}
        self._change(status=status, **live, **ending)

    def end(self, reason: EndReason) -> None:
        self._note(self._end, reason)

    def _end(self, tx: Tx, reason: EndReason) -> None:
        ended = SessionStatus.ENDED
        self._functions.sessions.change(tx, self._lease, status=ended, end_reason=reason, ended_at=tx.now, reserved_s=0)

    def rest(self) -> Pending[SessionStatus]:
        return self._note(self._rest)

    def _rest(self, tx: Tx) -> SessionStatus:
        waits = self._functions.inbox.unfinished(tx, self._lease.session_id)
        status = SessionStatus.STARTING if waits else SessionStatus.SLEEPING
        slept_at = None if waits else tx.now
        fields = {"status": status, "end_reason": None, "slept_at": slept_at, "reserved_s": 0, "attempts": 0}
        self._functions.sessions.change(tx, self._lease, **fields)
        return status

    def respecify(self, spec: SessionSpec) -> None:
        self._change(spec=spec)

    def open_thread(self, opened: Opened) -> None:
        self._note(self._functions.sessions.open_thread, self._lease, opened)

    def move_card(self, card: MessageRef) -> None:
        self._note(self._functions.sessions.move_card, self._lease, card)

    def charge(self, payer_id: str) -> None:
        self._change(payer_id=payer_id)

    # ------------------------------------------------------------ the inbox

    def settle(self, decide: Callable[[Sequence[UnfinishedRow]], Settlement]) -> Pending[Settlement]:
        return self._note(self._settle, decide)

    def _settle(self, tx: Tx, decide: Callable[[Sequence[UnfinishedRow]], Settlement]) -> Settlement:
        inbox = self._functions.inbox
        settlement = decide(inbox.unfinished(tx, self._lease.session_id))
        inbox.add(tx, settlement.added)
        inbox.conclude(tx, settlement.conclusions)
        return settlement

    def claim_turn(self, row: InboxRecord, provider_row: str, text: str) -> Pending[bool]:
        return self._note(self._functions.inbox.claim_turn, row, provider_row, text)

    def finish(
        self, row_id: str, outcome: InboxOutcome, sentence: str = "", suggestions: Sequence[Suggestion] = ()
    ) -> None:
        self._note(self._functions.inbox.finish, row_id, outcome, sentence, suggestions)

    # ------------------------------------------------------------ at the provider

    def intend(self, row_id: str, minutes: Callable[[Standing], int]) -> Pending[int]:
        return self._note(self._functions.provider_sessions.intend, self._lease.session_id, row_id, minutes)

    def abandon(self, row_id: str) -> None:
        self._note(self._functions.provider_sessions.closed, row_id)

    def lost(self, row_id: str) -> None:
        self._note(self._functions.provider_sessions.lost, row_id)

    def closing(self, row_id: str) -> None:
        self._note(self._functions.provider_sessions.closing, row_id)

    # ------------------------------------------------------------ the transcript

    def save(self, utterance: UtteranceRecord) -> None:
        self._note(self._functions.transcripts.save, self._lease.session_id, utterance)

    def shown(self, utterance_id: str) -> None:
        self._note(self._functions.transcripts.shown, utterance_id)

    def posted(self, source_id: str, part: int, message_id: str) -> None:
        self._note(self._functions.transcripts.posted, source_id, part, message_id)

    def intend_post(self, post: PostRecord) -> None:
        self._note(self._functions.transcripts.intend_post, self._lease.session_id, post)

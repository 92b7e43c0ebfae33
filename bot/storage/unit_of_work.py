"""Units of work in any storage: what admission and the block of a run read and write in one transaction, and how repositories are made of functions of one."""

from collections.abc import Callable, Collection, Coroutine, Iterable, Sequence
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, Self, TypeVar

from bot.clock import new_id
from bot.commands.options import ChannelSettings
from bot.domain.conversations import ConversationRef, MessageRef, Suggestion
from bot.domain.hook_events import EventType
from bot.domain.posts import Opened
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
    Pending,
    Settlement,
    Situation,
    Standing,
)
from bot.storage.functions import StorageFunctions, Transaction, Tx

# ---------------------------------------------------------------- transactions and repositories


P = ParamSpec("P")
T = TypeVar("T")


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


# ---------------------------------------------------------------- admission


SPOKEN = frozenset({InboxOutcome.SPOKEN, InboxOutcome.INTERRUPTED})
"""Outcomes of what was heard, to its end or not."""

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
        put_to_rest(functions, tx, session_id, reason)
    for new in admitted.starts:
        functions.sessions.add(tx, new)
        functions.events.session_changed(tx, new_id(), new.id, EventType.SESSION_STARTED)
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


# ---------------------------------------------------------------- ending what sleeps


def put_to_rest(functions: StorageFunctions[Tx], tx: Tx, session_id: str, reason: EndReason) -> bool:
    ended = functions.sessions.put_to_rest(tx, session_id, reason)
    if ended:
        functions.events.session_changed(tx, new_id(), session_id, EventType.SESSION_ENDED)
    return ended


def ask_to_end(
    functions: StorageFunctions[Tx],
    tx: Tx,
    session_ids: Iterable[str],
    reason: EndReason,
    row: Callable[[SessionRecord], NewRow],
) -> list[SessionRecord]:
    asked = [each for each in _by_id(functions, tx, session_ids) if each.status is not SessionStatus.ENDED]
    for session in asked:
        if not put_to_rest(functions, tx, session.id, reason):
            functions.inbox.add(tx, [row(session)])
    return asked


# ---------------------------------------------------------------- the block of a run


class FencedBlock(Generic[Tx]):
    """`FencedWrites`: notes what is called within `async with`, and runs all of it in one transaction when that is left, the fence first."""

    def __init__(
        self,
        transactions: Transactions[Tx],
        functions: StorageFunctions[Tx],
        lease: Lease,
        outbox_grew: Callable[[], None],
    ) -> None:
        self._transactions = transactions
        self._functions = functions
        self._lease = lease
        self._outbox_grew = outbox_grew
        self._told: list[Pending[bool]] = []
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
            if any(each.value for each in self._told):
                self._outbox_grew()

    def _run(self, tx: Tx) -> Sequence[Any]:
        if not self._functions.sessions.holds(tx, self._lease):
            raise LeaseLost(self._lease)
        return [work(tx) for work, _ in self._noted]

    def _note(self, work: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> Pending[T]:
        pending: Pending[T] = Pending()
        self._noted.append((lambda tx: work(tx, *args, **kwargs), pending))
        return pending

    def _tell(self, work: Callable[Concatenate[Tx, str, str, P], bool], *args: P.args, **kwargs: P.kwargs) -> None:
        """Others hear of it, where they listen. Its id is made here: a transaction may run twice."""
        self._told.append(self._note(work, new_id(), self._lease.session_id, *args, **kwargs))

    # ------------------------------------------------------------ the session

    def _change(self, **fields: object) -> None:
        self._note(self._functions.sessions.change, self._lease, **fields)

    def become(self, status: SessionStatus, reason: EndReason | None = None) -> None:
        live = {"attempts": 0} if status is SessionStatus.LIVE else {}
        ending = {"end_reason": reason} if reason else {}
        self._change(status=status, **live, **ending)
        if status is SessionStatus.LIVE:
            self._tell(self._functions.events.session_changed, EventType.SESSION_LIVE)

    def end(self, reason: EndReason) -> None:
        self._note(self._end, reason)
        self._tell(self._functions.events.session_changed, EventType.SESSION_ENDED)

    def _end(self, tx: Tx, reason: EndReason) -> None:
        ended = SessionStatus.ENDED
        self._functions.sessions.change(tx, self._lease, status=ended, end_reason=reason, ended_at=tx.now, reserved_s=0)

    def rest(self) -> Pending[SessionStatus]:
        status = self._note(self._rest)
        self._tell(self._fell_asleep)
        return status

    def _fell_asleep(self, tx: Tx, event_id: str, session_id: str) -> bool:
        session = self._functions.sessions.get(tx, session_id)
        asleep = session is not None and session.status is SessionStatus.SLEEPING
        return asleep and self._functions.events.session_changed(tx, event_id, session_id, EventType.SESSION_ASLEEP)

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

    def claim_turn(
        self, row: InboxRecord, provider_row: str, text: str, *, place: ConversationRef, settings: ChannelSettings
    ) -> Pending[bool]:
        return self._note(self._claim_turn, row, provider_row, text, place=place, settings=settings)

    def _claim_turn(
        self,
        tx: Tx,
        row: InboxRecord,
        provider_row: str,
        text: str,
        *,
        place: ConversationRef,
        settings: ChannelSettings,
    ) -> bool:
        now = self._functions.channels.settings_of(tx, [place]).get(place.channel, ChannelSettings())
        return now == settings and self._functions.inbox.claim_turn(tx, row, provider_row, text)

    def finish(
        self, row_id: str, outcome: InboxOutcome, sentence: str = "", suggestions: Sequence[Suggestion] = ()
    ) -> None:
        if outcome in SPOKEN:
            self._tell(self._functions.events.turn_spoken, row_id, outcome)
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
        if utterance.final and utterance.text:
            self._tell(self._functions.events.utterance_final, utterance)

    def shown(self, utterance_id: str) -> None:
        self._note(self._functions.transcripts.shown, utterance_id)

    def posted(self, source_id: str, part: int, message_id: str) -> None:
        self._note(self._functions.transcripts.posted, source_id, part, message_id)

    def intend_post(self, post: PostRecord) -> None:
        self._note(self._functions.transcripts.intend_post, self._lease.session_id, post)

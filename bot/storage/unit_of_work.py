"""Units of work in any storage: repositories, whose methods are functions of a transaction, the block of a run, which is one transaction, and
admission, where what is decided on is read and what was decided is written in one.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, Self, TypeVar

from bot.clock import new_id
from bot.commands.options import ChannelSettings
from bot.domain.conversations import ConversationRef, MessageRef, Suggestion
from bot.domain.errors import StoreAway, StoreBusy
from bot.domain.hook_events import EventType
from bot.domain.posts import Opened
from bot.domain.sessions import EndReason, SessionSpec, SessionStatus, Shown
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
    VoicePlace,
)
from bot.ports.storage.transactions import (
    AdmissionQuery,
    Admitted,
    Pending,
    Settlement,
    Situation,
    Standing,
    WorkspaceKey,
)
from bot.storage.functions import StorageFunctions, Transaction, Tx

# ---------------------------------------------------------------- transactions and repositories


P = ParamSpec("P")
T = TypeVar("T")
N = TypeVar("N", bound=int)


Tx_co = TypeVar("Tx_co", bound=Transaction, covariant=True)


class Transactions(Protocol[Tx_co]):
    """Runs functions of a transaction, each in one of its own. Everything raises `StoreUnavailable`."""

    async def read(self, work: Callable[Concatenate[Tx_co, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """On what is committed."""
        ...

    async def write(self, work: Callable[Concatenate[Tx_co, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Whole or not at all."""
        ...

    async def urgent(self, work: Callable[Concatenate[Tx_co, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """`write`, past all that waits to be written."""
        ...


AGAIN_FIRST_S, AGAIN_MOST_S = 0.1, 1.0
"""Between two tries to reach a storage that is away."""


BUSY_FOR_S = 120.0
"""Seconds after which what takes too long each time is given up: it is to blame, and not what the database has to do besides."""


class PatientTransactions(Generic[Tx]):
    """They wait for a storage that is away, however long that takes. What was in doubt is done again, which changes nothing.

    Raises `StoreBusy` for what took too long at each try of two minutes.
    """

    def __init__(self, transactions: Transactions[Tx]) -> None:
        self._transactions = transactions

    async def read(self, work: Callable[Concatenate[Tx, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await _patiently(lambda: self._transactions.read(work, *args, **kwargs))

    async def write(self, work: Callable[Concatenate[Tx, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await _patiently(lambda: self._transactions.write(work, *args, **kwargs))

    async def urgent(self, work: Callable[Concatenate[Tx, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await _patiently(lambda: self._transactions.urgent(work, *args, **kwargs))


async def _patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """Raises `StoreBusy` for what takes too long each time, for so long."""
    pause, busy_since = AGAIN_FIRST_S, math.inf
    while True:
        now = asyncio.get_running_loop().time()
        try:
            return await ask()
        except StoreBusy:
            busy_since = min(busy_since, now)
            if now - busy_since >= BUSY_FOR_S:
                raise
        except StoreAway:
            busy_since = math.inf
        await asyncio.sleep(pause)
        pause = min(pause * 2, AGAIN_MOST_S)


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


def urgent(work: Callable[Concatenate[Tx, P], T]) -> Method[Tx, P, T]:
    """The method that runs it in a write transaction that waits for no other of this process."""

    async def method(self: Repository[Tx], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.transactions.urgent(work, *args, **kwargs)

    return method


def changes(work: Callable[Concatenate[Tx, P], N]) -> Method[Tx, P, N]:
    """The method that runs it in a write transaction and answers how much it changed, also where an earlier run of the same did."""

    async def method(self: Repository[Tx], /, *args: P.args, **kwargs: P.kwargs) -> N:
        counted: list[N] = []

        def most(tx: Tx, /, *args: P.args, **kwargs: P.kwargs) -> N:
            counted.append(work(tx, *args, **kwargs))
            return max(counted)

        return await self.transactions.write(most, *args, **kwargs)

    return method


# ---------------------------------------------------------------- the block of a run


SPOKEN = frozenset({InboxOutcome.SPOKEN, InboxOutcome.INTERRUPTED})
"""Outcomes of what was heard, to its end or not."""


class FencedBlock(Generic[Tx]):
    """`FencedWrites`: notes what is called within `async with`, and runs all of it in one transaction when that is left, the fence first."""

    def __init__(
        self,
        transactions: Transactions[Tx],
        functions: StorageFunctions[Tx],
        lease: Lease,
        outbox_grew: Callable[[], None],
        written: Callable[[], None],
    ) -> None:
        self._transactions = transactions
        self._functions = functions
        self._lease = lease
        self._outbox_grew = outbox_grew
        self._written = written
        self._told: list[Pending[bool]] = []
        self._spends = False
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
            self._written()

    def _run(self, tx: Tx) -> Sequence[Any]:
        if self._spends:
            self._functions.usage.lock_budget_of(tx, self._lease.session_id)
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

    def survived(self) -> None:
        self._change(deaths=0)

    def end(self, reason: EndReason) -> None:
        self._note(self._end, reason)
        self._tell(self._functions.events.session_changed, EventType.SESSION_ENDED)

    def _end(self, tx: Tx, reason: EndReason) -> None:
        fields = {"status": SessionStatus.ENDED, "end_reason": reason, "ended_at": tx.now, "reserved_s": 0}
        self._functions.sessions.change(tx, self._lease, **fields, voice=None)

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
        fields = {"status": status, "end_reason": None, "slept_at": slept_at, "reserved_s": 0}
        self._functions.sessions.change(tx, self._lease, **fields, attempts=0, deaths=0, voice=None)
        return status

    def respecify(self, spec: SessionSpec) -> None:
        self._change(spec=spec)

    def open_thread(self, opened: Opened) -> None:
        self._note(self._functions.sessions.open_thread, self._lease, opened)

    def move_card(self, card: MessageRef) -> None:
        self._note(self._functions.sessions.move_card, self._lease, card)

    def charge(self, payer_id: str) -> None:
        self._change(payer_id=payer_id)

    def show(self, shown: Shown) -> None:
        self._change(shown=shown)

    def be_heard(self, voice: VoicePlace | None) -> None:
        self._change(voice=voice)

    # ------------------------------------------------------------ the inbox

    def settle(self, decide: Callable[[Sequence[UnfinishedRow]], Settlement]) -> Pending[Settlement]:
        return self._note(self._settle, decide, [])

    def _settle(
        self, tx: Tx, decide: Callable[[Sequence[UnfinishedRow]], Settlement], earlier: list[Settlement]
    ) -> Settlement:
        """What an earlier run of the same has settled stays as it settled it."""
        inbox = self._functions.inbox
        unfinished = inbox.unfinished(tx, self._lease.session_id)
        if earlier and _is_settled(earlier[-1], unfinished):
            return earlier[-1]
        settlement = decide(unfinished)
        inbox.add(tx, settlement.added)
        inbox.conclude(tx, settlement.conclusions)
        earlier.append(settlement)
        return settlement

    def claim_turn(
        self, row: InboxRecord, provider_row: str, text: str, *, place: ConversationRef, settings: ChannelSettings
    ) -> Pending[bool]:
        return self._note(self._claim_turn, row, provider_row, text, place=place, settings=settings, earlier=[])

    def _claim_turn(
        self,
        tx: Tx,
        row: InboxRecord,
        provider_row: str,
        text: str,
        *,
        place: ConversationRef,
        settings: ChannelSettings,
        earlier: list[bool],
    ) -> bool:
        """What an earlier run of the same has claimed is claimed: nobody else may."""
        inbox = self._functions.inbox
        if any(earlier) and inbox.is_claimed(tx, row.id):
            return True
        now = self._functions.channels.settings_of(tx, [place]).get(place.channel, ChannelSettings())
        earlier.append(now == settings and inbox.claim_turn(tx, row, provider_row, text))
        return earlier[-1]

    def finish(
        self, row_id: str, outcome: InboxOutcome, sentence: str = "", suggestions: Sequence[Suggestion] = ()
    ) -> None:
        if outcome in SPOKEN:
            self._tell(self._functions.events.turn_spoken, row_id, outcome)
        self._note(self._functions.inbox.finish, row_id, outcome, sentence, suggestions)

    # ------------------------------------------------------------ at the provider

    def intend(self, row_id: str, minutes: Callable[[Standing], int], account: str = "") -> Pending[int]:
        self._spends = True
        return self._note(self._functions.provider_sessions.intend, self._lease.session_id, row_id, minutes, account)

    def abandon(self, row_id: str) -> None:
        self._note(self._functions.provider_sessions.abandoned, row_id)

    def lost(self, row_id: str) -> None:
        self._note(self._functions.provider_sessions.lost, row_id)

    def orphaned(self, row_id: str) -> None:
        self._note(self._functions.provider_sessions.orphaned, row_id)

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


def _is_settled(settlement: Settlement, unfinished: Sequence[UnfinishedRow]) -> bool:
    """Whether what it concluded has its outcome, and what it added is there."""
    without = {row.id for row in unfinished}
    concluded = {each.row_id for each in settlement.conclusions}
    added = {row.id for row in settlement.added} - concluded
    return bool(concluded or added) and not concluded & without and added <= without


# ---------------------------------------------------------------- admission


HAS_ENDED = "The sleeping session has ended."


def admit(
    functions: StorageFunctions[Tx],
    tx: Tx,
    query: AdmissionQuery,
    decide: Callable[[Situation], Admitted],
    earlier: "EarlierRuns",
) -> Admitted:
    if earlier.admitted and _stands(functions, tx, earlier.admitted):
        return earlier.admitted
    earlier.admitted = admitted = decide(_situation(functions, tx, query, earlier))
    _write(functions, tx, admitted)
    return admitted


@dataclass(slots=True)
class EarlierRuns:
    """What is known of earlier runs of the same admission: what the last one wrote may stand, and is not decided on again then."""

    admitted: Admitted | None = None
    spending: set[WorkspaceKey] = field(default_factory=set)
    """Where it turned out that somebody spends: this time that is locked first."""


def _stands(functions: StorageFunctions[Tx], tx: Tx, admitted: Admitted) -> bool:
    return bool(admitted.rows) and functions.inbox.stands(tx, admitted.rows[0].id)


def _situation(functions: StorageFunctions[Tx], tx: Tx, query: AdmissionQuery, earlier: EarlierRuns) -> Situation:
    spending = _workspaces(query.payers) | earlier.spending
    functions.usage.lock_budgets(tx, spending)
    there = functions.sessions.locked(tx, query.places, query.named)
    wakers = _wakers(query, there)
    earlier.spending |= _workspaces(wakers)
    functions.usage.lock_budgets(tx, earlier.spending - spending, wait=False)
    payers = query.payers | wakers
    ended = _ended(functions, tx, query, there)
    own = functions.channels.own_accounts(tx, None if payers else query.workspaces)
    said = functions.channels.said_of(tx, query.workspaces)
    known = functions.inbox.known_events(tx, query.events)
    return Situation(
        now=tx.now,
        known=frozenset(event for event, over in known.items() if over),
        answering=frozenset(event for event, over in known.items() if not over),
        sessions=tuple(there),
        settings=functions.channels.settings_of(tx, query.places),
        waiting=functions.inbox.waiting_authors(tx, [session.id for session in there]) if there else {},
        running=functions.sessions.count_running(tx) if payers else {},
        own_accounts=own if payers else frozenset(),
        used=functions.usage.of_people(tx, payers) if payers else {},
        allowed={key: True if key in own else said.get(key) for key in query.workspaces},
        earlier={session.id: session for session in (*_by_id(functions, tx, query.earlier), *ended.values())},
        ended=ended,
    )


def _by_id(functions: StorageFunctions[Tx], tx: Tx, session_ids: Iterable[str]) -> list[SessionRecord]:
    return [session for id_ in session_ids if (session := functions.sessions.get(tx, id_))]


def _workspaces(payers: Iterable[tuple[ConversationRef, str]]) -> set[WorkspaceKey]:
    return {(place.platform, place.workspace_id) for place, _ in payers}


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
        put_to_rest(functions, tx, session_id, reason, new_id(), set())
    functions.sessions.add(tx, admitted.starts)
    started = {new.id: new_id() for new in admitted.starts}
    functions.events.sessions_changed(tx, started, EventType.SESSION_STARTED)
    functions.sessions.wake(tx, admitted.wakes)
    functions.inbox.add(tx, admitted.rows)
    if used := admitted.used - started.keys() - admitted.wakes.keys():
        functions.sessions.touch(tx, used)
    answered = (row.id for row in admitted.rows if row.session_id in admitted.ends)
    functions.inbox.conclude(tx, (Conclusion(row_id, InboxOutcome.DONE, HAS_ENDED) for row_id in answered))
    for edited in admitted.edits:
        functions.inbox.edit_waiting(tx, edited.message, edited.text)
    for message in admitted.withdrawals:
        functions.inbox.withdraw_waiting(tx, message)


# ---------------------------------------------------------------- ending what sleeps


def put_to_rest(  # noqa: PLR0917
    functions: StorageFunctions[Tx], tx: Tx, session_id: str, reason: EndReason, event_id: str, earlier: set[str]
) -> bool:
    """`earlier` are the sessions that an earlier run of the same has put to rest."""
    if functions.sessions.put_to_rest(tx, session_id, reason):
        functions.events.session_changed(tx, event_id, session_id, EventType.SESSION_ENDED)
        earlier.add(session_id)
        return True
    session = functions.sessions.get(tx, session_id) if session_id in earlier else None
    return session is not None and session.status is SessionStatus.ENDED


def once_each(make: Callable[[SessionRecord], T]) -> Callable[[SessionRecord], T]:
    """The same for the same session, also where the transaction runs again."""
    made: dict[str, T] = {}
    return lambda session: made.get(session.id) or made.setdefault(session.id, make(session))


def ask_to_end(  # noqa: PLR0917
    functions: StorageFunctions[Tx],
    tx: Tx,
    session_ids: Collection[str],
    reason: EndReason,
    row: Callable[[SessionRecord], NewRow],
    event_id: Callable[[SessionRecord], str],
    earlier: set[str],
) -> list[SessionRecord]:
    """`row` and `event_id` answer the same for the same session."""
    there = functions.sessions.locked(tx, (), session_ids)
    asked = [each for each in there if each.status is not SessionStatus.ENDED or each.id in earlier]
    for session in asked:
        if not put_to_rest(functions, tx, session.id, reason, event_id(session), earlier):
            functions.inbox.add(tx, [row(session)])
    return asked


class SessionEndings(Repository[Tx]):
    """What ends sessions that have no run."""

    functions: StorageFunctions[Tx]

    async def put_to_rest(self, session_id: str, reason: EndReason) -> bool:
        return await self.transactions.write(partial(put_to_rest, self.functions), session_id, reason, new_id(), set())

    async def ask_to_end(
        self, session_ids: Collection[str], reason: EndReason, row: Callable[[SessionRecord], NewRow]
    ) -> list[SessionRecord]:
        event_id = once_each(lambda _: new_id())
        work = partial(ask_to_end, self.functions)
        return await self.transactions.write(work, session_ids, reason, once_each(row), event_id, set())

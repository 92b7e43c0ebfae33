"""Units of work in any storage: repositories, whose methods are functions of a transaction, and the block of a run, which is one transaction."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Coroutine, Sequence
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
    InboxOutcome,
    InboxRecord,
    Lease,
    LeaseLost,
    PostRecord,
    UnfinishedRow,
    UtteranceRecord,
    VoicePlace,
)
from bot.ports.storage.transactions import (
    Pending,
    Settlement,
    Standing,
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

    async def unhurried(self, work: Callable[Concatenate[Tx_co, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """`write`, perhaps a moment later, together with what others write."""
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

    async def unhurried(self, work: Callable[Concatenate[Tx, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await _patiently(lambda: self._transactions.unhurried(work, *args, **kwargs))


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
        write: Callable[[Callable[[Tx], Sequence[Any]]], Awaitable[Sequence[Any]]],
        functions: StorageFunctions[Tx],
        lease: Lease,
        outbox_grew: Callable[[], None],
        written: Callable[[], None],
    ) -> None:
        self._write = write
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
            for (_, pending), value in zip(self._noted, await self._write(self._run), strict=True):
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

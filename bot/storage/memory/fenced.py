"""What a run writes, as one transaction that begins with the fence."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar

from bot.domain.cards import Opened
from bot.domain.conversations import MessageRef
from bot.domain.messages import Suggestion
from bot.domain.sessions import EndReason, SessionSpec, SessionStatus
from bot.ports.storage.fenced import FencedWrites, Pending, Settlement, Standing
from bot.ports.storage.records import (
    InboxOutcome,
    InboxRecord,
    Lease,
    LeaseLost,
    PostRecord,
    UnfinishedRow,
    UtteranceRecord,
)
from bot.storage.memory import inbox, provider_sessions, sessions, transcripts
from bot.storage.memory.transaction import Transaction, Transactions

P = ParamSpec("P")
T = TypeVar("T")


@asynccontextmanager
async def fenced(transactions: Transactions, lease: Lease) -> AsyncIterator[FencedWrites]:
    """Raises `LeaseLost` and `StoreUnavailable` when the block is left, with nothing written."""
    writes = MemoryFencedWrites(lease)
    yield writes
    await writes.execute(transactions)


class MemoryFencedWrites:
    """Notes what is called, and executes all of it at once."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._noted: list[tuple[Callable[[Transaction], Any], Pending[Any]]] = []

    async def execute(self, transactions: Transactions) -> None:
        if self._noted:
            values = await transactions.run(self._run)
            for (_, pending), value in zip(self._noted, values, strict=True):
                pending.settle(value)

    def _run(self, tx: Transaction) -> list[Any]:
        if not sessions.holds(tx, self._lease):
            raise LeaseLost(self._lease)
        return [work(tx) for work, _ in self._noted]

    def _note(self, work: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs) -> Pending[T]:
        pending: Pending[T] = Pending()
        self._noted.append((lambda tx: work(tx, *args, **kwargs), pending))
        return pending

    def _change(self, **values: object) -> None:
        self._note(_change, self._lease, values)

    # ------------------------------------------------------------ the session

    def become(self, status: SessionStatus, reason: EndReason | None = None) -> None:
        live = {"attempts": 0} if status is SessionStatus.LIVE else {}
        ending = {"end_reason": reason} if reason else {}
        self._change(status=status, **live, **ending)

    def end(self, reason: EndReason) -> None:
        self._note(_end, self._lease, reason)

    def rest(self) -> Pending[SessionStatus]:
        return self._note(_rest, self._lease)

    def respecify(self, spec: SessionSpec) -> None:
        self._change(spec=spec)

    def open_thread(self, opened: Opened) -> None:
        self._note(_open_thread, self._lease, opened)

    def move_card(self, card: MessageRef) -> None:
        self._change(card=card)

    def charge(self, payer_id: str) -> None:
        self._change(payer_id=payer_id)

    # ------------------------------------------------------------ the inbox

    def settle(self, decide: Callable[[Sequence[UnfinishedRow]], Settlement]) -> Pending[Settlement]:
        return self._note(_settle, self._lease.session_id, decide)

    def claim_turn(self, row: InboxRecord, provider_row: str, text: str) -> Pending[bool]:
        return self._note(inbox.claim_turn, row, provider_row, text)

    def finish(
        self, row_id: str, outcome: InboxOutcome, sentence: str = "", suggestions: Sequence[Suggestion] = ()
    ) -> None:
        self._note(inbox.finish, row_id, outcome, sentence, suggestions)

    # ------------------------------------------------------------ at the provider

    def intend(self, row_id: str, minutes: Callable[[Standing], int]) -> Pending[int]:
        return self._note(provider_sessions.intend, self._lease.session_id, row_id, minutes)

    def abandon(self, row_id: str) -> None:
        self._note(provider_sessions.closed, row_id)

    def lost(self, row_id: str) -> None:
        self._note(provider_sessions.lost, row_id)

    def closing(self, row_id: str) -> None:
        self._note(provider_sessions.closing, row_id)

    # ------------------------------------------------------------ the transcript

    def save(self, utterance: UtteranceRecord) -> None:
        self._note(transcripts.save, self._lease.session_id, utterance)

    def shown(self, utterance_id: str) -> None:
        self._note(transcripts.shown, utterance_id)

    def intend_post(self, post: PostRecord) -> None:
        self._note(transcripts.intend_post, self._lease.session_id, post)


def _change(tx: Transaction, lease: Lease, values: Mapping[str, object]) -> None:
    sessions.change(tx, lease.session_id, **values)


def _end(tx: Transaction, lease: Lease, reason: EndReason) -> None:
    ended = SessionStatus.ENDED
    sessions.change(tx, lease.session_id, status=ended, end_reason=reason, ended_at=tx.now, reserved_s=0)


def _rest(tx: Transaction, lease: Lease) -> SessionStatus:
    waits = inbox.unfinished(tx, lease.session_id)
    status = SessionStatus.STARTING if waits else SessionStatus.SLEEPING
    slept_at = None if waits else tx.now
    sessions.change(tx, lease.session_id, status=status, end_reason=None, slept_at=slept_at, reserved_s=0, attempts=0)
    return status


def _open_thread(tx: Transaction, lease: Lease, opened: Opened) -> None:
    """It is in the channel of its session."""
    session = sessions.get(tx, lease.session_id)
    assert session is not None
    thread = session.place.in_thread(opened.thread.thread_id)
    sessions.change(tx, lease.session_id, thread=thread, card=opened.card)


def _settle(tx: Transaction, session_id: str, decide: Callable[[Sequence[UnfinishedRow]], Settlement]) -> Settlement:
    settlement = decide(inbox.unfinished(tx, session_id))
    inbox.add(tx, settlement.added)
    inbox.conclude(tx, settlement.conclusions)
    return settlement

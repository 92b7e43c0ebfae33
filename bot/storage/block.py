"""The block in which a run's writes are noted, in any storage: one transaction that begins with the fence."""

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar

from bot.domain.cards import Opened
from bot.domain.conversations import MessageRef
from bot.domain.messages import Suggestion
from bot.domain.sessions import EndReason, SessionSpec, SessionStatus
from bot.ports.storage.fenced import Pending, Settlement, Standing
from bot.ports.storage.records import (
    InboxOutcome,
    InboxRecord,
    Lease,
    LeaseLost,
    PostRecord,
    UnfinishedRow,
    UtteranceRecord,
)
from bot.storage.functions import StorageFunctions
from bot.storage.repository import Transactions, Tx

P = ParamSpec("P")
T = TypeVar("T")


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
        if not self._functions.held.holds(tx, self._lease):
            raise LeaseLost(self._lease)
        return [work(tx) for work, _ in self._noted]

    def _note(self, work: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> Pending[T]:
        pending: Pending[T] = Pending()
        self._noted.append((lambda tx: work(tx, *args, **kwargs), pending))
        return pending

    # ------------------------------------------------------------ the session

    def _change(self, **fields: object) -> None:
        self._note(self._functions.held.change, self._lease, **fields)

    def become(self, status: SessionStatus, reason: EndReason | None = None) -> None:
        live = {"attempts": 0} if status is SessionStatus.LIVE else {}
        ending = {"end_reason": reason} if reason else {}
        self._change(status=status, **live, **ending)

    def end(self, reason: EndReason) -> None:
        self._note(self._end, reason)

    def _end(self, tx: Tx, reason: EndReason) -> None:
        ended = SessionStatus.ENDED
        self._functions.held.change(tx, self._lease, status=ended, end_reason=reason, ended_at=tx.now, reserved_s=0)

    def rest(self) -> Pending[SessionStatus]:
        return self._note(self._rest)

    def _rest(self, tx: Tx) -> SessionStatus:
        waits = self._functions.inbox.unfinished(tx, self._lease.session_id)
        status = SessionStatus.STARTING if waits else SessionStatus.SLEEPING
        slept_at = None if waits else tx.now
        fields = {"status": status, "end_reason": None, "slept_at": slept_at, "reserved_s": 0, "attempts": 0}
        self._functions.held.change(tx, self._lease, **fields)
        return status

    def respecify(self, spec: SessionSpec) -> None:
        self._change(spec=spec)

    def open_thread(self, opened: Opened) -> None:
        self._note(self._functions.held.open_thread, self._lease, opened)

    def move_card(self, card: MessageRef) -> None:
        self._note(self._functions.held.move_card, self._lease, card)

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

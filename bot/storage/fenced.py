"""What a run writes, as one transaction that begins with the fence."""

from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import select, update

from bot.domain.cards import Opened
from bot.domain.conversations import MessageRef
from bot.domain.identity import new_id
from bot.domain.messages import Suggestion
from bot.domain.sessions import EndReason, SessionSpec, SessionStatus
from bot.ports.storage.fenced import Pending, Settlement, Standing
from bot.ports.storage.records import (
    InboxOutcome,
    InboxRecord,
    Lease,
    PostRecord,
    UnfinishedRow,
    UtteranceRecord,
)
from bot.storage import inbox, provider_sessions, transcripts
from bot.storage.block import Block
from bot.storage.encryption import encrypt
from bot.storage.filters import HELD, holding
from bot.storage.prepared import Prepared
from bot.storage.tables import sessions
from bot.storage.transaction import Transaction, Transactions

_FENCE = Prepared(select(sessions.c.id).where(HELD).with_for_update())
_CHANGE = Prepared(update(sessions).where(HELD))


class SqlFencedWrites(Block[Transaction]):
    """What a run writes."""

    def __init__(self, transactions: Transactions, lease: Lease) -> None:
        super().__init__(lease, transactions.write, _holds)

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
        self._note(_respecify, self._lease, spec)

    def open_thread(self, opened: Opened) -> None:
        self.move_card(opened.card)
        self._change(talk_thread_id=opened.thread.thread_id)

    def move_card(self, card: MessageRef) -> None:
        self._change(card_message_id=card.message_id, card_thread_id=card.place.thread_id)

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

    def posted(self, source_id: str, part: int, message_id: str) -> None:
        self._note(transcripts.posted, source_id, part, message_id)

    def intend_post(self, post: PostRecord) -> None:
        self._note(transcripts.intend_post, self._lease.session_id, new_id(), post)


def _holds(tx: Transaction, lease: Lease) -> bool:
    return bool(_FENCE.rows(tx, **holding(lease)))


def _change(tx: Transaction, lease: Lease, values: Mapping[str, object]) -> None:
    _CHANGE.run(tx, **holding(lease), **values)


def _end(tx: Transaction, lease: Lease, reason: EndReason) -> None:
    _change(tx, lease, {"status": SessionStatus.ENDED, "end_reason": reason, "ended_at": tx.now, "reserved_s": 0})


def _rest(tx: Transaction, lease: Lease) -> SessionStatus:
    waits = inbox.unfinished(tx, lease.session_id)
    status = SessionStatus.STARTING if waits else SessionStatus.SLEEPING
    slept_at = None if waits else tx.now
    values = {"status": status, "end_reason": "", "slept_at": slept_at, "reserved_s": 0, "attempts": 0}
    _change(tx, lease, values)
    return status


def _respecify(tx: Transaction, lease: Lease, spec: SessionSpec) -> None:
    _change(tx, lease, {"spec": encrypt(tx.cipher, spec)})


def _settle(tx: Transaction, session_id: str, decide: Callable[[Sequence[UnfinishedRow]], Settlement]) -> Settlement:
    settlement = decide(inbox.unfinished(tx, session_id))
    inbox.add(tx, settlement.added)
    inbox.conclude(tx, settlement.conclusions)
    return settlement


def release(tx: Transaction, lease: Lease) -> None:
    _change(tx, lease, {"worker_id": ""})

"""What a run writes, as one transaction that begins with the fence."""

from collections.abc import Callable, Mapping, Sequence

from bot.domain.cards import Opened
from bot.domain.conversations import MessageRef
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
from bot.storage.block import Block
from bot.storage.memory import inbox, provider_sessions, sessions, transcripts
from bot.storage.memory.transaction import Transaction, Transactions


class MemoryFencedWrites(Block[Transaction]):
    """What a run writes."""

    def __init__(self, transactions: Transactions, lease: Lease) -> None:
        super().__init__(lease, transactions.run, sessions.holds)

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
        self._note(_move_card, self._lease, card)

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
    _move_card(tx, lease, opened.card)
    session = sessions.get(tx, lease.session_id)
    assert session is not None
    sessions.change(tx, lease.session_id, thread=session.place.in_thread(opened.thread.thread_id))


def _move_card(tx: Transaction, lease: Lease, card: MessageRef) -> None:
    """It stays in the channel of its session."""
    session = sessions.get(tx, lease.session_id)
    assert session is not None
    here = MessageRef(session.place.in_thread(card.place.thread_id), card.message_id)
    sessions.change(tx, lease.session_id, card=here, thread=session.thread or session.place.channel)


def _settle(tx: Transaction, session_id: str, decide: Callable[[Sequence[UnfinishedRow]], Settlement]) -> Settlement:
    settlement = decide(inbox.unfinished(tx, session_id))
    inbox.add(tx, settlement.added)
    inbox.conclude(tx, settlement.conclusions)
    return settlement

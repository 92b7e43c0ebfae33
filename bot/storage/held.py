"""The row of a session that a lease holds."""

from sqlalchemy import select, update

from bot.domain.cards import Opened
from bot.domain.conversations import MessageRef
from bot.ports.storage.records import Lease
from bot.storage.encryption import encrypt
from bot.storage.filters import HELD, holding
from bot.storage.prepared import Prepared
from bot.storage.tables import sessions
from bot.storage.transaction import SqlTransaction

_FENCE = Prepared(select(sessions.c.id).where(HELD).with_for_update())
_CHANGE = Prepared(update(sessions).where(HELD))


def holds(tx: SqlTransaction, lease: Lease) -> bool:
    return bool(_FENCE.rows(tx, **holding(lease)))


def change(tx: SqlTransaction, lease: Lease, /, **fields: object) -> None:
    if "spec" in fields:
        fields["spec"] = encrypt(tx.cipher, fields["spec"])
    if "end_reason" in fields:
        fields["end_reason"] = fields["end_reason"] or ""
    _CHANGE.run(tx, **holding(lease), **fields)


def open_thread(tx: SqlTransaction, lease: Lease, opened: Opened) -> None:
    move_card(tx, lease, opened.card)
    _CHANGE.run(tx, **holding(lease), talk_thread_id=opened.thread.thread_id)


def move_card(tx: SqlTransaction, lease: Lease, card: MessageRef) -> None:
    _CHANGE.run(tx, **holding(lease), card_message_id=card.message_id, card_thread_id=card.place.thread_id)


def release(tx: SqlTransaction, lease: Lease) -> None:
    change(tx, lease, worker_id="")

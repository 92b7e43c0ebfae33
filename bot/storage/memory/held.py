"""The row of a session that a lease holds."""

from bot.domain.cards import Opened
from bot.domain.conversations import MessageRef
from bot.ports.storage.records import Lease
from bot.storage.memory import sessions
from bot.storage.memory.transaction import MemoryTransaction


def holds(tx: MemoryTransaction, lease: Lease) -> bool:
    session = sessions.get(tx, lease.session_id)
    return session is not None and (session.worker_id, session.epoch) == (lease.worker_id, lease.epoch)


def change(tx: MemoryTransaction, lease: Lease, /, **fields: object) -> None:
    if holds(tx, lease):
        sessions.change(tx, lease.session_id, **fields)


def open_thread(tx: MemoryTransaction, lease: Lease, opened: Opened) -> None:
    move_card(tx, lease, opened.card)
    session = sessions.get(tx, lease.session_id)
    assert session is not None
    change(tx, lease, thread=session.place.in_thread(opened.thread.thread_id))


def move_card(tx: MemoryTransaction, lease: Lease, card: MessageRef) -> None:
    """It stays in the channel of its session."""
    session = sessions.get(tx, lease.session_id)
    assert session is not None
    here = MessageRef(session.place.in_thread(card.place.thread_id), card.message_id)
    change(tx, lease, card=here, thread=session.thread or session.place.channel)


def release(tx: MemoryTransaction, lease: Lease) -> None:
    change(tx, lease, worker_id="")

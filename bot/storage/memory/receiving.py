"""Which gateway receives which shards of a platform, and where something may have been missed."""

from collections.abc import Mapping

from bot.domain.conversations import ConversationRef
from bot.ports.processes import HeldShards
from bot.ports.storage.records import SessionRecord
from bot.process_roles import ProcessRole
from bot.storage.memory.sessions import everywhere
from bot.storage.memory.transaction import MemoryTransaction
from bot.storage.shards import shared_out


def others_receive(tx: MemoryTransaction, worker_id: str) -> bool:
    return bool(_gateways(tx) - {worker_id})


def hold_shards(tx: MemoryTransaction, worker_id: str, platform: str, count: int) -> HeldShards:
    living = _gateways(tx) | {worker_id}
    holders = tx.data.shards.get(platform) or {}
    if len(holders) != count and not living.intersection(holders.values()):
        holders = dict.fromkeys(range(count), "")
    out = shared_out(holders, worker_id, living)
    changed = {**dict.fromkeys(out.taken, worker_id), **dict.fromkeys(out.given, "")}
    tx.data.shards.put(platform, {**holders, **changed})
    return HeldShards(len(holders), out.numbers)


def talks(tx: MemoryTransaction, platform: str) -> Mapping[ConversationRef, str]:
    there = [session for session in everywhere(tx) if session.place.platform == platform and session.card]
    return {session.talk: _last(tx, session) for session in there}


def _last(tx: MemoryTransaction, session: SessionRecord) -> str:
    rows = (row.record for row in tx.data.inbox if row.record.session_id == session.id)
    there = [row for row in rows if row.place == session.talk and row.message]
    last = max(there, key=lambda row: row.sequence, default=None)
    if last and last.message:
        return last.message.message_id
    return session.talk.thread_id or (session.card.message_id if session.card else "")


def _gateways(tx: MemoryTransaction) -> frozenset[str]:
    living = [worker for worker in tx.data.workers if worker.alive(tx.now)]
    return frozenset(worker.id for worker in living if ProcessRole.GATEWAY in worker.profile.roles)

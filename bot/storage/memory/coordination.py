"""What several processes agree on: each a row that one of them has until it runs out, and the shards that each gateway receives."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.domain.conversations import ConversationRef
from bot.ports.processes import HeldShards
from bot.ports.storage.coordination import Reading, SharedList
from bot.ports.storage.records import SessionRecord
from bot.process_roles import ProcessRole
from bot.storage.memory.rows import HeldRow, ListRow, MemoryTransaction
from bot.storage.memory.sessions import everywhere
from bot.storage.memory.workers import spared
from bot.storage.shares import shared_out

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOBODY = ""
"""Who answers what was answered."""

KEPT = timedelta(days=1)
"""After which a budget that nobody uses has no row."""


def first_to_answer(tx: MemoryTransaction, place: ConversationRef, event_id: str, by: str, *, lasts: timedelta) -> bool:
    return _mark(tx, place, event_id, by, holder=by, lasts=lasts)


def answered(tx: MemoryTransaction, place: ConversationRef, event_id: str, by: str, *, lasts: timedelta) -> None:
    _mark(tx, place, event_id, by, holder=NOBODY, lasts=lasts)


def _mark(
    tx: MemoryTransaction, place: ConversationRef, event_id: str, by: str, *, holder: str, lasts: timedelta
) -> bool:
    key = (place.platform, place.workspace_id, event_id)
    row = tx.data.seen.get(key)
    if row and row.until > tx.now and row.holder != by:
        return False
    tx.data.seen.put(key, HeldRow(holder, tx.now + lasts))
    return True


def hold(tx: MemoryTransaction, job: str, holder: str, *, lasts: timedelta) -> bool:
    row = tx.data.jobs.get(job)
    if row and row.until > tx.now and row.holder != holder:
        return False
    tx.data.jobs.put(job, HeldRow(holder, tx.now + lasts))
    return True


def let_go(tx: MemoryTransaction, holder: str) -> None:
    for job, row in tx.data.jobs.items():
        if row.holder == holder:
            tx.data.jobs.delete(job)


def reserve(tx: MemoryTransaction, key: str, *, calls: int, interval: timedelta, burst: int) -> timedelta:
    saved = tx.now - interval * (burst - 1)
    due = max(tx.data.budgets.get(key) or saved, saved)
    tx.data.budgets.put(key, due + interval * calls)
    return due - tx.now


def pause(tx: MemoryTransaction, key: str, *, lasts: timedelta) -> None:
    until = tx.now + lasts
    tx.data.budgets.put(key, max(tx.data.budgets.get(key) or until, until))


def paused(tx: MemoryTransaction, key: str) -> timedelta:
    return max(timedelta(), (tx.data.budgets.get(key) or tx.now) - tx.now)


def read(tx: MemoryTransaction, kind: str, reader: str, *, fresh_for: timedelta, lasts: timedelta) -> Reading:
    row = tx.data.offers.get(kind) or ListRow()
    stale = row.read_at is None or row.read_at + fresh_for <= tx.now
    free = row.reading_until is None or row.reading_until <= tx.now or row.read_by == reader
    if stale and free:
        tx.data.offers.put(kind, replace(row, read_by=reader, reading_until=tx.now + lasts))
    known = SharedList(row.rows, tx.now - row.read_at) if row.read_at else None
    return Reading(known, stale and free)


def write(tx: MemoryTransaction, kind: str, reader: str, rows: str) -> None:
    row = tx.data.offers.get(kind)
    if row and row.read_by == reader:
        tx.data.offers.put(kind, ListRow(rows, tx.now))


def expire(tx: MemoryTransaction, kind: str) -> None:
    """As if it had been read long ago."""
    if row := tx.data.offers.get(kind):
        tx.data.offers.put(kind, ListRow(row.rows, EPOCH if row.read_at else None))


def forget_passed(tx: MemoryTransaction) -> int:
    old = [key for key, row in tx.data.seen.items() if row.until <= tx.now]
    unused = [key for key, due in tx.data.budgets.items() if due + KEPT <= tx.now]
    for event in old:
        tx.data.seen.delete(event)
    for key in unused:
        tx.data.budgets.delete(key)
    return len(old) + len(unused)


# ---------------------------------------------------------------- receiving


def others_receive(tx: MemoryTransaction, worker_id: str) -> bool:
    return bool(_gateways(tx) - {worker_id})


def hold_shards(tx: MemoryTransaction, worker_id: str, platform: str, count: int) -> HeldShards:
    living, left = _gateways(tx) | {worker_id}, spared(tx, worker_id)
    holders = tx.data.shards.get(platform) or {}
    if len(holders) != count and not (living | left).intersection(holders.values()):
        holders = dict.fromkeys(range(count), "")
    out = shared_out(holders, worker_id, living, left)
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

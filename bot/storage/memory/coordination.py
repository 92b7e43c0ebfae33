"""What several processes agree on: each a row that one of them has until it runs out."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.domain.conversations import ConversationRef
from bot.ports.storage.coordination import Reading, SharedList
from bot.storage.memory.rows import HeldRow, ListRow
from bot.storage.memory.transaction import MemoryTransaction

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

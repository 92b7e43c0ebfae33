"""What is open, or meant to be open, at the provider."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from bot.domain.api_tokens import allowed_minutes
from bot.domain.sessions import SessionStatus
from bot.ports.room import RoomCredentials
from bot.ports.storage.records import ProviderSessionRecord, ProviderSessionStatus
from bot.ports.storage.transactions import Standing
from bot.storage.memory import accounting, sessions, tokens, workspaces
from bot.storage.memory.rows import MemoryTransaction, ProviderSessionRow

INTENT, OPEN, CLOSING, CLOSED, LOST = ProviderSessionStatus


def unclosed(tx: MemoryTransaction, session_id: str) -> list[ProviderSessionRecord]:
    here = [row.record for row in tx.data.provider_sessions if row.record.session_id == session_id]
    return _in_order(row for row in here if row.status is INTENT or row.status.running)


def leftovers(tx: MemoryTransaction, create_takes: timedelta, close_takes: timedelta) -> list[ProviderSessionRecord]:
    return _in_order(
        row.record
        for row in tx.data.provider_sessions
        if _left_over(tx, row, create_takes)
        or (row.record.status is CLOSING and row.closing_at and row.closing_at <= tx.now - close_takes)
    )


def _left_over(tx: MemoryTransaction, row: ProviderSessionRow, create_takes: timedelta) -> bool:
    session = sessions.get(tx, row.record.session_id)
    if session is None or session.status is not SessionStatus.ENDED:
        return False
    return row.record.status.running or (row.record.status is INTENT and not _under_way(tx, row, create_takes))


def running(tx: MemoryTransaction, create_takes: timedelta) -> tuple[frozenset[str], int]:
    rows = list(tx.data.provider_sessions)
    known = frozenset(row.record.provider_id for row in rows if row.record.status.running)
    return known, sum(row.record.status is INTENT and _under_way(tx, row, create_takes) for row in rows)


def _under_way(tx: MemoryTransaction, row: ProviderSessionRow, create_takes: timedelta) -> bool:
    """What was intended later than now was begun before the clock was set back."""
    return tx.now - create_takes <= row.record.intended_at <= tx.now


def _in_order(rows: Iterable[ProviderSessionRecord]) -> list[ProviderSessionRecord]:
    return sorted(rows, key=lambda row: (row.intended_at, row.id))


def unsettled(tx: MemoryTransaction) -> list[ProviderSessionRecord]:
    rows = (row.record for row in tx.data.provider_sessions)
    return _in_order(row for row in rows if row.status is LOST and row.may_run(tx.now))


# ---------------------------------------------------------------- writing


def intend(
    tx: MemoryTransaction, session_id: str, row_id: str, minutes: Callable[[Standing], int], account: str = ""
) -> int:
    if row := tx.data.provider_sessions.get(row_id):
        return row.record.duration_s // 60
    session = sessions.get(tx, session_id)
    assert session is not None
    said = workspaces.allowed(tx, session.place.platform, session.place.workspace_id)
    use = accounting.of_person(tx, session.place, session.payer_id)
    allowed = allowed_minutes(session.payer_id, tokens.of_person(tx, session.payer_id), tx.now)
    bought = minutes(Standing(session.reserved_s, use, said, allowed))
    sessions.update(tx, session_id, reserved_s=0)
    record = ProviderSessionRecord(row_id, session_id, "", INTENT, None, bought * 60, tx.now, None, account)
    tx.data.provider_sessions.add(row_id, ProviderSessionRow(record, session.payer_id))
    return bought


def opened(
    tx: MemoryTransaction,
    row_id: str,
    provider_id: str,
    credentials: RoomCredentials,
    ago: timedelta = timedelta(),
    *,
    closing_ago: timedelta | None = None,
) -> None:
    """Once: what is being closed, or is closed, stays so."""
    row = tx.data.provider_sessions.get(row_id)
    assert row is not None
    if row.record.provider_id != provider_id:
        opened = _come(row, provider_id, tx.now - ago, OPEN)
        record = replace(opened.record, credentials=credentials, account=credentials.account)
        _put(tx, replace(opened, record=record, closed_at=None))
    if closing_ago is not None:
        closing(tx, row_id, closing_ago)


def found(tx: MemoryTransaction, row_id: str, provider_id: str) -> None:
    row = tx.data.provider_sessions.get(row_id)
    if row and row.record.status is LOST:
        since = row.record.intended_at
        ended = replace(_come(row, provider_id, since, CLOSING), closed_at=None, wanted_until=since, closing_at=tx.now)
        _put(tx, ended)


def _come(
    row: ProviderSessionRow, provider_id: str, since: datetime, status: ProviderSessionStatus
) -> ProviderSessionRow:
    expires_at = since + timedelta(seconds=row.record.duration_s)
    record = replace(row.record, provider_id=provider_id, expires_at=expires_at, status=status)
    return replace(row, record=record, opened_at=since)


def closing(tx: MemoryTransaction, row_id: str, ago: timedelta = timedelta()) -> None:
    """The first time ends its use; the last is when it ended, if it did."""
    row = tx.data.provider_sessions.get(row_id)
    if row and row.record.status is not CLOSED:
        record = replace(row.record, status=CLOSING)
        asked_at = tx.now - ago
        _put(tx, replace(row, record=record, wanted_until=row.wanted_until or asked_at, closing_at=asked_at))


def closed(tx: MemoryTransaction, row_id: str) -> None:
    row = tx.data.provider_sessions.get(row_id)
    if row and row.record.status is not CLOSED:
        _over(tx, row, CLOSED, row.closing_at)


def expired(tx: MemoryTransaction, row_id: str) -> None:
    row = tx.data.provider_sessions.get(row_id)
    if row and row.record.status is not CLOSED:
        _over(tx, row, CLOSED)


def abandoned(tx: MemoryTransaction, row_id: str) -> None:
    if row := _in_state(tx, row_id, INTENT):
        _over(tx, row, CLOSED)


def refuted(tx: MemoryTransaction, row_id: str) -> None:
    if row := _in_state(tx, row_id, LOST):
        _over(tx, row, CLOSED)


def ran_at_most(tx: MemoryTransaction, row_id: str, seconds: int) -> None:
    if row := _in_state(tx, row_id, LOST):
        _put(tx, replace(row, record=replace(row.record, duration_s=min(seconds, row.record.duration_s))))


def lost(tx: MemoryTransaction, row_id: str) -> None:
    if row := _in_state(tx, row_id, INTENT):
        _over(tx, row, LOST)


def orphaned(tx: MemoryTransaction, row_id: str) -> None:
    if row := _in_state(tx, row_id, INTENT):
        ends = row.record.intended_at + timedelta(seconds=row.record.duration_s)
        _over(tx, replace(row, record=replace(row.record, expires_at=ends)), LOST)


def _in_state(tx: MemoryTransaction, row_id: str, status: ProviderSessionStatus) -> ProviderSessionRow | None:
    row = tx.data.provider_sessions.get(row_id)
    return row if row and row.record.status is status else None


def _over(
    tx: MemoryTransaction, row: ProviderSessionRow, status: ProviderSessionStatus, at: datetime | None = None
) -> None:
    record = replace(row.record, status=status, credentials=None)
    _put(tx, replace(row, record=record, closed_at=at or tx.now))


def _put(tx: MemoryTransaction, row: ProviderSessionRow) -> None:
    tx.data.provider_sessions.put(row.record.id, row)
    accounting.book(tx, row.record.id)

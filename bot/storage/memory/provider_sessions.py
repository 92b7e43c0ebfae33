"""What is open, or meant to be open, at the provider."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta

from bot.domain.api_tokens import allowed_minutes
from bot.domain.sessions import SessionStatus
from bot.ports.room import RoomCredentials
from bot.ports.storage.records import ProviderSessionRecord, ProviderSessionStatus
from bot.ports.storage.transactions import Standing
from bot.storage.memory import sessions, tokens, usage, workspaces
from bot.storage.memory.rows import ProviderSessionRow
from bot.storage.memory.transaction import MemoryTransaction

INTENT, OPEN, CLOSING, CLOSED, LOST = ProviderSessionStatus


def unclosed(tx: MemoryTransaction, session_id: str) -> list[ProviderSessionRecord]:
    here = [row.record for row in tx.data.provider_sessions if row.record.session_id == session_id]
    return _in_order(row for row in here if row.status is INTENT or row.status.running)


def leftovers(tx: MemoryTransaction, create_takes: timedelta) -> list[ProviderSessionRecord]:
    return _in_order(
        row.record
        for row in tx.data.provider_sessions
        if (session := sessions.get(tx, row.record.session_id))
        and session.status is SessionStatus.ENDED
        and (row.record.status.running or (row.record.status is INTENT and not _under_way(tx, row, create_takes)))
    )


def running(tx: MemoryTransaction, create_takes: timedelta) -> tuple[frozenset[str], int]:
    rows = list(tx.data.provider_sessions)
    known = frozenset(row.record.provider_id for row in rows if row.record.status.running)
    return known, sum(row.record.status is INTENT and _under_way(tx, row, create_takes) for row in rows)


def _under_way(tx: MemoryTransaction, row: ProviderSessionRow, create_takes: timedelta) -> bool:
    """What was intended later than now was begun before the clock was set back."""
    return tx.now - create_takes <= row.record.intended_at <= tx.now


def _in_order(rows: Iterable[ProviderSessionRecord]) -> list[ProviderSessionRecord]:
    return sorted(rows, key=lambda row: (row.intended_at, row.id))


# ---------------------------------------------------------------- writing


def intend(tx: MemoryTransaction, session_id: str, row_id: str, minutes: Callable[[Standing], int]) -> int:
    if row := tx.data.provider_sessions.get(row_id):
        return row.record.duration_s // 60
    session = sessions.get(tx, session_id)
    assert session is not None
    said = workspaces.allowed(tx, session.place.platform, session.place.workspace_id)
    use = usage.of_person(tx, session.place, session.payer_id)
    allowed = allowed_minutes(session.payer_id, tokens.of_person(tx, session.payer_id), tx.now)
    bought = minutes(Standing(session.reserved_s, use, said, allowed))
    sessions.update(tx, session_id, reserved_s=0)
    record = ProviderSessionRecord(row_id, session_id, "", INTENT, None, bought * 60, tx.now, None)
    tx.data.provider_sessions.add(row_id, ProviderSessionRow(record, session.payer_id))
    return bought


def opened(tx: MemoryTransaction, row_id: str, provider_id: str, credentials: RoomCredentials) -> None:
    row = tx.data.provider_sessions.get(row_id)
    assert row is not None
    expires_at = tx.now + timedelta(seconds=row.record.duration_s)
    record = replace(row.record, provider_id=provider_id, status=OPEN, credentials=credentials, expires_at=expires_at)
    tx.data.provider_sessions.put(row_id, replace(row, record=record, opened_at=tx.now))


def closing(tx: MemoryTransaction, row_id: str) -> None:
    if row := tx.data.provider_sessions.get(row_id):
        tx.data.provider_sessions.put(row_id, replace(row, record=replace(row.record, status=CLOSING)))


def closed(tx: MemoryTransaction, row_id: str) -> None:
    _over(tx, row_id, CLOSED)


def abandoned(tx: MemoryTransaction, row_id: str) -> None:
    if _is_intended(tx, row_id):
        _over(tx, row_id, CLOSED)


def lost(tx: MemoryTransaction, row_id: str) -> None:
    if _is_intended(tx, row_id):
        _over(tx, row_id, LOST)


def _is_intended(tx: MemoryTransaction, row_id: str) -> bool:
    row = tx.data.provider_sessions.get(row_id)
    return row is not None and row.record.status is INTENT


def _over(tx: MemoryTransaction, row_id: str, status: ProviderSessionStatus) -> None:
    if row := tx.data.provider_sessions.get(row_id):
        record = replace(row.record, status=status, credentials=None)
        tx.data.provider_sessions.put(row_id, replace(row, record=record, closed_at=tx.now))

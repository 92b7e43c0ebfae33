"""Provider sessions as they are counted, and the ledger of what was paid for them, written by `book` and never otherwise."""

from collections.abc import Collection
from datetime import datetime, timedelta

from bot.domain.conversations import ConversationRef
from bot.domain.ledger import CreditReading, LedgerLine, lines, outstanding
from bot.domain.provider import Use, UsedMinutes, day_of
from bot.domain.sessions import SessionStatus
from bot.ports.storage.records import SessionRecord
from bot.ports.storage.transactions import PersonKey, WorkspaceKey
from bot.storage.memory.rows import LedgerRow, MemoryTransaction, ProviderSessionRow


def of_person(tx: MemoryTransaction, place: ConversationRef, person_id: str) -> Use:
    """Sessions that run, or are about to, have set aside what no provider session has yet."""
    today, workspace = day_of(tx.now), (place.platform, place.workspace_id)
    running = (s for s in tx.data.sessions if s.status is not SessionStatus.ENDED and _workspace(s) == workspace)
    reserved = sum(session.reserved_s for session in running if session.payer_id == person_id)
    bought = (row for row in _bought(tx, workspace) if row.payer_id == person_id)
    counted = (row.purchase.counted(tx.now) for row in bought if row.record.intended_at >= today)
    return sum(counted, Use(held=float(reserved)))


def of_people(tx: MemoryTransaction, payers: Collection[tuple[ConversationRef, str]]) -> dict[PersonKey, Use]:
    return {(place.platform, place.workspace_id, person): of_person(tx, place, person) for place, person in payers}


def lock_budgets(tx: MemoryTransaction, keys: Collection[WorkspaceKey], *, wait: bool = True) -> None:
    """There is one transaction at a time."""


def lock_budget_of(tx: MemoryTransaction, session_id: str) -> None:
    """There is one transaction at a time."""


def of_session(tx: MemoryTransaction, session_id: str) -> Use:
    rows = (row for row in tx.data.provider_sessions if row.record.session_id == session_id)
    return sum((row.purchase.counted(tx.now) for row in rows), Use())


def minutes(tx: MemoryTransaction, platform: str, workspace_id: str, since: datetime) -> list[UsedMinutes]:
    rows = [row for row in _bought(tx, (platform, workspace_id)) if row.record.intended_at >= since]
    rows.sort(key=lambda row: (row.record.intended_at, row.record.id))
    return [
        UsedMinutes(row.record.intended_at.date(), session.place.channel_id, session.spec.avatar_name, used / 60)
        for row in rows
        if (session := tx.data.sessions.get(row.record.session_id)) and (used := row.purchase.counted(tx.now).used)
    ]


def _bought(tx: MemoryTransaction, workspace: WorkspaceKey) -> list[ProviderSessionRow]:
    return [
        row
        for row in tx.data.provider_sessions
        if (session := tx.data.sessions.get(row.record.session_id)) and _workspace(session) == workspace
    ]


def _workspace(session: SessionRecord) -> WorkspaceKey:
    return session.place.platform, session.place.workspace_id


# ---------------------------------------------------------------- the ledger


def book(tx: MemoryTransaction, row_id: str) -> None:
    """Write what is missing of a provider session's entries."""
    row = tx.data.provider_sessions.get(row_id)
    session = tx.data.sessions.get(row.record.session_id) if row else None
    if row is None or session is None:
        return
    booked = [entry.transfer for (purchase_id, _), entry in tx.data.ledger.items() if purchase_id == row_id]
    workspace = session.place.platform, session.place.workspace_id
    for number, transfer in enumerate(outstanding(row.purchase, booked), len(booked)):
        tx.data.ledger.keep((row_id, number), LedgerRow(tx.now, workspace, row.record.account, transfer))


def days(tx: MemoryTransaction, since: datetime, platform: str = "", workspace_id: str = "") -> list[LedgerLine]:
    return lines(
        (LedgerLine(row.at.date(), *row.workspace, row.account), row.transfer)
        for row in tx.data.ledger
        if row.at >= since and row.workspace == ((platform, workspace_id) if platform else row.workspace)
    )


def credit_since(tx: MemoryTransaction, since: datetime) -> CreditReading | None:
    later = [reading for reading in tx.data.credit_readings if reading.at >= since]
    return min(later, key=lambda reading: reading.at, default=None)


def note_credit(tx: MemoryTransaction, credit: float) -> None:
    tx.data.credit_readings.keep(tx.now.date(), CreditReading(tx.now, credit))


def forget_entries(tx: MemoryTransaction, age: timedelta) -> int:
    old = tx.now - age
    for day, reading in tx.data.credit_readings.items():
        if reading.at < old:
            tx.data.credit_readings.delete(day)
    gone = [key for key, row in tx.data.ledger.items() if row.at < old]
    for key in gone:
        tx.data.ledger.delete(key)
    return len(gone)

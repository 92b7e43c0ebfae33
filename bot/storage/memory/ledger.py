"""The ledger: written with what it records, by `book`, and never otherwise."""

from datetime import datetime, timedelta

from bot.domain.ledger import CreditReading, LedgerLine, lines, outstanding
from bot.storage.memory.rows import LedgerRow
from bot.storage.memory.transaction import MemoryTransaction


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


def forget_older(tx: MemoryTransaction, age: timedelta) -> int:
    old = tx.now - age
    for day, reading in tx.data.credit_readings.items():
        if reading.at < old:
            tx.data.credit_readings.delete(day)
    gone = [key for key, row in tx.data.ledger.items() if row.at < old]
    for key in gone:
        tx.data.ledger.delete(key)
    return len(gone)

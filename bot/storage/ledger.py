"""The ledger: written with what it records, by `book`, and never otherwise."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, delete, func, select, type_coerce
from sqlalchemy.dialects.postgresql import insert

from bot.domain.ledger import CreditReading, LedgerAccount, LedgerLine, Transfer, lines, outstanding
from bot.storage.columns import EPOCH
from bot.storage.statements import SqlTransaction, in_workspace
from bot.storage.tables import credit_readings, ledger, provider_sessions, sessions
from bot.storage.usage import purchase

MICROSECOND = timedelta(microseconds=1)
DAY = timedelta(days=1)


def book(tx: SqlTransaction, row_id: str) -> None:
    """Write what is missing of a provider session's entries. It may run twice: nothing is missing then."""
    query = (
        select(provider_sessions, sessions.c.platform, sessions.c.workspace_id)
        .join(sessions, sessions.c.id == provider_sessions.c.session_id)
        .where(provider_sessions.c.id == row_id)
    )
    row = tx.connection.execute(query).one_or_none()
    if row is None:
        return
    booked = _booked(tx, row_id)
    entries = [
        _entry(tx, row, number, transfer)
        for number, transfer in enumerate(outstanding(purchase(row), booked), len(booked))
    ]
    if entries:
        tx.connection.execute(insert(ledger).on_conflict_do_nothing(), entries)


def _booked(tx: SqlTransaction, row_id: str) -> Sequence[Transfer]:
    query = select(ledger).where(ledger.c.purchase_id == row_id).order_by(ledger.c.number)
    return [_transfer(row) for row in tx.connection.execute(query)]


def _transfer(row: Any) -> Transfer:
    return Transfer(LedgerAccount(row.source), LedgerAccount(row.target), int(row.span) * MICROSECOND)


def _entry(tx: SqlTransaction, row: Any, number: int, transfer: Transfer) -> dict[str, object]:
    return {
        "purchase_id": row.id,
        "number": number,
        "at": tx.now,
        "platform": row.platform,
        "workspace_id": row.workspace_id,
        "account": row.account,
        "source": transfer.source,
        "target": transfer.target,
        "span": transfer.span // MICROSECOND,
    }


# ---------------------------------------------------------------- reading


def days(tx: SqlTransaction, since: datetime, platform: str = "", workspace_id: str = "") -> list[LedgerLine]:
    day = (type_coerce(ledger.c.at, BigInteger) // (DAY // MICROSECOND)).label("day")
    names = (ledger.c.platform, ledger.c.workspace_id, ledger.c.account, ledger.c.source, ledger.c.target)
    query = select(day, *names, func.sum(ledger.c.span).label("span")).where(ledger.c.at >= since)
    if platform:
        query = query.where(in_workspace(ledger, platform, workspace_id))
    return lines(
        (LedgerLine((EPOCH + row.day * DAY).date(), row.platform, row.workspace_id, row.account), _transfer(row))
        for row in tx.connection.execute(query.group_by("day", *names))
    )


def credit_since(tx: SqlTransaction, since: datetime) -> CreditReading | None:
    query = select(credit_readings).where(credit_readings.c.at >= since).order_by(credit_readings.c.at).limit(1)
    row = tx.connection.execute(query).one_or_none()
    return CreditReading(row.at, row.credit) if row else None


# ---------------------------------------------------------------- writing


def note_credit(tx: SqlTransaction, credit: float) -> None:
    values = {"day": tx.now.date().isoformat(), "at": tx.now, "credit": credit}
    tx.connection.execute(insert(credit_readings).values(values).on_conflict_do_nothing())


def forget_older(tx: SqlTransaction, age: timedelta) -> int:
    old = tx.now - age
    tx.connection.execute(delete(credit_readings).where(credit_readings.c.at < old))
    return tx.connection.execute(delete(ledger).where(ledger.c.at < old)).rowcount

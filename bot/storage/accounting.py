"""Provider sessions as they are counted, and the ledger of what was paid for them, written by `book` and never otherwise.

Every query of what was used names its workspace or its session.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

from sqlalchemy import BigInteger, Select, bindparam, delete, func, select, type_coerce
from sqlalchemy.dialects.postgresql import insert

from bot.domain.conversations import ConversationRef
from bot.domain.ledger import CreditReading, LedgerAccount, LedgerLine, Transfer, lines, outstanding
from bot.domain.provider import Purchase, Use, UsedMinutes, day_of
from bot.domain.sessions import SessionStatus
from bot.ports.storage.records import ProviderSessionStatus
from bot.ports.storage.transactions import PersonKey, WorkspaceKey
from bot.storage.connections import TryAgain
from bot.storage.decoders import SPEC
from bot.storage.encryption import decrypt
from bot.storage.statements import Prepared, SqlTransaction, in_workspace, one_of
from bot.storage.tables import EPOCH, Instant, credit_readings, ledger, provider_sessions, sessions


def purchase(row: Any) -> Purchase:
    """A row of `provider_sessions`."""
    refused = row.state == ProviderSessionStatus.CLOSED
    return Purchase(row.duration_s, row.opened_at, row.expires_at, row.closed_at, refused, row.wanted_until)


def _counted(row: Any, now: datetime) -> Use:
    return purchase(row).counted(now)


def of_person(tx: SqlTransaction, place: ConversationRef, person_id: str) -> Use:
    (use,) = of_people(tx, [(place, person_id)]).values()
    return use


def of_people(tx: SqlTransaction, payers: Collection[tuple[ConversationRef, str]]) -> dict[PersonKey, Use]:
    """Today. Sessions that run, or are about to, have set aside what no provider session has yet."""
    used = {(place.platform, place.workspace_id, person): Use() for place, person in payers}
    platforms, workspaces, people = ([*{key[at] for key in used}] for at in range(3))
    asked = {"platforms": platforms, "workspaces": workspaces, "people": people}
    for row in _RESERVED.rows(tx, **asked):
        _count(used, row, Use(held=float(row.reserved_s)))
    for row in _TODAY.rows(tx, **asked, since=day_of(tx.now)):
        _count(used, row, _counted(row, tx.now))
    return used


def _count(used: dict[PersonKey, Use], row: Any, use: Use) -> None:
    key = row.platform, row.workspace_id, row.payer_id
    if key in used:
        used[key] += use


_OF_WORKSPACES = one_of(sessions.c.platform, "platforms") & one_of(sessions.c.workspace_id, "workspaces")
_RESERVED = Prepared(
    select(sessions.c.platform, sessions.c.workspace_id, sessions.c.payer_id, sessions.c.reserved_s).where(
        _OF_WORKSPACES,
        one_of(sessions.c.payer_id, "people"),
        sessions.c.status != SessionStatus.ENDED,
        sessions.c.reserved_s > 0,
    )
)
_TODAY = Prepared(
    select(provider_sessions, sessions.c.platform, sessions.c.workspace_id)
    .join(sessions, sessions.c.id == provider_sessions.c.session_id)
    .where(
        _OF_WORKSPACES,
        one_of(provider_sessions.c.payer_id, "people"),
        provider_sessions.c.intended_at >= bindparam("since", type_=Instant),
    )
)


def lock_budgets(tx: SqlTransaction, keys: Collection[WorkspaceKey], *, wait: bool = True) -> None:
    if not (tx.on_server and keys):
        return
    locks = sorted(map(_lock_of, keys))
    if wait:
        tx.driver.execute("SELECT pg_advisory_xact_lock(key) FROM unnest(%s::bigint[]) AS key", [locks])
        return
    taken = tx.driver.execute("SELECT pg_try_advisory_xact_lock(key) FROM unnest(%s::bigint[]) AS key", [locks])
    if not all(row[0] for row in taken):
        raise TryAgain


def _lock_of(key: WorkspaceKey) -> int:
    """The number of the advisory lock under which is spent in a workspace."""
    named = "/".join(("spend", *key)).encode()
    return int.from_bytes(blake2b(named, digest_size=8).digest(), signed=True)


def lock_budget_of(tx: SqlTransaction, session_id: str) -> None:
    if tx.on_server:
        query = select(sessions.c.platform, sessions.c.workspace_id).where(sessions.c.id == session_id)
        lock_budgets(tx, [(row[0], row[1]) for row in tx.connection.execute(query)])


def of_session(tx: SqlTransaction, session_id: str) -> Use:
    query = select(provider_sessions).where(provider_sessions.c.session_id == session_id)
    return sum((_counted(row, tx.now) for row in tx.connection.execute(query)), Use())


def minutes(tx: SqlTransaction, platform: str, workspace_id: str, since: datetime) -> list[UsedMinutes]:
    query = (
        _bought(platform, workspace_id)
        .add_columns(sessions.c.channel_id, sessions.c.spec)
        .where(provider_sessions.c.intended_at >= since)
        .order_by(provider_sessions.c.intended_at, provider_sessions.c.id)
    )
    return [
        UsedMinutes(
            day=row.intended_at.date(),
            channel_id=row.channel_id,
            avatar_name=decrypt(tx.cipher, row.spec, SPEC).avatar_name,
            minutes=used / 60,
        )
        for row in tx.connection.execute(query)
        if (used := _counted(row, tx.now).used)
    ]


def _bought(platform: str, workspace_id: str) -> Select[Any]:
    there = in_workspace(sessions, platform, workspace_id)
    return select(provider_sessions).join(sessions, sessions.c.id == provider_sessions.c.session_id).where(there)


# ---------------------------------------------------------------- the ledger

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


def forget_entries(tx: SqlTransaction, age: timedelta) -> int:
    old = tx.now - age
    tx.connection.execute(delete(credit_readings).where(credit_readings.c.at < old))
    return tx.connection.execute(delete(ledger).where(ledger.c.at < old)).rowcount

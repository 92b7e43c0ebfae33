"""What is open, or meant to be open, at the provider: the row comes before the money."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, and_, insert, or_, select, update

from bot.domain.api_tokens import allowed_minutes
from bot.domain.sessions import SessionStatus
from bot.ports.room import RoomCredentials
from bot.ports.storage.records import ProviderSessionRecord, ProviderSessionStatus
from bot.ports.storage.transactions import Standing
from bot.storage import sessions, tokens, usage, workspaces
from bot.storage.encryption import encrypt
from bot.storage.statements import SqlTransaction
from bot.storage.tables import provider_sessions
from bot.storage.tables import sessions as session_rows

INTENT, OPEN, CLOSING, CLOSED, LOST = ProviderSessionStatus
RUNNING = (OPEN, CLOSING)


def record(tx: SqlTransaction, row: Any) -> ProviderSessionRecord:
    sealed = row.credentials
    return ProviderSessionRecord(
        id=row.id,
        session_id=row.session_id,
        provider_id=row.provider_id,
        status=ProviderSessionStatus(row.state),
        credentials=msgspec.json.decode(tx.cipher.decrypt(sealed), type=RoomCredentials) if sealed else None,
        duration_s=row.duration_s,
        intended_at=row.intended_at,
        expires_at=row.expires_at,
    )


def _found(tx: SqlTransaction, query: Select[Any]) -> list[ProviderSessionRecord]:
    ordered = query.order_by(provider_sessions.c.intended_at, provider_sessions.c.id)
    return [record(tx, row) for row in tx.connection.execute(ordered)]


def unclosed(tx: SqlTransaction, session_id: str) -> list[ProviderSessionRecord]:
    open_or_intended = provider_sessions.c.state.in_((INTENT, *RUNNING))
    return _found(tx, select(provider_sessions).where(provider_sessions.c.session_id == session_id, open_or_intended))


def leftovers(tx: SqlTransaction, create_takes: timedelta) -> list[ProviderSessionRecord]:
    over = and_(
        provider_sessions.c.state == INTENT,
        ~provider_sessions.c.intended_at.between(tx.now - create_takes, tx.now),
    )
    ended = session_rows.c.id == provider_sessions.c.session_id, session_rows.c.status == SessionStatus.ENDED
    left = or_(provider_sessions.c.state.in_(RUNNING), over)
    return _found(tx, select(provider_sessions).join(session_rows, and_(*ended)).where(left))


def running(tx: SqlTransaction, create_takes: timedelta) -> tuple[frozenset[str], int]:
    """What was intended later than now was begun before the clock was set back."""
    ids = select(provider_sessions.c.provider_id).where(provider_sessions.c.state.in_(RUNNING))
    under_way = select(provider_sessions.c.id).where(
        provider_sessions.c.state == INTENT,
        provider_sessions.c.intended_at.between(tx.now - create_takes, tx.now),
    )
    known = frozenset(tx.connection.execute(ids).scalars())
    return known, len(tx.connection.execute(under_way).all())


# ---------------------------------------------------------------- writing


def intend(tx: SqlTransaction, session_id: str, row_id: str, minutes: Callable[[Standing], int]) -> int:
    before = select(provider_sessions.c.duration_s).where(provider_sessions.c.id == row_id)
    if (seconds := tx.connection.execute(before).scalar_one_or_none()) is not None:
        return int(seconds) // 60  # by an earlier run of the same
    session = sessions.get(tx, session_id)
    assert session is not None
    place, payer_id = session.place, session.payer_id
    said = workspaces.allowed(tx, place.platform, place.workspace_id)
    use = usage.of_person(tx, place, payer_id)
    allowed = allowed_minutes(payer_id, tokens.of_person(tx, payer_id), tx.now)
    bought = minutes(Standing(session.reserved_s, use, said, allowed))
    tx.connection.execute(update(session_rows).where(session_rows.c.id == session.id).values(reserved_s=0))
    tx.connection.execute(
        insert(provider_sessions).values(
            id=row_id,
            session_id=session.id,
            state=INTENT,
            duration_s=bought * 60,
            payer_id=payer_id,
            intended_at=tx.now,
        )
    )
    return bought


def opened(tx: SqlTransaction, row_id: str, provider_id: str, credentials: RoomCredentials) -> None:
    duration = select(provider_sessions.c.duration_s).where(provider_sessions.c.id == row_id)
    seconds = tx.connection.execute(duration).scalar_one()
    _change(
        tx,
        row_id,
        provider_id=provider_id,
        state=OPEN,
        credentials=encrypt(tx.cipher, credentials),
        opened_at=tx.now,
        expires_at=tx.now + timedelta(seconds=seconds),
    )


def closing(tx: SqlTransaction, row_id: str) -> None:
    _change(tx, row_id, state=CLOSING)


def closed(tx: SqlTransaction, row_id: str) -> None:
    _over(tx, row_id, CLOSED)


def abandoned(tx: SqlTransaction, row_id: str) -> None:
    _over(tx, row_id, CLOSED, provider_sessions.c.state == INTENT)


def lost(tx: SqlTransaction, row_id: str) -> None:
    _over(tx, row_id, LOST, provider_sessions.c.state == INTENT)


def _over(tx: SqlTransaction, row_id: str, state: ProviderSessionStatus, *where: ColumnElement[bool]) -> None:
    """What was opened meanwhile, by a process that was thought dead, stays known."""
    values = {"state": state, "closed_at": tx.now, "credentials": b""}
    tx.connection.execute(update(provider_sessions).where(provider_sessions.c.id == row_id, *where).values(values))


def _change(tx: SqlTransaction, row_id: str, **values: object) -> None:
    tx.connection.execute(update(provider_sessions).where(provider_sessions.c.id == row_id).values(values))

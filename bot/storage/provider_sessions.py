"""What is open, or meant to be open, at the provider: the row comes before the money."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    and_,
    cast,
    func,
    insert,
    literal,
    or_,
    select,
    type_coerce,
    update,
)

from bot.domain.api_tokens import allowed_minutes
from bot.domain.sessions import SessionStatus
from bot.ports.room import RoomCredentials
from bot.ports.storage.records import ProviderSessionRecord, ProviderSessionStatus
from bot.ports.storage.transactions import Standing
from bot.storage import accounting, sessions, tokens, workspaces
from bot.storage.decoders import CREDENTIALS
from bot.storage.encryption import decrypt, encrypt
from bot.storage.statements import SqlTransaction
from bot.storage.tables import Instant, provider_sessions
from bot.storage.tables import sessions as session_rows

INTENT, OPEN, CLOSING, CLOSED, LOST = ProviderSessionStatus
RUNNING = (OPEN, CLOSING)


def record(tx: SqlTransaction, row: Any) -> ProviderSessionRecord:
    sealed = row.credentials
    credentials = decrypt(tx.cipher, sealed, CREDENTIALS) if sealed else None
    return ProviderSessionRecord(
        id=row.id,
        session_id=row.session_id,
        provider_id=row.provider_id,
        status=ProviderSessionStatus(row.state),
        credentials=credentials,
        duration_s=row.duration_s,
        intended_at=row.intended_at,
        expires_at=row.expires_at,
        account=row.account or (credentials.account if credentials else ""),
    )


def _found(tx: SqlTransaction, query: Select[Any]) -> list[ProviderSessionRecord]:
    ordered = query.order_by(provider_sessions.c.intended_at, provider_sessions.c.id)
    return [record(tx, row) for row in tx.connection.execute(ordered)]


def unclosed(tx: SqlTransaction, session_id: str) -> list[ProviderSessionRecord]:
    open_or_intended = provider_sessions.c.state.in_((INTENT, *RUNNING))
    return _found(tx, select(provider_sessions).where(provider_sessions.c.session_id == session_id, open_or_intended))


def leftovers(tx: SqlTransaction, create_takes: timedelta, close_takes: timedelta) -> list[ProviderSessionRecord]:
    over = and_(
        provider_sessions.c.state == INTENT,
        ~provider_sessions.c.intended_at.between(tx.now - create_takes, tx.now),
    )
    ended = session_rows.c.status == SessionStatus.ENDED
    unclosed = provider_sessions.c.state == CLOSING, provider_sessions.c.closing_at <= tx.now - close_takes
    left = or_(and_(ended, or_(provider_sessions.c.state.in_(RUNNING), over)), and_(*unclosed))
    joined = session_rows.c.id == provider_sessions.c.session_id
    return _found(tx, select(provider_sessions).join(session_rows, joined).where(left))


def running(tx: SqlTransaction, create_takes: timedelta) -> tuple[frozenset[str], int]:
    """What was intended later than now was begun before the clock was set back."""
    ids = select(provider_sessions.c.provider_id).where(provider_sessions.c.state.in_(RUNNING))
    under_way = select(provider_sessions.c.id).where(
        provider_sessions.c.state == INTENT,
        provider_sessions.c.intended_at.between(tx.now - create_takes, tx.now),
    )
    known = frozenset(tx.connection.execute(ids).scalars())
    return known, len(tx.connection.execute(under_way).all())


def unsettled(tx: SqlTransaction) -> list[ProviderSessionRecord]:
    rows = _found(tx, select(provider_sessions).where(provider_sessions.c.state == LOST))
    return [row for row in rows if row.may_run(tx.now)]


# ---------------------------------------------------------------- writing


def intend(
    tx: SqlTransaction, session_id: str, row_id: str, minutes: Callable[[Standing], int], account: str = ""
) -> int:
    before = select(provider_sessions.c.duration_s).where(provider_sessions.c.id == row_id)
    if (seconds := tx.connection.execute(before).scalar_one_or_none()) is not None:
        return int(seconds) // 60  # by an earlier run of the same
    session = sessions.get(tx, session_id)
    assert session is not None
    place, payer_id = session.place, session.payer_id
    said = workspaces.allowed(tx, place.platform, place.workspace_id)
    use = accounting.of_person(tx, place, payer_id)
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
            account=account,
            intended_at=tx.now,
        )
    )
    return bought


def opened(
    tx: SqlTransaction,
    row_id: str,
    provider_id: str,
    credentials: RoomCredentials,
    ago: timedelta = timedelta(),
    *,
    closing_ago: timedelta | None = None,
) -> None:
    """Once: what is being closed, or is closed, stays so."""
    _came_to_be(
        tx,
        row_id,
        provider_id,
        tx.now - ago,
        state=OPEN,
        credentials=encrypt(tx.cipher, credentials),
        account=credentials.account,
        closed_at=None,
    )
    if closing_ago is not None:
        closing(tx, row_id, closing_ago)


def found(tx: SqlTransaction, row_id: str, provider_id: str) -> None:
    row = tx.connection.execute(select(provider_sessions).where(provider_sessions.c.id == row_id)).one_or_none()
    if row and row.state == LOST:
        since = row.intended_at
        _came_to_be(
            tx, row_id, provider_id, since, state=CLOSING, wanted_until=since, closing_at=tx.now, closed_at=None
        )


def _came_to_be(tx: SqlTransaction, row_id: str, provider_id: str, since: datetime, **values: object) -> None:
    duration = select(provider_sessions.c.duration_s).where(provider_sessions.c.id == row_id)
    expires_at = since + timedelta(seconds=tx.connection.execute(duration).scalar_one())
    known = {"provider_id": provider_id, "opened_at": since, "expires_at": expires_at}
    _change(tx, row_id, provider_sessions.c.provider_id != provider_id, **known, **values)


def closing(tx: SqlTransaction, row_id: str, ago: timedelta = timedelta()) -> None:
    """The first time ends its use; the last is when it ended, if it did."""
    wanted_until = func.coalesce(provider_sessions.c.wanted_until, literal(tx.now - ago, Instant))
    _change(
        tx,
        row_id,
        provider_sessions.c.state != CLOSED,
        state=CLOSING,
        wanted_until=wanted_until,
        closing_at=tx.now - ago,
    )


def closed(tx: SqlTransaction, row_id: str) -> None:
    ended = func.coalesce(provider_sessions.c.closing_at, literal(tx.now, Instant))
    _over(tx, row_id, CLOSED, provider_sessions.c.state != CLOSED, closed_at=ended)


def expired(tx: SqlTransaction, row_id: str) -> None:
    _over(tx, row_id, CLOSED, provider_sessions.c.state != CLOSED)


def abandoned(tx: SqlTransaction, row_id: str) -> None:
    _over(tx, row_id, CLOSED, provider_sessions.c.state == INTENT)


def refuted(tx: SqlTransaction, row_id: str) -> None:
    _over(tx, row_id, CLOSED, provider_sessions.c.state == LOST)


def ran_at_most(tx: SqlTransaction, row_id: str, seconds: int) -> None:
    duration = provider_sessions.c.duration_s
    lost = provider_sessions.c.state == LOST
    _change(tx, row_id, lost, duration > seconds, duration_s=seconds)


def lost(tx: SqlTransaction, row_id: str) -> None:
    _over(tx, row_id, LOST, provider_sessions.c.state == INTENT)


def orphaned(tx: SqlTransaction, row_id: str) -> None:
    duration = cast(provider_sessions.c.duration_s, BigInteger) * (timedelta(seconds=1) // timedelta(microseconds=1))
    ends = type_coerce(provider_sessions.c.intended_at, BigInteger) + duration
    _over(tx, row_id, LOST, provider_sessions.c.state == INTENT, expires_at=ends)


def _over(
    tx: SqlTransaction, row_id: str, state: ProviderSessionStatus, *where: ColumnElement[bool], **values: object
) -> None:
    """What was opened meanwhile, by a process that was thought dead, stays known."""
    _change(tx, row_id, *where, **{"state": state, "closed_at": tx.now, "credentials": b""} | values)


def _change(tx: SqlTransaction, row_id: str, *where: ColumnElement[bool], **values: object) -> None:
    tx.connection.execute(update(provider_sessions).where(provider_sessions.c.id == row_id, *where).values(values))
    accounting.book(tx, row_id)

"""What is open, or meant to be open, at the provider: the row comes before the money."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, insert, or_, select, update

from bot.domain.sessions import SessionStatus
from bot.storage.encryption import Cipher, encrypt
from bot.storage.records import Lease, ProviderSessionRecord
from bot.storage.sessions import change, fence
from bot.storage.tables import provider_sessions, sessions

INTENT, OPEN, CLOSING, CLOSED, LOST = "intent", "open", "closing", "closed", "lost"
RUNNING = (OPEN, CLOSING)
"""What may cost money at the provider, and has an id there."""


def record(row: Row[Any], cipher: Cipher) -> ProviderSessionRecord:
    m = row._mapping  # noqa: SLF001 - the documented way to columns by name
    return ProviderSessionRecord(
        id=m["id"],
        session_id=m["session_id"],
        provider_id=m["provider_id"],
        state=m["state"],
        credentials=cipher.decrypt(m["credentials"]) if m["credentials"] else b"",
        duration_s=m["duration_s"],
        intended_at=m["intended_at"],
        expires_at=m["expires_at"],
    )


def intend(  # noqa: PLR0917
    connection: Connection, lease: Lease, row_id: str, payer_id: str, duration_s: int, now: datetime
) -> None:
    """Write down that one is about to be created; the reservation of the start passes over to it."""
    change(connection, lease, reserved_s=0)
    connection.execute(
        insert(provider_sessions).values(
            id=row_id,
            session_id=lease.session_id,
            state=INTENT,
            duration_s=duration_s,
            payer_id=payer_id,
            intended_at=now,
        )
    )


def opened(  # noqa: PLR0917
    connection: Connection,
    cipher: Cipher,
    row_id: str,
    provider_id: str,
    credentials: object,
    now: datetime,
) -> None:
    """The provider's answer. Not fenced: whoever runs the session now must know of it, to close it."""
    duration = select(provider_sessions.c.duration_s).where(provider_sessions.c.id == row_id)
    seconds = connection.execute(duration).scalar_one()
    connection.execute(
        update(provider_sessions)
        .where(provider_sessions.c.id == row_id)
        .values(
            provider_id=provider_id,
            state=OPEN,
            credentials=encrypt(cipher, credentials),
            opened_at=now,
            expires_at=now + timedelta(seconds=seconds),
        )
    )


def abandon(connection: Connection, lease: Lease, row_id: str, now: datetime) -> None:
    """The provider certainly created nothing. Raises `LeaseLost`."""
    fence(connection, lease)
    _set_state(connection, [row_id], CLOSED, now)


def closing(connection: Connection, lease: Lease, row_id: str) -> None:
    """Before it is closed: from here on nobody rejoins it, so that whoever is slow to close it takes it from nobody. Raises `LeaseLost`."""
    fence(connection, lease)
    connection.execute(update(provider_sessions).where(provider_sessions.c.id == row_id).values(state=CLOSING))


def closed(connection: Connection, row_ids: Iterable[str], now: datetime) -> None:
    """Closed at the provider: true whoever writes it."""
    _set_state(connection, row_ids, CLOSED, now)


def lost(connection: Connection, lease: Lease, row_id: str, now: datetime) -> None:
    """Intended, and nobody knows whether it came to be: it ends by itself, or the reaper finds it."""
    fence(connection, lease)
    _set_state(connection, [row_id], LOST, now)


def given_up(connection: Connection, row_ids: Iterable[str], now: datetime) -> None:
    """Intended by a session that has ended, and nobody knows whether it came to be."""
    _set_state(connection, row_ids, LOST, now)


def _set_state(connection: Connection, row_ids: Iterable[str], state: str, now: datetime) -> None:
    connection.execute(
        update(provider_sessions)
        .where(provider_sessions.c.id.in_(tuple(row_ids)))
        .values(state=state, closed_at=now, credentials=b"")
    )


def unclosed(connection: Connection, cipher: Cipher, session_id: str) -> list[ProviderSessionRecord]:
    """What a session still has open or intended, oldest first."""
    query = (
        select(provider_sessions)
        .where(provider_sessions.c.session_id == session_id, provider_sessions.c.state.in_((INTENT, *RUNNING)))
        .order_by(provider_sessions.c.intended_at)
    )
    return [record(row, cipher) for row in connection.execute(query)]


def leftovers(connection: Connection, cipher: Cipher, *, since: datetime, now: datetime) -> list[ProviderSessionRecord]:
    """What sessions that have ended still have open, or intended and not between these two; of any workspace: for the reaper."""
    query = (
        select(provider_sessions)
        .join(sessions, sessions.c.id == provider_sessions.c.session_id)
        .where(
            sessions.c.status == SessionStatus.ENDED,
            or_(
                provider_sessions.c.state.in_(RUNNING),
                and_(provider_sessions.c.state == INTENT, ~provider_sessions.c.intended_at.between(since, now)),
            ),
        )
    )
    return [record(row, cipher) for row in connection.execute(query)]


def known_ids(connection: Connection) -> set[str]:
    """The provider's ids of everything of ours that may be running: for the reaper."""
    query = select(provider_sessions.c.provider_id).where(provider_sessions.c.state.in_(RUNNING))
    return set(connection.execute(query).scalars())


def intents_between(connection: Connection, since: datetime, now: datetime) -> int:
    """How many creates are under way; one that is later than now was begun before the clock was set back."""
    query = select(provider_sessions.c.id).where(
        provider_sessions.c.state == INTENT, provider_sessions.c.intended_at.between(since, now)
    )
    return len(connection.execute(query).all())

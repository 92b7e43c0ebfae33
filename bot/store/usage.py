"""How much of the provider's time was used: every query names its workspace or its session."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, select

from bot.model import SessionSpec
from bot.store.cipher import Cipher
from bot.store.sealing import opened
from bot.store.tables import provider_sessions, sessions


@dataclass(frozen=True, slots=True)
class Stretch:
    """One provider session: paid from its opening to its closing."""

    day: date  # UTC
    channel_id: str
    avatar_name: str
    minutes: float


def stretches(  # noqa: PLR0917
    connection: Connection, cipher: Cipher, platform: str, workspace_id: str, since: datetime, now: datetime
) -> list[Stretch]:
    """Those that a workspace opened since then, oldest first."""
    query = (
        select(provider_sessions, sessions.c.channel_id, sessions.c.spec)
        .join(sessions, sessions.c.id == provider_sessions.c.session_id)
        .where(
            sessions.c.platform == platform,
            sessions.c.workspace_id == workspace_id,
            provider_sessions.c.opened_at >= since,
        )
        .order_by(provider_sessions.c.opened_at)
    )
    return [
        Stretch(
            day=row.opened_at.date(),
            channel_id=row.channel_id,
            avatar_name=opened(cipher, row.spec, SessionSpec).avatar_name,
            minutes=_minutes(row.opened_at, row.closed_at, row.expires_at, now),
        )
        for row in connection.execute(query)
    ]


def minutes_of(connection: Connection, session_id: str, now: datetime) -> float:
    """What one session has used so far."""
    query = select(provider_sessions).where(
        provider_sessions.c.session_id == session_id, provider_sessions.c.opened_at.is_not(None)
    )
    rows = connection.execute(query)
    return sum(_minutes(row.opened_at, row.closed_at, row.expires_at, now) for row in rows)


def _minutes(opened_at: datetime, closed_at: datetime | None, expires_at: datetime, now: datetime) -> float:
    """The provider refunds what was paid in advance and not used."""
    return max(0.0, (min(closed_at or now, expires_at) - opened_at).total_seconds() / 60)

"""How much of the provider's time was used. Admission, renewal, status and usage all ask here; every query names its workspace
or its session.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

from bot.domain.conversations import ConversationRef
from bot.domain.sessions import SessionSpec, SessionStatus
from bot.storage.encryption import Cipher, decrypt
from bot.storage.provider_sessions import CLOSED
from bot.storage.tables import provider_sessions, sessions


@dataclass(frozen=True, slots=True)
class Use:
    """Seconds of the provider's time: `used` so far, and `held`, which is set aside and given back where it is not used."""

    used: float = 0.0
    held: float = 0.0

    def __add__(self, other: "Use") -> "Use":
        return Use(self.used + other.used, self.held + other.held)


@dataclass(frozen=True, slots=True)
class UsedMinutes:
    """One provider session: paid from its opening to its closing."""

    day: date  # UTC
    channel_id: str
    avatar_name: str
    minutes: float


def day_of(now: datetime) -> datetime:
    """The start of the day a budget counts in (UTC)."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def counted(row: Row[Any], now: datetime) -> Use:
    """What one provider session counts.

    What was certainly refused counts nothing. What nobody knows counts whole, since it may have run; while its `create` is
    under way it is held. What was opened counts until it was closed, and never more than was bought.
    """
    if row.opened_at is None:
        unknown = 0.0 if row.state == CLOSED else float(row.duration_s)
        return Use(unknown, 0.0) if row.closed_at else Use(0.0, unknown)
    end = min(row.closed_at or now, row.expires_at)
    used = max(0.0, (end - row.opened_at).total_seconds())
    over = row.closed_at is not None or now >= row.expires_at
    return Use(used, 0.0 if over else max(0.0, row.duration_s - used))


def of_person(connection: Connection, place: ConversationRef, payer_id: str, now: datetime) -> Use:
    """What a person has used today in a workspace, and what is set aside for them: for sessions that run or are about to."""
    today = _in_workspace(place.platform, place.workspace_id).where(
        provider_sessions.c.payer_id == payer_id, provider_sessions.c.intended_at >= day_of(now)
    )
    reserved = select(func.coalesce(func.sum(sessions.c.reserved_s), 0)).where(
        sessions.c.platform == place.platform,
        sessions.c.workspace_id == place.workspace_id,
        sessions.c.payer_id == payer_id,
        sessions.c.status != SessionStatus.ENDED,
    )
    held = Use(held=float(connection.execute(reserved).scalar_one()))
    return sum((counted(row, now) for row in connection.execute(today)), held)


def of_session(connection: Connection, session_id: str, now: datetime) -> Use:
    """What one session has used so far, and what is set aside for it."""
    query = select(provider_sessions).where(provider_sessions.c.session_id == session_id)
    return sum((counted(row, now) for row in connection.execute(query)), Use())


def used_minutes(  # noqa: PLR0917
    connection: Connection, cipher: Cipher, platform: str, workspace_id: str, since: datetime, now: datetime
) -> list[UsedMinutes]:
    """What a workspace has used since then, oldest first."""
    query = (
        _in_workspace(platform, workspace_id)
        .add_columns(sessions.c.channel_id, sessions.c.spec)
        .where(provider_sessions.c.intended_at >= since)
        .order_by(provider_sessions.c.intended_at)
    )
    return [
        UsedMinutes(
            day=row.intended_at.date(),
            channel_id=row.channel_id,
            avatar_name=decrypt(cipher, row.spec, SessionSpec).avatar_name,
            minutes=used / 60,
        )
        for row in connection.execute(query)
        if (used := counted(row, now).used)
    ]


def _in_workspace(platform: str, workspace_id: str) -> Select[Any]:
    return (
        select(provider_sessions)
        .join(sessions, sessions.c.id == provider_sessions.c.session_id)
        .where(sessions.c.platform == platform, sessions.c.workspace_id == workspace_id)
    )

"""Provider sessions as they are counted. Every query names its workspace or its session."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, func, select

from bot.domain.conversations import ConversationRef
from bot.domain.provider import Purchase, Use, UsedMinutes, day_of
from bot.domain.sessions import SessionSpec, SessionStatus
from bot.ports.storage.records import ProviderSessionStatus
from bot.storage.encryption import decrypt
from bot.storage.statements import SqlTransaction, in_workspace
from bot.storage.tables import provider_sessions, sessions


def _counted(row: Row[Any], now: datetime) -> Use:
    refused = row.state == ProviderSessionStatus.CLOSED
    return Purchase(row.duration_s, row.opened_at, row.expires_at, row.closed_at, refused=refused).counted(now)


def of_person(tx: SqlTransaction, place: ConversationRef, person_id: str) -> Use:
    """Sessions of `sessions` that run, or are about to, have set aside what no provider session has yet."""
    today = _bought(place.platform, place.workspace_id).where(
        provider_sessions.c.payer_id == person_id, provider_sessions.c.intended_at >= day_of(tx.now)
    )
    reserved = select(func.coalesce(func.sum(sessions.c.reserved_s), 0)).where(
        in_workspace(sessions, place.platform, place.workspace_id),
        sessions.c.payer_id == person_id,
        sessions.c.status != SessionStatus.ENDED,
    )
    held = Use(held=float(tx.connection.execute(reserved).scalar_one()))
    return sum((_counted(row, tx.now) for row in tx.connection.execute(today)), held)


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
            avatar_name=decrypt(tx.cipher, row.spec, SessionSpec).avatar_name,
            minutes=used / 60,
        )
        for row in tx.connection.execute(query)
        if (used := _counted(row, tx.now).used)
    ]


def _bought(platform: str, workspace_id: str) -> Select[Any]:
    there = in_workspace(sessions, platform, workspace_id)
    return select(provider_sessions).join(sessions, sessions.c.id == provider_sessions.c.session_id).where(there)

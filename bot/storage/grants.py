"""Links to watch: hashed at rest, expiring, revocable."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, or_, select

from bot.domain.conversations import ConversationRef
from bot.domain.people import Membership, Person
from bot.ports.grants import Scope
from bot.ports.storage.records import GrantRecord
from bot.storage.filters import in_workspace
from bot.storage.tables import grants, sessions
from bot.storage.transaction import SqlTransaction


def add(  # noqa: PLR0917
    tx: SqlTransaction, digest: str, session_id: str, scope: Scope, person: Person | None, expires_at: datetime
) -> None:
    if person:
        tx.connection.execute(grants.delete().where(grants.c.session_id == session_id, grants.c.person_id == person.id))
    tx.connection.execute(
        insert(grants).values(
            hash=digest,
            session_id=session_id,
            scope=scope,
            person_id=person.id if person else "",
            person_name=person.name if person else "",
            person_standing=person.standing if person else "",
            created_at=tx.now,
            expires_at=expires_at,
        )
    )


def find(tx: SqlTransaction, digest: str) -> GrantRecord | None:
    query = (
        select(
            grants,
            sessions.c.platform,
            sessions.c.workspace_id,
            sessions.c.channel_id,
            sessions.c.talk_thread_id,
            sessions.c.ended_at,
            sessions.c.starter_id,
        )
        .join(sessions, sessions.c.id == grants.c.session_id)
        .where(grants.c.hash == digest)
    )
    row = tx.connection.execute(query).first()
    return _record(row) if row else None


def forget(tx: SqlTransaction, *, ended_for: timedelta) -> None:
    ended = select(sessions.c.id).where(sessions.c.ended_at < tx.now - ended_for)
    tx.connection.execute(grants.delete().where(or_(grants.c.expires_at < tx.now, grants.c.session_id.in_(ended))))


def owners(tx: SqlTransaction) -> list[tuple[ConversationRef, str]]:
    query = (
        select(sessions.c.platform, sessions.c.workspace_id, grants.c.person_id)
        .join(sessions, sessions.c.id == grants.c.session_id)
        .where(grants.c.person_id != "", grants.c.expires_at > tx.now)
        .distinct()
    )
    return [
        (ConversationRef(platform, workspace_id, ""), person)
        for platform, workspace_id, person in tx.connection.execute(query)
    ]


def revoke_of_person(tx: SqlTransaction, place: ConversationRef, person_id: str) -> None:
    there = select(sessions.c.id).where(in_workspace(sessions, place.platform, place.workspace_id))
    if place.channel_id:
        there = there.where(sessions.c.channel_id == place.channel_id)
    tx.connection.execute(grants.delete().where(grants.c.person_id == person_id, grants.c.session_id.in_(there)))


def revoke_all(tx: SqlTransaction) -> int:
    return tx.connection.execute(grants.delete()).rowcount


def _record(row: Any) -> GrantRecord:
    known = row.person_id != ""
    return GrantRecord(
        session_id=row.session_id,
        scope=Scope(row.scope),
        thread=ConversationRef(row.platform, row.workspace_id, row.channel_id, row.talk_thread_id),
        person=Person(row.person_id, row.person_name, Membership(row.person_standing)) if known else None,
        expires_at=row.expires_at,
        ended_at=row.ended_at,
        starter_id=row.starter_id,
    )

"""Links to watch: hashed at rest, expiring, revocable."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, insert, or_, select

from bot.domain.conversations import ConversationRef
from bot.domain.people import Membership, Person
from bot.storage.tables import grants, sessions


@dataclass(frozen=True, slots=True)
class GrantRecord:
    session_id: str
    scope: str  # watch, speak
    thread: ConversationRef
    person: Person | None
    expires_at: datetime
    ended_at: datetime | None
    starter_id: str


def add(  # noqa: PLR0917
    connection: Connection,
    digest: str,
    session_id: str,
    scope: str,
    person: Person | None,
    now: datetime,
    expires_at: datetime,
) -> None:
    """A person's older grants of this session go."""
    if person:
        connection.execute(grants.delete().where(grants.c.session_id == session_id, grants.c.person_id == person.id))
    connection.execute(
        insert(grants).values(
            hash=digest,
            session_id=session_id,
            scope=scope,
            person_id=person.id if person else "",
            person_name=person.name if person else "",
            person_standing=person.standing if person else "",
            created_at=now,
            expires_at=expires_at,
        )
    )


def find(connection: Connection, digest: str) -> GrantRecord | None:
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
    row = connection.execute(query).first()
    return _record(row) if row else None


def forget_expired(connection: Connection, now: datetime, ended_before: datetime) -> None:
    """Those whose time is over, and those of sessions that ended before that."""
    ended = select(sessions.c.id).where(sessions.c.ended_at < ended_before)
    connection.execute(grants.delete().where(or_(grants.c.expires_at < now, grants.c.session_id.in_(ended))))


def owners(connection: Connection, now: datetime) -> list[tuple[ConversationRef, str]]:
    """(workspace, person) of every link that can still be used, each once."""
    query = (
        select(sessions.c.platform, sessions.c.workspace_id, grants.c.person_id)
        .join(sessions, sessions.c.id == grants.c.session_id)
        .where(grants.c.person_id != "", grants.c.expires_at > now)
        .distinct()
    )
    return [
        (ConversationRef(platform, workspace_id, ""), person)
        for platform, workspace_id, person in connection.execute(query)
    ]


def revoke_of_person(connection: Connection, place: ConversationRef, person_id: str) -> None:
    """All that somebody has in a channel; in a whole workspace where the place names no channel."""
    there = select(sessions.c.id).where(
        sessions.c.platform == place.platform, sessions.c.workspace_id == place.workspace_id
    )
    if place.channel_id:
        there = there.where(sessions.c.channel_id == place.channel_id)
    connection.execute(grants.delete().where(grants.c.person_id == person_id, grants.c.session_id.in_(there)))


def revoke_all(connection: Connection) -> int:
    """How many there were."""
    return connection.execute(grants.delete()).rowcount


def _record(row: Row[tuple[object, ...]]) -> GrantRecord:
    m = row._mapping  # noqa: SLF001 - the documented way to columns by name
    known = m["person_id"] != ""
    return GrantRecord(
        session_id=m["session_id"],
        scope=m["scope"],
        thread=ConversationRef(m["platform"], m["workspace_id"], m["channel_id"], m["talk_thread_id"]),
        person=Person(m["person_id"], m["person_name"], Membership(m["person_standing"])) if known else None,
        expires_at=m["expires_at"],
        ended_at=m["ended_at"],
        starter_id=m["starter_id"],
    )

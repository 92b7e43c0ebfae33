"""Utterances and their posts: a row before it is a message."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, desc, null, or_, select, union_all, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.model import Speaker
from bot.store.records import Lease, PostRecord, UtteranceRecord
from bot.store.sessions import fence
from bot.store.tables import posts, turns, utterances


def record(row: Row[Any]) -> UtteranceRecord:
    m = row._mapping  # noqa: SLF001 - the documented way to columns by name
    return UtteranceRecord(
        id=m["id"],
        provider_row=m["provider_session_id"],
        mid=m["mid"],
        speaker=Speaker(m["speaker"]),
        text=m["text"],
        final=m["final"],
        shown=m["shown"],
        started_at=m["started_at"],
        ended_at=m["ended_at"],
    )


async def save(connection: AsyncConnection, lease: Lease, utterance: UtteranceRecord) -> None:
    """Write an utterance as it stands; a final one never changes again. Raises `LeaseLost`."""
    await fence(connection, lease)
    values = {
        "text": utterance.text,
        "final": utterance.final,
        "shown": utterance.shown,
        "ended_at": utterance.ended_at,
    }
    statement = insert(utterances).values(
        id=utterance.id,
        session_id=lease.session_id,
        provider_session_id=utterance.provider_row,
        mid=utterance.mid,
        speaker=utterance.speaker,
        started_at=utterance.started_at,
        **values,
    )
    await connection.execute(
        statement.on_conflict_do_update(index_elements=["id"], set_=values, where=utterances.c.final.is_(False))
    )


async def shown(connection: AsyncConnection, lease: Lease, utterance_id: str) -> None:
    """All of a final utterance is posted as it should be. Raises `LeaseLost`."""
    await fence(connection, lease)
    await connection.execute(update(utterances).where(utterances.c.id == utterance_id).values(shown=True))


async def recent(connection: AsyncConnection, session_id: str, most: int) -> list[UtteranceRecord]:
    """The newest utterances and whatever an earlier run left to be posted or completed, oldest first."""
    newest = (
        select(utterances.c.id)
        .where(utterances.c.session_id == session_id)
        .order_by(utterances.c.id.desc())
        .limit(most)
    )
    query = (
        select(utterances)
        .where(
            utterances.c.session_id == session_id,
            or_(utterances.c.shown.is_(False), utterances.c.id.in_(newest.scalar_subquery())),
        )
        .order_by(utterances.c.started_at, utterances.c.id)
    )
    return [record(row) for row in await connection.execute(query)]


async def of_session(connection: AsyncConnection, session_id: str) -> list[UtteranceRecord]:
    """The whole transcript of what was heard, oldest first."""
    query = (
        select(utterances)
        .where(utterances.c.session_id == session_id)
        .order_by(utterances.c.started_at, utterances.c.id)
    )
    return [record(row) for row in await connection.execute(query)]


async def turns_of(connection: AsyncConnection, session_id: str) -> list[tuple[str, str, datetime]]:
    """(who, what, when) was given to the avatar, oldest first."""
    query = (
        select(turns.c.person_name, turns.c.text, turns.c.claimed_at)
        .where(turns.c.session_id == session_id)
        .order_by(turns.c.claimed_at)
    )
    return [(row[0], row[1], row[2]) for row in await connection.execute(query)]


async def conversation(
    connection: AsyncConnection, session_id: str, most: int, but_turn: str
) -> list[tuple[str | None, str]]:
    """The last lines of a conversation, oldest first: (who, what), None for the avatar; without one turn."""
    given = select(turns.c.person_name, turns.c.text, turns.c.claimed_at.label("at")).where(
        turns.c.session_id == session_id, turns.c.id != but_turn
    )
    heard = select(null(), utterances.c.text, utterances.c.started_at).where(
        utterances.c.session_id == session_id, utterances.c.speaker == Speaker.BOT, utterances.c.text != ""
    )
    query = union_all(given, heard).order_by(desc("at")).limit(most)
    return [(row[0], row[1]) for row in await connection.execute(query)][::-1]


async def intend_post(connection: AsyncConnection, lease: Lease, row_id: str, post: PostRecord, now: datetime) -> None:
    """Before it is posted. Raises `LeaseLost`."""
    await fence(connection, lease)
    await connection.execute(
        insert(posts)
        .values(
            id=row_id,
            session_id=lease.session_id,
            source_id=post.source_id,
            part=post.part,
            key=post.key,
            created_at=now,
        )
        .on_conflict_do_nothing(index_elements=["source_id", "part"])
    )


async def posted(connection: AsyncConnection, source_id: str, part: int, message_id: str) -> None:
    """It is posted: true whoever writes it."""
    await connection.execute(
        update(posts).where(posts.c.source_id == source_id, posts.c.part == part).values(message_id=message_id)
    )


async def posts_of(connection: AsyncConnection, source_id: str) -> Sequence[PostRecord]:
    """In order of their parts."""
    query = select(posts).where(posts.c.source_id == source_id).order_by(posts.c.part)
    return [PostRecord(row.source_id, row.part, row.key, row.message_id) for row in await connection.execute(query)]

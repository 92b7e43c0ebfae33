"""Utterances and their posts: a row before it is a message."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, desc, func, null, or_, select, union_all, update
from sqlalchemy.dialects.sqlite import insert

from bot.domain.transcript import Speaker
from bot.storage.records import Lease, PostRecord, UtteranceRecord
from bot.storage.sessions import fence
from bot.storage.tables import posts, turns, utterances


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


_UTTERANCE = insert(utterances)
_SAVE = _UTTERANCE.on_conflict_do_update(
    index_elements=["id"],
    set_={name: _UTTERANCE.excluded[name] for name in ("text", "final", "shown", "ended_at")},
)
_SHOWN = update(utterances).where(utterances.c.id == bindparam("utterance")).values(shown=True)


def save(connection: Connection, lease: Lease, utterance: UtteranceRecord) -> None:
    """Write an utterance as it stands; a final one may grow again. Raises `LeaseLost`."""
    fence(connection, lease)
    row = {
        "id": utterance.id,
        "session_id": lease.session_id,
        "provider_session_id": utterance.provider_row,
        "mid": utterance.mid,
        "speaker": utterance.speaker,
        "text": utterance.text,
        "final": utterance.final,
        "shown": utterance.shown,
        "started_at": utterance.started_at,
        "ended_at": utterance.ended_at,
    }
    connection.execute(_SAVE, row)


def shown(connection: Connection, lease: Lease, utterance_id: str) -> None:
    """All of a final utterance is posted as it should be. Raises `LeaseLost`."""
    fence(connection, lease)
    connection.execute(_SHOWN, {"utterance": utterance_id})


def recent(connection: Connection, session_id: str, most: int) -> list[UtteranceRecord]:
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
    return [record(row) for row in connection.execute(query)]


def of_session(connection: Connection, session_id: str) -> list[UtteranceRecord]:
    """The whole transcript of what was heard, oldest first."""
    query = (
        select(utterances)
        .where(utterances.c.session_id == session_id)
        .order_by(utterances.c.started_at, utterances.c.id)
    )
    return [record(row) for row in connection.execute(query)]


_BY_PEOPLE = turns.c.person_name != ""
"""Not a greeting, which is nobody's."""


@dataclass(frozen=True, slots=True)
class Given:
    """What somebody gave to the avatar, as they wrote it. `id` is the inbox row's, and the `mid` of what the avatar said to it."""

    id: str
    name: str
    text: str
    at: datetime
    outcome: str


def given(connection: Connection, session_id: str) -> list[Given]:
    """Oldest first."""
    written = func.coalesce(func.nullif(turns.c.words, ""), turns.c.text)
    query = (
        select(turns.c.id, turns.c.person_name, written, turns.c.claimed_at, turns.c.outcome)
        .where(turns.c.session_id == session_id, _BY_PEOPLE)
        .order_by(turns.c.claimed_at)
    )
    return [Given(*row) for row in connection.execute(query)]


def count(connection: Connection, session_id: str) -> int:
    """How many messages people gave the avatar and how many it said, together."""
    given = select(func.count()).where(turns.c.session_id == session_id, _BY_PEOPLE).scalar_subquery()
    heard = select(func.count()).where(utterances.c.session_id == session_id, utterances.c.text != "").scalar_subquery()
    return int(connection.execute(select(given + heard)).scalar_one())


def conversation(connection: Connection, session_id: str, most: int, but_turn: str) -> list[tuple[str | None, str]]:
    """The last lines of a conversation, oldest first: (who, what), None for the avatar; without one turn."""
    given = select(turns.c.person_name, turns.c.text, turns.c.claimed_at.label("at")).where(
        turns.c.session_id == session_id, turns.c.id != but_turn, _BY_PEOPLE
    )
    heard = select(null(), utterances.c.text, utterances.c.started_at).where(
        utterances.c.session_id == session_id, utterances.c.speaker == Speaker.BOT, utterances.c.text != ""
    )
    query = union_all(given, heard).order_by(desc("at")).limit(most)
    return [(row[0], row[1]) for row in connection.execute(query)][::-1]


_INTEND = insert(posts).on_conflict_do_nothing(index_elements=["source_id", "part"])
_POSTED = update(posts).where(posts.c.source_id == bindparam("source"), posts.c.part == bindparam("number"))


def intend_post(connection: Connection, lease: Lease, row_id: str, post: PostRecord) -> None:
    """Before it is posted. Raises `LeaseLost`."""
    fence(connection, lease)
    row = {
        "id": row_id,
        "session_id": lease.session_id,
        "source_id": post.source_id,
        "part": post.part,
        "key": post.key,
        "created_at": post.intended_at,
    }
    connection.execute(_INTEND, row)


def posted(connection: Connection, source_id: str, part: int, message_id: str) -> None:
    """It is posted: true whoever writes it."""
    connection.execute(_POSTED, {"source": source_id, "number": part, "message_id": message_id})


def posts_of(connection: Connection, source_id: str) -> Sequence[PostRecord]:
    """In order of their parts."""
    query = select(posts).where(posts.c.source_id == source_id).order_by(posts.c.part)
    rows = connection.execute(query)
    return [PostRecord(row.source_id, row.part, row.key, row.message_id, row.created_at) for row in rows]

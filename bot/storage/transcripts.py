"""Utterances and their posts: a row before it is a message."""

from typing import Any

from sqlalchemy import bindparam, desc, func, null, or_, select, union_all, update
from sqlalchemy.dialects.postgresql import insert

from bot.clock import new_id
from bot.domain.posts import Speaker
from bot.ports.storage.records import InboxOutcome, PostRecord, TurnRecord, UtteranceRecord
from bot.storage.statements import Prepared, SqlTransaction
from bot.storage.tables import posts, turns, utterances


def record(row: Any) -> UtteranceRecord:
    return UtteranceRecord(
        id=row.id,
        provider_row=row.provider_session_id,
        mid=row.mid,
        speaker=Speaker(row.speaker),
        text=row.text,
        final=row.final,
        shown=row.shown,
        started_at=row.started_at,
        ended_at=row.ended_at,
    )


_UTTERANCE = insert(utterances)
_SAVE = Prepared(
    _UTTERANCE.on_conflict_do_update(
        index_elements=["id"],
        set_={name: _UTTERANCE.excluded[name] for name in ("text", "final", "shown", "ended_at")},
    )
)
_SHOWN = Prepared(update(utterances).where(utterances.c.id == bindparam("utterance")).values(shown=True))


def save(tx: SqlTransaction, session_id: str, utterance: UtteranceRecord) -> None:
    _SAVE.run(
        tx,
        id=utterance.id,
        session_id=session_id,
        provider_session_id=utterance.provider_row,
        mid=utterance.mid,
        speaker=utterance.speaker,
        text=utterance.text,
        final=utterance.final,
        shown=utterance.shown,
        started_at=utterance.started_at,
        ended_at=utterance.ended_at,
    )


def shown(tx: SqlTransaction, utterance_id: str) -> None:
    _SHOWN.run(tx, utterance=utterance_id)


def recent(tx: SqlTransaction, session_id: str, most: int) -> list[UtteranceRecord]:
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
    return [record(row) for row in tx.connection.execute(query)]


def of_session(tx: SqlTransaction, session_id: str) -> list[UtteranceRecord]:
    query = (
        select(utterances)
        .where(utterances.c.session_id == session_id)
        .order_by(utterances.c.started_at, utterances.c.id)
    )
    return [record(row) for row in tx.connection.execute(query)]


_BY_PEOPLE = turns.c.person_name != ""
"""Not a greeting, which is nobody's."""


def given(tx: SqlTransaction, session_id: str) -> list[TurnRecord]:
    written = func.coalesce(func.nullif(turns.c.words, ""), turns.c.text)
    query = (
        select(turns.c.id, turns.c.person_name, written, turns.c.claimed_at, turns.c.outcome)
        .where(turns.c.session_id == session_id, _BY_PEOPLE)
        .order_by(turns.c.claimed_at, turns.c.id)
    )
    return [TurnRecord(*row[:4], InboxOutcome(row[4])) for row in tx.connection.execute(query)]


def count(tx: SqlTransaction, session_id: str) -> int:
    """How many messages people gave the avatar and how many it said, together."""
    given = select(func.count()).where(turns.c.session_id == session_id, _BY_PEOPLE).scalar_subquery()
    heard = select(func.count()).where(utterances.c.session_id == session_id, utterances.c.text != "").scalar_subquery()
    return int(tx.connection.execute(select(given + heard)).scalar_one())


def conversation(tx: SqlTransaction, session_id: str, most: int, but_turn: str) -> list[tuple[str | None, str]]:
    given = select(turns.c.person_name, turns.c.text, turns.c.claimed_at.label("at")).where(
        turns.c.session_id == session_id, turns.c.id != but_turn, _BY_PEOPLE
    )
    heard = select(null(), utterances.c.text, utterances.c.started_at).where(
        utterances.c.session_id == session_id, utterances.c.speaker == Speaker.BOT, utterances.c.text != ""
    )
    query = union_all(given, heard).order_by(desc("at")).limit(most)
    return [(row[0], row[1]) for row in tx.connection.execute(query)][::-1]


_INTEND = Prepared(insert(posts).on_conflict_do_nothing(index_elements=["source_id", "part"]))
_POSTED = Prepared(update(posts).where(posts.c.source_id == bindparam("source"), posts.c.part == bindparam("number")))


def intend_post(tx: SqlTransaction, session_id: str, post: PostRecord) -> None:
    _INTEND.run(
        tx,
        id=new_id(),
        session_id=session_id,
        source_id=post.source_id,
        part=post.part,
        key=post.key,
        created_at=post.intended_at,
    )


def posted(tx: SqlTransaction, source_id: str, part: int, message_id: str) -> None:
    _POSTED.run(tx, source=source_id, number=part, message_id=message_id)


def posts_of(tx: SqlTransaction, source_id: str) -> list[PostRecord]:
    query = select(posts).where(posts.c.source_id == source_id).order_by(posts.c.part)
    rows = tx.connection.execute(query)
    return [PostRecord(row.source_id, row.part, row.key, row.message_id, row.created_at) for row in rows]

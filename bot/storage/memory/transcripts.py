"""Utterances, what people gave to the avatar, and their posts."""

from collections.abc import Collection
from dataclasses import replace

from bot.domain.posts import Speaker
from bot.ports.storage.records import PostRecord, TurnRecord, UtteranceRecord
from bot.storage.memory.rows import MemoryTransaction, PostRow, TurnRow, UtteranceRow


def of_session(tx: MemoryTransaction, session_id: str) -> list[UtteranceRecord]:
    here = (row.record for row in tx.data.utterances if row.session_id == session_id)
    return sorted(here, key=lambda utterance: (utterance.started_at, utterance.id))


def recent(tx: MemoryTransaction, session_id: str, most: int) -> list[UtteranceRecord]:
    every = of_session(tx, session_id)
    newest = sorted((utterance.id for utterance in every), reverse=True)[:most]
    return [utterance for utterance in every if not utterance.shown or utterance.id in newest]


def given(tx: MemoryTransaction, session_id: str) -> list[TurnRecord]:
    turns = sorted(_given(tx, session_id), key=lambda turn: (turn.claimed_at, turn.id))
    return [
        TurnRecord(turn.id, turn.person_name, turn.words or turn.text, turn.claimed_at, turn.outcome) for turn in turns
    ]


def _given(tx: MemoryTransaction, session_id: str) -> list[TurnRow]:
    """By people: a greeting is nobody's."""
    return [turn for turn in tx.data.turns if turn.session_id == session_id and turn.person_name]


def said_anything(tx: MemoryTransaction, session_id: str) -> bool:
    """Whether anything was given to the avatar or heard of it."""
    rows = (*tx.data.turns, *tx.data.utterances)
    return any(row.session_id == session_id for row in rows)


def count(tx: MemoryTransaction, session_id: str) -> int:
    """How many messages people gave the avatar and how many it said, together."""
    return len(_given(tx, session_id)) + sum(bool(utterance.text) for utterance in of_session(tx, session_id))


def conversation(tx: MemoryTransaction, session_id: str, most: int, but_turn: str) -> list[tuple[str | None, str]]:
    asked = [(turn.claimed_at, turn.person_name, turn.text) for turn in _given(tx, session_id) if turn.id != but_turn]
    heard = [u for u in of_session(tx, session_id) if u.speaker is Speaker.BOT and u.text]
    lines = [*asked, *((utterance.started_at, None, utterance.text) for utterance in heard)]
    lines.sort(key=lambda line: line[0])
    return [(name, text) for _, name, text in lines[-most:]]


def posts_of(tx: MemoryTransaction, source_id: str) -> list[PostRecord]:
    here = (row.record for row in tx.data.posts if row.record.source_id == source_id)
    return sorted(here, key=lambda post: post.part)


# ---------------------------------------------------------------- writing


def save(tx: MemoryTransaction, session_id: str, utterance: UtteranceRecord) -> None:
    known = tx.data.utterances.get(utterance.id)
    if known:
        text, final, shown, ended_at = utterance.text, utterance.final, utterance.shown, utterance.ended_at
        utterance = replace(known.record, text=text, final=final, shown=shown, ended_at=ended_at)
    tx.data.utterances.put(utterance.id, UtteranceRow(session_id, utterance))


def shown(tx: MemoryTransaction, utterance_id: str) -> None:
    if row := tx.data.utterances.get(utterance_id):
        tx.data.utterances.put(utterance_id, replace(row, record=replace(row.record, shown=True)))


def intend_post(tx: MemoryTransaction, session_id: str, post: PostRecord) -> None:
    key = post.source_id, post.part
    if key not in tx.data.posts:
        tx.data.posts.add(key, PostRow(session_id, replace(post, message_id="")))


def posted(tx: MemoryTransaction, source_id: str, part: int, message_id: str) -> None:
    key = source_id, part
    if row := tx.data.posts.get(key):
        tx.data.posts.put(key, replace(row, record=replace(row.record, message_id=message_id)))


def forget(tx: MemoryTransaction, session_ids: Collection[str]) -> None:
    for turn in tx.data.turns:
        if turn.session_id in session_ids:
            tx.data.turns.delete(turn.id)
    for utterance in tx.data.utterances:
        if utterance.session_id in session_ids:
            tx.data.utterances.delete(utterance.record.id)
    for key, post in tx.data.posts.items():
        if post.session_id in session_ids:
            tx.data.posts.delete(key)

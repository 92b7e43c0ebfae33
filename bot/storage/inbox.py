"""The inbox: what was accepted, in which order it waits, what came of it, and how one person's words are forgotten."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Select,
    Table,
    and_,
    bindparam,
    case,
    delete,
    func,
    literal,
    or_,
    select,
    type_coerce,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from bot.domain.conversations import ConversationRef, MessageRef, Role, Suggestion
from bot.domain.posts import Speaker
from bot.ports.storage.records import (
    SAY,
    Conclusion,
    InboxOutcome,
    InboxRecord,
    InboxState,
    NewRow,
    UnfinishedRow,
)
from bot.ports.storage.transactions import EventKey
from bot.storage.decoders import BODY, REPLY_TO, SUGGESTIONS
from bot.storage.encryption import decrypt, encrypt
from bot.storage.statements import NOW, Prepared, SqlTransaction, in_workspace, lasting, one_of
from bot.storage.tables import events, inbox, seen, sessions, turns, utterances

NO_WORDS = "{}"
"""The body of a message of which no word is kept."""


def _these(table: Table, by: ColumnElement[str]) -> Select[Any]:
    return select(table.c.platform, table.c.workspace_id, table.c.event_id, by).where(
        one_of(table.c.platform, "platforms"),
        one_of(table.c.workspace_id, "workspaces"),
        one_of(table.c.event_id, "events"),
    )


_SEEN = _these(seen, seen.c.answered_by).where(type_coerce(seen.c.until, BigInteger) > NOW)
_KNOWN = Prepared(union_all(_these(inbox, literal("").label("answered_by")), _SEEN))


def known_events(tx: SqlTransaction, events: Collection[EventKey]) -> dict[EventKey, bool]:
    """Which of these were accepted or answered before, or else are being answered, and perhaps some more of their workspaces."""
    platforms, workspaces, ids = ([*{event[at] for event in events}] for at in range(3))
    rows = _KNOWN.rows(tx, platforms=platforms, workspaces=workspaces, events=ids, now=tx.shared_now)
    known: dict[EventKey, bool] = {}
    for *event, answered_by in rows:
        key = (event[0], event[1], event[2])
        known[key] = not answered_by or known.get(key, False)
    return known


_AUTHORS = Prepared(
    select(inbox.c.session_id, inbox.c.person_id, func.count().label("messages"))
    .where(one_of(inbox.c.session_id, "sessions"), inbox.c.state == InboxState.WAITING, inbox.c.verb == SAY)
    .group_by(inbox.c.session_id, inbox.c.person_id)
)


def waiting_authors(tx: SqlTransaction, session_ids: Iterable[str]) -> dict[tuple[str, str], int]:
    """How many messages of (session id, person id) wait to be spoken."""
    return {(row[0], row[1]): row[2] for row in _AUTHORS.rows(tx, sessions=list(session_ids))}


_STANDS = Prepared(select(inbox.c.id).where(inbox.c.id == bindparam("row")))


def stands(tx: SqlTransaction, row_id: str) -> bool:
    return _STANDS.first(tx, row=row_id) is not None


_ADD = Prepared(insert(inbox).on_conflict_do_nothing(index_elements=["id"]))


def add(tx: SqlTransaction, rows: Iterable[NewRow]) -> None:
    """Insert what was admitted, in one statement."""
    _ADD.run_each(tx, [_values(tx, row) for row in rows])


def _values(tx: SqlTransaction, row: NewRow) -> dict[str, Any]:
    inbound, place = row.inbound, row.place
    return {
        "id": row.id,
        "platform": inbound.place.platform,
        "workspace_id": inbound.place.workspace_id,
        "event_id": inbound.event_id,
        "session_id": row.session_id,
        "stamp": inbound.sequence,
        "verb": row.verb,
        "body": _written(row.body),
        "person_id": inbound.person.id,
        "person_name": inbound.person.name,
        "person_role": row.role,
        "place_channel_id": place.channel_id,
        "place_thread_id": place.thread_id,
        "message_id": row.message.message_id if row.message else "",
        "reply_to": encrypt(tx.cipher, inbound.reply_to) if inbound.reply_to else None,
        "state": InboxState.WAITING,
        "created_at": tx.now,
    }


def _written(body: Mapping[str, str]) -> str:
    return msgspec.json.encode(body).decode()


# ---------------------------------------------------------------- reading


def record(tx: SqlTransaction, row: Any) -> InboxRecord:
    place = ConversationRef(row.platform, row.workspace_id, row.place_channel_id, row.place_thread_id)
    return InboxRecord(
        id=row.id,
        session_id=row.session_id,
        sequence=row.stamp,
        verb=row.verb,
        body=BODY.decode(row.body),
        person_id=row.person_id,
        person_name=row.person_name,
        role=Role(row.person_role),
        place=place,
        message=MessageRef(place, row.message_id) if row.message_id else None,
        reply_to=decrypt(tx.cipher, row.reply_to, REPLY_TO) if row.reply_to else None,
        state=InboxState(row.state),
        outcome=InboxOutcome(row.outcome),
        sentence=row.sentence,
        created_at=row.created_at,
        suggestions=SUGGESTIONS.decode(row.suggestions) if row.suggestions else (),
    )


_BY_ID = Prepared(select(inbox).where(inbox.c.id == bindparam("row")))
_BY_EVENT = Prepared(
    select(inbox).where(
        inbox.c.platform == bindparam("platform"),
        inbox.c.workspace_id == bindparam("workspace"),
        inbox.c.event_id == bindparam("event"),
    )
)


def get(tx: SqlTransaction, row_id: str) -> InboxRecord | None:
    row = _BY_ID.first(tx, row=row_id)
    return record(tx, row) if row else None


def of_event(tx: SqlTransaction, place: ConversationRef, event_id: str) -> InboxRecord | None:
    row = _BY_EVENT.first(tx, platform=place.platform, workspace=place.workspace_id, event=event_id)
    return record(tx, row) if row else None


def _waiting(verb: Any) -> Prepared:
    here = and_(inbox.c.session_id == bindparam("session"), inbox.c.state == InboxState.WAITING, verb)
    return Prepared(select(inbox).where(here).order_by(inbox.c.stamp, inbox.c.id))


_WAITING_TURNS, _WAITING_CONTROLS = _waiting(inbox.c.verb == SAY), _waiting(inbox.c.verb != SAY)


def waiting_turns(tx: SqlTransaction, session_id: str) -> list[InboxRecord]:
    return [record(tx, row) for row in _WAITING_TURNS.rows(tx, session=session_id)]


def waiting_controls(tx: SqlTransaction, session_id: str) -> list[InboxRecord]:
    return [record(tx, row) for row in _WAITING_CONTROLS.rows(tx, session=session_id)]


def unfinished(tx: SqlTransaction, session_id: str) -> list[UnfinishedRow]:
    """All of a session that has no outcome yet."""
    here = and_(inbox.c.session_id == session_id, inbox.c.state != InboxState.DONE)
    rows = tx.connection.execute(select(inbox.c.id, inbox.c.verb, inbox.c.state).where(here))
    return [UnfinishedRow(row.id, row.verb, InboxState(row.state)) for row in rows]


def stopped_by(tx: SqlTransaction, session_id: str) -> str:
    """The name of whoever asked for a session's end, the last if several did; `''` where nobody did."""
    stops = select(inbox.c.person_name).where(inbox.c.session_id == session_id, inbox.c.verb == "stop")
    query = stops.order_by(inbox.c.stamp.desc(), inbox.c.id.desc()).limit(1)
    return tx.connection.execute(query).scalar_one_or_none() or ""


_WRITERS = Prepared(
    select(inbox.c.person_id)
    .where(inbox.c.session_id == bindparam("session"), inbox.c.verb == SAY, inbox.c.person_id != "")
    .distinct()
)


def authors(tx: SqlTransaction, session_id: str) -> frozenset[str]:
    return frozenset(row.person_id for row in _WRITERS.rows(tx, session=session_id))


_WAITS_FOR = Prepared(
    select(inbox.c.session_id, inbox.c.id)
    .join_from(inbox, sessions)
    .where(inbox.c.state == InboxState.WAITING, sessions.c.worker_id == bindparam("worker"))
)


def waiting_ids(tx: SqlTransaction, worker_id: str) -> list[tuple[str, str]]:
    return [(row.session_id, row.id) for row in _WAITS_FOR.rows(tx, worker=worker_id)]


def count_waiting(tx: SqlTransaction, session_id: str) -> int:
    waits = and_(inbox.c.session_id == session_id, inbox.c.state == InboxState.WAITING, inbox.c.verb == SAY)
    return int(tx.connection.execute(select(func.count()).where(waits)).scalar_one())


def count_all_waiting(tx: SqlTransaction) -> int:
    query = select(func.count()).where(inbox.c.state == InboxState.WAITING)
    return int(tx.connection.execute(query).scalar_one())


def count_outcomes(
    tx: SqlTransaction, platform: str, workspace_id: str, since: datetime, outcomes: Collection[InboxOutcome]
) -> Mapping[InboxOutcome, int]:
    there = and_(in_workspace(inbox, platform, workspace_id), inbox.c.done_at >= since, inbox.c.outcome.in_(outcomes))
    query = select(inbox.c.outcome, func.count()).where(there).group_by(inbox.c.outcome)
    return {InboxOutcome(row[0]): row[1] for row in tx.connection.execute(query)}


_FREE = or_(
    inbox.c.told_until.is_(None), type_coerce(inbox.c.told_until, BigInteger) <= NOW, inbox.c.told_by == bindparam("by")
)
_DUE = (
    select(inbox.c.id)
    .where(inbox.c.reply_due, one_of(inbox.c.platform, "platforms"), _FREE)
    .order_by(inbox.c.done_at, inbox.c.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True, key_share=True)
    .cte("due")
    .prefix_with("MATERIALIZED")
)
_CLAIM_REPLIES = Prepared(
    update(inbox)
    .where(inbox.c.id.in_(select(_DUE.c.id)))
    .values(told_by=bindparam("by"), told_until=NOW + bindparam("lasts", type_=BigInteger))
    .returning(*inbox.c)
)
_PUT_OFF = Prepared(
    update(inbox)
    .where(one_of(inbox.c.id, "rows"))
    .values(told_by="", told_until=NOW + bindparam("lasts", type_=BigInteger))
)


def claim_replies(
    tx: SqlTransaction, platforms: Collection[str], most: int, by: str, *, lasts: timedelta
) -> list[InboxRecord]:
    given = {"platforms": list(platforms), "most": most, "by": by, "lasts": lasting(lasts), "now": tx.shared_now}
    rows = sorted(_CLAIM_REPLIES.rows(tx, **given), key=lambda row: (row.done_at, row.id))
    return [record(tx, row) for row in rows]


def put_off_replies(tx: SqlTransaction, row_ids: Collection[str], *, lasts: timedelta) -> None:
    _PUT_OFF.run(tx, rows=list(row_ids), lasts=lasting(lasts), now=tx.shared_now)


_REPLY_SENT = Prepared(update(inbox).where(inbox.c.id == bindparam("row")).values(reply_due=False, reply_to=None))


def reply_sent(tx: SqlTransaction, row_id: str) -> None:
    _REPLY_SENT.run(tx, row=row_id)


# ---------------------------------------------------------------- what waits is edited, withdrawn, claimed


def edit_waiting(tx: SqlTransaction, ref: MessageRef, text: str) -> None:
    _change_waiting(tx, ref, {"body": _written({"text": text})})


def withdraw_waiting(tx: SqlTransaction, ref: MessageRef) -> None:
    values = {"state": InboxState.DONE, "outcome": InboxOutcome.WITHDRAWN, "done_at": tx.now, "body": NO_WORDS}
    _change_waiting(tx, ref, values)


def _change_waiting(tx: SqlTransaction, ref: MessageRef, values: dict[str, Any]) -> None:
    waits = and_(
        in_workspace(inbox, ref.place.platform, ref.place.workspace_id),
        inbox.c.message_id == ref.message_id,
        inbox.c.place_channel_id == ref.place.channel_id,
        inbox.c.state == InboxState.WAITING,
    )
    tx.connection.execute(update(inbox).where(waits).values(values))


_CLAIM = Prepared(
    update(inbox)
    .where(inbox.c.id == bindparam("row"), inbox.c.state == InboxState.WAITING, inbox.c.body == bindparam("read"))
    .values(state=InboxState.CLAIMED)
)
_ADD_TURN = Prepared(insert(turns))


def claim_turn(tx: SqlTransaction, row: InboxRecord, provider_row: str, text: str) -> bool:
    if _CLAIM.run(tx, row=row.id, read=_written(row.body)) != 1:
        return False
    _ADD_TURN.run(
        tx,
        id=row.id,
        session_id=row.session_id,
        provider_session_id=provider_row,
        person_name=row.person_name,
        text=text,
        words=row.text,
        claimed_at=tx.now,
    )
    return True


_CLAIMED = Prepared(select(turns.c.id).where(turns.c.id == bindparam("turn")))


def is_claimed(tx: SqlTransaction, row_id: str) -> bool:
    return _CLAIMED.first(tx, turn=row_id) is not None


# ---------------------------------------------------------------- outcomes

_END_TURN = Prepared(update(turns).where(turns.c.id == bindparam("turn"), turns.c.outcome == ""))
_CONCLUDE = Prepared(
    update(inbox)
    .where(inbox.c.id == bindparam("row"), inbox.c.state != InboxState.DONE)
    .values(
        state=InboxState.DONE,
        body=case((bindparam("kept", type_=Boolean), inbox.c.body), else_=NO_WORDS),
        reply_due=and_(
            bindparam("told", type_=Boolean),
            inbox.c.person_id != "",
            or_(bindparam("bad", type_=Boolean), inbox.c.reply_to.is_not(None)),
        ),
    )
)


def conclude(tx: SqlTransaction, conclusions: Iterable[Conclusion]) -> None:
    """Give rows that have none an outcome. Good news is told to those only who wait for an answer; of what was refused no word is kept."""
    _CONCLUDE.run_each(tx, [_outcome(tx, conclusion) for conclusion in conclusions])


def _outcome(tx: SqlTransaction, conclusion: Conclusion) -> dict[str, object]:
    return {
        "row": conclusion.row_id,
        "outcome": conclusion.outcome,
        "sentence": conclusion.sentence,
        "suggestions": msgspec.json.encode(conclusion.suggestions).decode() if conclusion.suggestions else "",
        "done_at": tx.now,
        "kept": conclusion.outcome.keeps_words,
        "told": bool(conclusion.sentence),
        "bad": conclusion.outcome is not InboxOutcome.DONE,
    }


def finish(
    tx: SqlTransaction, row_id: str, outcome: InboxOutcome, sentence: str, suggestions: Sequence[Suggestion]
) -> None:
    conclude(tx, [Conclusion(row_id, outcome, sentence, tuple(suggestions))])
    _END_TURN.run(tx, turn=row_id, outcome=outcome, ended_at=tx.now)


# ---------------------------------------------------------------- forgetting one person's words


def count_of_person(tx: SqlTransaction, place: ConversationRef, person_id: str) -> int:
    kept = or_(inbox.c.state == InboxState.WAITING, inbox.c.id.in_(select(turns.c.id)))
    query = select(func.count()).where(_said_by(place, person_id), kept)
    return int(tx.connection.execute(query).scalar_one())


def forget_person(tx: SqlTransaction, place: ConversationRef, person_id: str) -> int:
    messages, theirs = count_of_person(tx, place, person_id), _said_by(place, person_id)
    ids = select(inbox.c.id).where(theirs)
    withdrawn = {"state": InboxState.DONE, "outcome": InboxOutcome.WITHDRAWN, "done_at": tx.now}
    tx.connection.execute(update(inbox).where(theirs, inbox.c.state == InboxState.WAITING).values(withdrawn))
    tx.connection.execute(delete(utterances).where(utterances.c.speaker == Speaker.USER, utterances.c.mid.in_(ids)))
    tx.connection.execute(delete(turns).where(turns.c.id.in_(ids)))
    tx.connection.execute(delete(events).where(events.c.author_row.in_(ids)))
    tx.connection.execute(update(inbox).where(theirs).values(body=NO_WORDS))
    return messages


def _said_by(place: ConversationRef, person_id: str) -> ColumnElement[bool]:
    here = in_workspace(inbox, place.platform, place.workspace_id)
    return and_(here, inbox.c.person_id == person_id, inbox.c.verb == SAY)

"""The inbox: what was accepted, in which order it waits, and what came of it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Boolean, Connection, Row, and_, bindparam, func, insert, or_, select, update

from bot.domain.conversations import ConversationRef, MessageRef
from bot.domain.messages import Inbound, ReplyTo, Suggestion
from bot.domain.people import Role
from bot.storage.encryption import Cipher, decrypt, encrypt
from bot.storage.records import InboxRecord, Lease
from bot.storage.sessions import fence
from bot.storage.tables import inbox, sessions, turns

WAITING, CLAIMED, DONE = "waiting", "claimed", "done"
SAY = "say"
GOOD_NEWS = "done"

MODERATED, UNCHECKED, ANSWER_MODERATED = "moderated", "unchecked", "answer moderated"
"""Outcomes: a message was refused, or could not be checked in time; what an own language model answers was refused, in part or whole."""

_WITHOUT_WORDS = frozenset({MODERATED, UNCHECKED})


@dataclass(frozen=True, slots=True)
class NewRow:
    """An inbound on its way into the inbox."""

    id: str
    session_id: str
    inbound: Inbound
    verb: str
    body: Mapping[str, str]
    message: MessageRef | None
    role: Role


_KNOWN = select(inbox.c.platform, inbox.c.workspace_id, inbox.c.event_id).where(
    inbox.c.platform.in_(bindparam("platforms", expanding=True)),
    inbox.c.workspace_id.in_(bindparam("workspaces", expanding=True)),
    inbox.c.event_id.in_(bindparam("events", expanding=True)),
)


def known_events(connection: Connection, inbounds: Iterable[Inbound]) -> set[tuple[str, str, str]]:
    """Which (platform, workspace, event id) were accepted before."""
    inbounds = tuple(inbounds)
    asked = {
        "platforms": list({i.place.platform for i in inbounds}),
        "workspaces": list({i.place.workspace_id for i in inbounds}),
        "events": list({i.event_id for i in inbounds}),
    }
    return {(row[0], row[1], row[2]) for row in connection.execute(_KNOWN, asked)}


_AUTHORS = (
    select(inbox.c.session_id, inbox.c.person_id, func.count())
    .where(inbox.c.session_id.in_(bindparam("sessions", expanding=True)), inbox.c.state == WAITING, inbox.c.verb == SAY)
    .group_by(inbox.c.session_id, inbox.c.person_id)
)


def waiting_authors(connection: Connection, session_ids: Iterable[str]) -> dict[tuple[str, str], int]:
    """How many messages of (session id, person id) wait to be spoken."""
    return {(row[0], row[1]): row[2] for row in connection.execute(_AUTHORS, {"sessions": list(session_ids)}).all()}


_ADD = insert(inbox)


def add(connection: Connection, cipher: Cipher, rows: Sequence[NewRow], now: datetime) -> None:
    """Insert what was admitted, in one statement."""
    connection.execute(_ADD, [_values(row, cipher, now) for row in rows])


def _values(row: NewRow, cipher: Cipher, now: datetime) -> dict[str, Any]:
    inbound = row.inbound
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
        "place_thread_id": (row.message.place if row.message else inbound.place).thread_id,
        "message_id": row.message.message_id if row.message else "",
        "reply_to": encrypt(cipher, inbound.reply_to) if inbound.reply_to else None,
        "state": WAITING,
        "created_at": now,
    }


def _written(body: Mapping[str, str]) -> str:
    return msgspec.json.encode(body).decode()


def record(row: Row[Any], cipher: Cipher) -> InboxRecord:
    m = row._mapping  # noqa: SLF001 - the documented way to columns by name
    place = ConversationRef(m["platform"], m["workspace_id"], m["channel_id"], m["place_thread_id"])
    return InboxRecord(
        id=m["id"],
        session_id=m["session_id"],
        sequence=m["stamp"],
        verb=m["verb"],
        body=msgspec.json.decode(m["body"], type=dict[str, str]),
        person_id=m["person_id"],
        person_name=m["person_name"],
        role=Role(m["person_role"]),
        place=place,
        message=MessageRef(place, m["message_id"]) if m["message_id"] else None,
        reply_to=decrypt(cipher, m["reply_to"], ReplyTo) if m["reply_to"] else None,
        state=m["state"],
        outcome=m["outcome"],
        sentence=m["sentence"],
        created_at=m["created_at"],
        suggestions=msgspec.json.decode(m["suggestions"] or "[]", type=tuple[Suggestion, ...]),
    )


_ROWS = select(inbox, sessions.c.channel_id).join(sessions, sessions.c.id == inbox.c.session_id)


_WAITING = _ROWS.where(inbox.c.session_id == bindparam("session"), inbox.c.state == WAITING).order_by(
    inbox.c.stamp, inbox.c.id
)
_WAITING_TURNS, _WAITING_CONTROLS = _WAITING.where(inbox.c.verb == SAY), _WAITING.where(inbox.c.verb != SAY)


def waiting_turns(connection: Connection, cipher: Cipher, session_id: str) -> list[InboxRecord]:
    """What waits in a session to be spoken, lowest sequence first."""
    return [record(row, cipher) for row in connection.execute(_WAITING_TURNS, {"session": session_id})]


def waiting_controls(connection: Connection, cipher: Cipher, session_id: str) -> list[InboxRecord]:
    """What waits in a session and overtakes turns, lowest sequence first."""
    return [record(row, cipher) for row in connection.execute(_WAITING_CONTROLS, {"session": session_id})]


def edit_waiting(connection: Connection, ref: MessageRef, text: str) -> int:
    """A waiting message was edited. Returns how many rows that concerned."""
    return _change_waiting(connection, ref, {"body": _written({"text": text})})


def withdraw_waiting(connection: Connection, ref: MessageRef, now: datetime) -> int:
    """A waiting message was deleted."""
    gone = {"state": DONE, "outcome": "withdrawn", "done_at": now, "body": _written({})}
    return _change_waiting(connection, ref, gone)


def _change_waiting(connection: Connection, ref: MessageRef, values: dict[str, Any]) -> int:
    result = connection.execute(
        update(inbox)
        .where(
            inbox.c.platform == ref.place.platform,
            inbox.c.workspace_id == ref.place.workspace_id,
            inbox.c.message_id == ref.message_id,
            inbox.c.state == WAITING,
            inbox.c.session_id.in_(select(sessions.c.id).where(sessions.c.channel_id == ref.place.channel_id)),
        )
        .values(values)
    )
    return result.rowcount


_CLAIM = (
    update(inbox)
    .where(inbox.c.id == bindparam("row"), inbox.c.state == WAITING, inbox.c.body == bindparam("read"))
    .values(state=CLAIMED)
)
_ADD_TURN = insert(turns)


def claim_turn(  # noqa: PLR0917
    connection: Connection,
    lease: Lease,
    row: InboxRecord,
    provider_session_id: str,
    text: str,
    now: datetime,
) -> bool:
    """Claim a waiting message before it is sent. False when it no longer waits, or no longer says what was read.

    Raises `LeaseLost`.
    """
    fence(connection, lease)
    if connection.execute(_CLAIM, {"row": row.id, "read": _written(row.body)}).rowcount != 1:
        return False
    turn = {
        "id": row.id,
        "session_id": lease.session_id,
        "provider_session_id": provider_session_id,
        "person_name": row.person_name,
        "text": text,
        "words": row.text,
        "claimed_at": now,
    }
    connection.execute(_ADD_TURN, turn)
    return True


_FORGET_WORDS = update(inbox).where(inbox.c.id == bindparam("row")).values(body=_written({}))
_END_TURN = update(turns).where(turns.c.id == bindparam("turn"), turns.c.outcome == "")


def finish(  # noqa: PLR0917
    connection: Connection, lease: Lease, row_id: str, outcome: str, sentence: str, now: datetime
) -> None:
    """Give a row its outcome; a sentence is then due to its author. Of what was refused no word is kept. Raises `LeaseLost`."""
    fence(connection, lease)
    conclude(connection, [row_id], outcome, sentence, now)
    if outcome in _WITHOUT_WORDS:
        connection.execute(_FORGET_WORDS, {"row": row_id})
    connection.execute(_END_TURN, {"turn": row_id, "outcome": outcome, "ended_at": now})


_CONCLUDE = (
    update(inbox)
    .where(inbox.c.id == bindparam("row"), inbox.c.state != DONE)
    .values(
        state=DONE,
        reply_due=and_(
            bindparam("told", type_=Boolean),
            inbox.c.person_id != "",
            or_(bindparam("bad", type_=Boolean), inbox.c.reply_to.is_not(None)),
        ),
    )
)


def conclude(connection: Connection, row_ids: Iterable[str], outcome: str, sentence: str, now: datetime) -> None:
    """Give rows that have none an outcome. Good news is told to those only who wait for an answer."""
    values = {"outcome": outcome, "sentence": sentence, "done_at": now}
    news = {"told": bool(sentence), "bad": outcome != GOOD_NEWS}
    if rows := [{"row": row_id, **news, **values} for row_id in row_ids]:
        connection.execute(_CONCLUDE, rows)


def suggest(connection: Connection, row_ids: Collection[str], suggestions: Sequence[Suggestion]) -> None:
    """Keep which names may have been meant, for the answer to these rows."""
    kept = msgspec.json.encode(suggestions).decode()
    if suggestions:
        connection.execute(update(inbox).where(inbox.c.id.in_(row_ids)).values(suggestions=kept))


def unfinished(connection: Connection, session_id: str) -> list[tuple[str, str, str]]:
    """(id, verb, state) of all that has no outcome yet."""
    query = select(inbox.c.id, inbox.c.verb, inbox.c.state).where(
        inbox.c.session_id == session_id, inbox.c.state != DONE
    )
    return [(row[0], row[1], row[2]) for row in connection.execute(query)]


def stopped_by(connection: Connection, session_id: str) -> str:
    """The name of whoever asked for a session's end, the last if several did; `''` where nobody did."""
    query = (
        select(inbox.c.person_name)
        .where(inbox.c.session_id == session_id, inbox.c.verb == "stop")
        .order_by(inbox.c.stamp.desc())
        .limit(1)
    )
    return connection.execute(query).scalar_one_or_none() or ""


def authors(connection: Connection, session_id: str) -> frozenset[str]:
    """The ids of everybody who has written to the avatar of a session."""
    query = select(inbox.c.person_id).where(
        inbox.c.session_id == session_id, inbox.c.verb == SAY, inbox.c.person_id != ""
    )
    return frozenset(connection.execute(query.distinct()).scalars())


def sessions_with_waiting(connection: Connection) -> list[str]:
    """Where something waits: for a worker that may have missed a wakeup."""
    query = select(inbox.c.session_id).where(inbox.c.state == WAITING).distinct()
    return list(connection.execute(query).scalars())


def count_waiting(connection: Connection, session_id: str) -> int:
    query = select(func.count()).where(inbox.c.session_id == session_id, inbox.c.state == WAITING, inbox.c.verb == SAY)
    return int(connection.execute(query).scalar_one())


def count_outcomes(
    connection: Connection, platform: str, workspace_id: str, since: datetime, outcomes: Collection[str]
) -> dict[str, int]:
    """How often each of these was the outcome in a workspace, of what is kept."""
    query = (
        select(inbox.c.outcome, func.count())
        .where(
            inbox.c.platform == platform,
            inbox.c.workspace_id == workspace_id,
            inbox.c.done_at >= since,
            inbox.c.outcome.in_(outcomes),
        )
        .group_by(inbox.c.outcome)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def replies_due(connection: Connection, cipher: Cipher, platforms: Sequence[str], limit: int) -> list[InboxRecord]:
    """Rows of these platforms whose author is still to be told something, oldest first; any workspace's."""
    query = _ROWS.where(inbox.c.reply_due, inbox.c.platform.in_(platforms)).order_by(inbox.c.done_at).limit(limit)
    return [record(row, cipher) for row in connection.execute(query)]


def reply_sent(connection: Connection, row_id: str) -> None:
    """The author was told, so the handle is deleted."""
    connection.execute(update(inbox).where(inbox.c.id == row_id).values(reply_due=False, reply_to=None))

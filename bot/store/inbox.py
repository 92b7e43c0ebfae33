"""The inbox: what was accepted, in which order it waits, and what came of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Row, false, func, insert, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.model import Inbound, MessageRef, Place, ReplyTo, Role
from bot.store.cipher import Cipher
from bot.store.records import InboxRecord, Lease
from bot.store.sealing import opened, sealed
from bot.store.sessions import fence
from bot.store.tables import inbox, sessions, turns

WAITING, CLAIMED, DONE = "waiting", "claimed", "done"
SAY = "say"
GOOD_NEWS = "done"


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


async def known_events(connection: AsyncConnection, inbounds: Iterable[Inbound]) -> set[tuple[str, str, str]]:
    """Which (platform, workspace, event id) were accepted before."""
    inbounds = tuple(inbounds)
    query = select(inbox.c.platform, inbox.c.workspace_id, inbox.c.event_id).where(
        inbox.c.platform.in_({i.place.platform for i in inbounds}),
        inbox.c.workspace_id.in_({i.place.workspace_id for i in inbounds}),
        inbox.c.event_id.in_({i.event_id for i in inbounds}),
    )
    return {(row[0], row[1], row[2]) for row in await connection.execute(query)}


async def waiting_turns(connection: AsyncConnection, session_ids: Iterable[str]) -> list[tuple[str, str]]:
    """One (session id, person id) for each message that waits to be spoken."""
    query = select(inbox.c.session_id, inbox.c.person_id).where(
        inbox.c.session_id.in_(tuple(session_ids)), inbox.c.state == WAITING, inbox.c.verb == SAY
    )
    return [(row[0], row[1]) for row in await connection.execute(query)]


async def add(connection: AsyncConnection, cipher: Cipher, rows: Sequence[NewRow], now: datetime) -> None:
    """Insert what was admitted, in one statement."""
    await connection.execute(insert(inbox), [_values(row, cipher, now) for row in rows])


def _values(row: NewRow, cipher: Cipher, now: datetime) -> dict[str, Any]:
    inbound = row.inbound
    return {
        "id": row.id,
        "platform": inbound.place.platform,
        "workspace_id": inbound.place.workspace_id,
        "event_id": inbound.event_id,
        "session_id": row.session_id,
        "stamp": inbound.stamp,
        "verb": row.verb,
        "body": msgspec.json.encode(row.body).decode(),
        "person_id": inbound.person.id,
        "person_name": inbound.person.name,
        "person_role": row.role,
        "place_thread_id": (row.message.place if row.message else inbound.place).thread_id,
        "message_id": row.message.message_id if row.message else "",
        "reply_to": sealed(cipher, inbound.reply_to) if inbound.reply_to else None,
        "state": WAITING,
        "created_at": now,
    }


def record(row: Row[Any], cipher: Cipher) -> InboxRecord:
    m = row._mapping  # noqa: SLF001 - the documented way to columns by name
    place = Place(m["platform"], m["workspace_id"], m["channel_id"], m["place_thread_id"])
    return InboxRecord(
        id=m["id"],
        session_id=m["session_id"],
        stamp=m["stamp"],
        verb=m["verb"],
        body=msgspec.json.decode(m["body"], type=dict[str, str]),
        person_id=m["person_id"],
        person_name=m["person_name"],
        role=Role(m["person_role"]),
        place=place,
        message=MessageRef(place, m["message_id"]) if m["message_id"] else None,
        reply_to=opened(cipher, m["reply_to"], ReplyTo) if m["reply_to"] else None,
        state=m["state"],
        outcome=m["outcome"],
        sentence=m["sentence"],
        created_at=m["created_at"],
    )


_ROWS = select(inbox, sessions.c.channel_id).join(sessions, sessions.c.id == inbox.c.session_id)


async def waiting(connection: AsyncConnection, cipher: Cipher, session_id: str) -> list[InboxRecord]:
    """What waits in a session, lowest stamp first."""
    query = _ROWS.where(inbox.c.session_id == session_id, inbox.c.state == WAITING).order_by(inbox.c.stamp, inbox.c.id)
    return [record(row, cipher) for row in await connection.execute(query)]


async def edit_waiting(connection: AsyncConnection, ref: MessageRef, text: str) -> int:
    """A waiting message was edited. Returns how many rows that concerned."""
    return await _change_waiting(connection, ref, {"body": msgspec.json.encode({"text": text}).decode()})


async def withdraw_waiting(connection: AsyncConnection, ref: MessageRef, now: datetime) -> int:
    """A waiting message was deleted."""
    return await _change_waiting(connection, ref, {"state": DONE, "outcome": "withdrawn", "done_at": now})


async def _change_waiting(connection: AsyncConnection, ref: MessageRef, values: dict[str, Any]) -> int:
    result = await connection.execute(
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


async def claim_turn(  # noqa: PLR0917
    connection: AsyncConnection,
    lease: Lease,
    row_id: str,
    person_name: str,
    provider_session_id: str,
    text: str,
    now: datetime,
) -> bool:
    """Claim a waiting message before it is sent. False when it no longer waits. Raises `LeaseLost`."""
    await fence(connection, lease)
    claimed = await connection.execute(
        update(inbox).where(inbox.c.id == row_id, inbox.c.state == WAITING).values(state=CLAIMED)
    )
    if claimed.rowcount != 1:
        return False
    await connection.execute(
        insert(turns).values(
            id=row_id,
            session_id=lease.session_id,
            provider_session_id=provider_session_id,
            person_name=person_name,
            text=text,
            claimed_at=now,
        )
    )
    return True


async def finish(  # noqa: PLR0917
    connection: AsyncConnection, lease: Lease, row_id: str, outcome: str, sentence: str, now: datetime
) -> None:
    """Give a row its outcome; a sentence is then due to its author. Raises `LeaseLost`."""
    await fence(connection, lease)
    await conclude(connection, [row_id], outcome, sentence, now)
    await connection.execute(
        update(turns).where(turns.c.id == row_id, turns.c.outcome == "").values(outcome=outcome, ended_at=now)
    )


async def conclude(
    connection: AsyncConnection, row_ids: Iterable[str], outcome: str, sentence: str, now: datetime
) -> None:
    """Give rows that have none an outcome. Good news is told to those only who wait for an answer."""
    due = inbox.c.reply_to.is_not(None) if outcome == GOOD_NEWS else true()
    await connection.execute(
        update(inbox)
        .where(inbox.c.id.in_(tuple(row_ids)), inbox.c.state != DONE)
        .values(state=DONE, outcome=outcome, sentence=sentence, reply_due=due if sentence else false(), done_at=now)
    )


async def unfinished(connection: AsyncConnection, session_id: str) -> list[tuple[str, str, str]]:
    """(id, verb, state) of all that has no outcome yet."""
    query = select(inbox.c.id, inbox.c.verb, inbox.c.state).where(
        inbox.c.session_id == session_id, inbox.c.state != DONE
    )
    return [(row[0], row[1], row[2]) for row in await connection.execute(query)]


async def sessions_with_waiting(connection: AsyncConnection) -> list[str]:
    """Where something waits: for a worker that may have missed the bell."""
    query = select(inbox.c.session_id).where(inbox.c.state == WAITING).distinct()
    return list((await connection.execute(query)).scalars())


async def count_waiting(connection: AsyncConnection, session_id: str) -> int:
    query = select(func.count()).where(inbox.c.session_id == session_id, inbox.c.state == WAITING, inbox.c.verb == SAY)
    return int((await connection.execute(query)).scalar_one())


async def replies_due(
    connection: AsyncConnection, cipher: Cipher, platforms: Sequence[str], limit: int
) -> list[InboxRecord]:
    """Rows of these platforms whose author is still to be told something, oldest first; any workspace's."""
    query = _ROWS.where(inbox.c.reply_due, inbox.c.platform.in_(platforms)).order_by(inbox.c.done_at).limit(limit)
    return [record(row, cipher) for row in await connection.execute(query)]


async def reply_sent(connection: AsyncConnection, row_id: str) -> None:
    """The author was told, so the handle is deleted."""
    await connection.execute(update(inbox).where(inbox.c.id == row_id).values(reply_due=False, reply_to=None))

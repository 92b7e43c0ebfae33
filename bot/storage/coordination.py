"""What several processes agree on: each a row that one of them has until it runs out, and the shards that each gateway receives. A statement
that is run twice answers the same.
"""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, and_, case, delete, literal, or_, select, type_coerce, update
from sqlalchemy.dialects.postgresql import Insert, insert

from bot.domain.conversations import ConversationRef
from bot.ports.processes import HeldShards
from bot.ports.storage.coordination import Reading, SharedList
from bot.process_roles import ProcessRole
from bot.storage.sessions import ENDED
from bot.storage.shares import shared_out
from bot.storage.statements import NOW, SqlTransaction, lasting
from bot.storage.tables import budgets, inbox, jobs, offers, seen, sessions, shards, workers
from bot.storage.workers import spared

NOBODY = ""
"""Who answers what was answered."""

KEPT = timedelta(days=1)
"""After which a budget that nobody uses has no row."""


def _ran(tx: SqlTransaction, statement: Any) -> Any:
    return tx.connection.execute(statement, {"now": tx.shared_now})


def _took(tx: SqlTransaction, upsert: Insert) -> bool:
    """Whether there is a row of it now that was written."""
    return _ran(tx, upsert.returning(literal(1))).first() is not None


def _instant(column: ColumnElement[Any]) -> ColumnElement[int]:
    """As a number, for arithmetic with `NOW`."""
    return type_coerce(column, BigInteger)


def _passed(column: ColumnElement[Any]) -> ColumnElement[bool]:
    return _instant(column) <= NOW


# ---------------------------------------------------------------- who answers


def first_to_answer(tx: SqlTransaction, place: ConversationRef, event_id: str, by: str, *, lasts: timedelta) -> bool:
    return _mark(tx, place, event_id, by, holder=by, lasts=lasts)


def answered(tx: SqlTransaction, place: ConversationRef, event_id: str, by: str, *, lasts: timedelta) -> None:
    _mark(tx, place, event_id, by, holder=NOBODY, lasts=lasts)


def _mark(tx: SqlTransaction, place: ConversationRef, event_id: str, by: str, *, holder: str, lasts: timedelta) -> bool:
    added = insert(seen).values(
        platform=place.platform,
        workspace_id=place.workspace_id,
        event_id=event_id,
        answered_by=holder,
        until=NOW + lasting(lasts),
    )
    taken = added.on_conflict_do_update(
        index_elements=["platform", "workspace_id", "event_id"],
        set_={"answered_by": added.excluded.answered_by, "until": added.excluded.until},
        where=or_(_passed(seen.c.until), seen.c.answered_by == by),
    )
    return _took(tx, taken)


# ---------------------------------------------------------------- who does a job


def hold(tx: SqlTransaction, job: str, holder: str, *, lasts: timedelta) -> bool:
    added = insert(jobs).values(name=job, holder=holder, until=NOW + lasting(lasts))
    taken = added.on_conflict_do_update(
        index_elements=["name"],
        set_={"holder": added.excluded.holder, "until": added.excluded.until},
        where=or_(_passed(jobs.c.until), jobs.c.holder == holder),
    )
    return _took(tx, taken)


def let_go(tx: SqlTransaction, holder: str) -> None:
    tx.connection.execute(delete(jobs).where(jobs.c.holder == holder))


# ---------------------------------------------------------------- budgets


def reserve(tx: SqlTransaction, key: str, *, calls: int, interval: timedelta, burst: int) -> timedelta:
    """The generic cell rate algorithm: `spent_until` is when the next call would be due."""
    saved, spent = NOW - lasting(interval * (burst - 1)), lasting(interval * calls)
    added = insert(budgets).values(key=key, spent_until=saved + spent)
    due = _instant(budgets.c.spent_until)
    reserved = added.on_conflict_do_update(
        index_elements=["key"], set_={"spent_until": case((due < saved, saved), else_=due) + spent}
    )
    left = _ran(tx, reserved.returning(_instant(budgets.c.spent_until) - NOW)).scalar_one()
    return timedelta(microseconds=left - spent)


def pause(tx: SqlTransaction, key: str, *, lasts: timedelta) -> None:
    until = NOW + lasting(lasts)
    added = insert(budgets).values(key=key, spent_until=until)
    due = _instant(budgets.c.spent_until)
    later = added.on_conflict_do_update(
        index_elements=["key"], set_={"spent_until": case((due < until, until), else_=due)}
    )
    _ran(tx, later)


def paused(tx: SqlTransaction, key: str) -> timedelta:
    query = select(_instant(budgets.c.spent_until) - NOW).where(budgets.c.key == key)
    return timedelta(microseconds=max(0, _ran(tx, query).scalar_one_or_none() or 0))


# ---------------------------------------------------------------- lists that one reads for all


def read(tx: SqlTransaction, kind: str, reader: str, *, fresh_for: timedelta, lasts: timedelta) -> Reading:
    stale = or_(offers.c.read_at.is_(None), _instant(offers.c.read_at) + lasting(fresh_for) <= NOW)
    free = or_(offers.c.reading_until.is_(None), _passed(offers.c.reading_until), offers.c.read_by == reader)
    added = insert(offers).values(kind=kind, read_by=reader, reading_until=NOW + lasting(lasts))
    taken = added.on_conflict_do_update(
        index_elements=["kind"],
        set_={"read_by": added.excluded.read_by, "reading_until": added.excluded.reading_until},
        where=and_(stale, free),
    )
    due = _took(tx, taken)
    query = select(offers.c.rows, NOW - _instant(offers.c.read_at)).where(
        offers.c.kind == kind, offers.c.read_at.is_not(None)
    )
    known = _ran(tx, query).first()
    return Reading(SharedList(known[0], timedelta(microseconds=known[1])) if known else None, due)


def write(tx: SqlTransaction, kind: str, reader: str, rows: str) -> None:
    theirs = and_(offers.c.kind == kind, offers.c.read_by == reader)
    _ran(tx, update(offers).where(theirs).values(rows=rows, read_at=NOW, read_by="", reading_until=None))


def expire(tx: SqlTransaction, kind: str) -> None:
    """As if it had been read long ago."""
    known = case((offers.c.read_at.is_(None), None), else_=0)
    tx.connection.execute(
        update(offers).where(offers.c.kind == kind).values(read_at=known, read_by="", reading_until=None)
    )


# ---------------------------------------------------------------- forgetting


def forget_passed(tx: SqlTransaction) -> int:
    old = (
        delete(seen).where(_passed(seen.c.until)),
        delete(budgets).where(_instant(budgets.c.spent_until) + lasting(KEPT) <= NOW),
    )
    return sum(_ran(tx, each).rowcount for each in old)


# ---------------------------------------------------------------- receiving

SHARING_LOCK: Final = 4_711_017
"""Key of the advisory lock under which shards are shared out: two who look at once would take the same."""


def others_receive(tx: SqlTransaction, worker_id: str) -> bool:
    return bool(_gateways(tx) - {worker_id})


def hold_shards(tx: SqlTransaction, worker_id: str, platform: str, count: int) -> HeldShards:
    if tx.on_server:
        tx.connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({SHARING_LOCK})")
    living, left = _gateways(tx) | {worker_id}, spared(tx, worker_id)
    holders = _holders(tx, platform)
    if len(holders) != count and not (living | left).intersection(holders.values()):
        holders = _settle(tx, platform, count)
    out = shared_out(holders, worker_id, living, left)
    _write(tx, platform, out.taken, worker_id)
    _write(tx, platform, out.given, "")
    return HeldShards(len(holders), out.numbers)


def talks(tx: SqlTransaction, platform: str) -> Mapping[ConversationRef, str]:
    s = sessions.c
    said_there = (inbox.c.session_id == s.id) & (inbox.c.place_channel_id == s.channel_id)
    last = (
        select(inbox.c.message_id)
        .where(said_there, inbox.c.place_thread_id == s.talk_thread_id, inbox.c.message_id != "")
        .order_by(inbox.c.stamp.desc())
        .limit(1)
        .scalar_subquery()
    )
    columns = (s.workspace_id, s.channel_id, s.talk_thread_id, s.card_message_id, last.label("last"))
    query = select(*columns).where(s.platform == platform, s.status != ENDED, s.card_message_id != "")
    return {
        ConversationRef(platform, row.workspace_id, row.channel_id, row.talk_thread_id): (
            row.last or row.talk_thread_id or row.card_message_id
        )
        for row in tx.connection.execute(query)
    }


def _gateways(tx: SqlTransaction) -> frozenset[str]:
    lives = type_coerce(workers.c.lease_until, BigInteger) > NOW
    query = select(workers.c.id).where(lives, workers.c.roles.contains(ProcessRole.GATEWAY))
    return frozenset(tx.connection.execute(query, {"now": tx.shared_now}).scalars())


def _holders(tx: SqlTransaction, platform: str) -> dict[int, str]:
    query = select(shards.c.number, shards.c.process).where(shards.c.platform == platform)
    return {row.number: row.process for row in tx.connection.execute(query)}


def _settle(tx: SqlTransaction, platform: str, count: int) -> dict[int, str]:
    tx.connection.execute(delete(shards).where(shards.c.platform == platform))
    rows = [{"platform": platform, "number": number, "process": ""} for number in range(count)]
    tx.connection.execute(insert(shards), rows)
    return dict.fromkeys(range(count), "")


def _write(tx: SqlTransaction, platform: str, numbers: Collection[int], process: str) -> None:
    if numbers:
        these = (shards.c.platform == platform) & shards.c.number.in_(numbers)
        tx.connection.execute(update(shards).where(these).values(process=process))

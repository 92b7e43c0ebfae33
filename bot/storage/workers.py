"""Processes that run sessions: their leases, by the clock that all of them share, and what each of them claims."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Boolean,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    type_coerce,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from bot.ports.storage.coordination import SUSPECT_AFTER, Load
from bot.ports.storage.records import Lease, LivingProcess, Placement, ProcessProfile
from bot.process_roles import ALL_ROLES, roles_named
from bot.storage.sessions import AT_REST
from bot.storage.shares import FreeSession, chosen, ended_together
from bot.storage.statements import NOW, Prepared, SqlTransaction, lasting, one_of
from bot.storage.tables import inbox, jobs, sessions, workers

FOREVER = datetime(9999, 1, 1, tzinfo=UTC)

KEPT = timedelta(days=1)
"""After which a lease that nobody renewed has no row: its worker enlists anew, should it come back."""

_UNTIL = type_coerce(workers.c.lease_until, BigInteger)


def _ran(tx: SqlTransaction, statement: Any) -> Any:
    return tx.connection.execute(statement, {"now": tx.shared_now})


# ---------------------------------------------------------------- leases


def enlist(
    tx: SqlTransaction,
    worker_id: str,
    profile: ProcessProfile,
    *,
    lasts: timedelta | None,
    instead_of: str = "",
    spares: timedelta = timedelta(),
) -> None:
    gone = or_(workers.c.id == instead_of, _UNTIL + lasting(KEPT) <= NOW) if lasts else workers.c.id != worker_id
    _ran(tx, delete(workers).where(gone))
    if not lasts:
        tx.connection.execute(delete(jobs))
        tx.connection.execute(update(inbox).where(inbox.c.reply_due).values(told_by="", told_until=None))
    until = NOW + lasting(lasts) if lasts else literal(FOREVER, workers.c.lease_until.type)
    late = ended_together(_over_for(tx, worker_id))
    written = insert(workers).values(
        id=worker_id,
        started_at=NOW,
        lease_until=until,
        spares_until=NOW + lasting(spares) if late else _others_spare_until(tx),
        roles=" ".join(sorted(profile.roles)),
        rooms=profile.rooms,
        address=profile.address,
        version=profile.version,
    )
    _ran(tx, written.on_conflict_do_update(index_elements=["id"], set_={"lease_until": until}))


def _over_for(tx: SqlTransaction, worker_id: str) -> list[timedelta]:
    """Since when the leases of all others are over; below zero for one that lasts."""
    ages = _ran(tx, select(NOW - _UNTIL).where(workers.c.id != worker_id)).scalars()
    return [timedelta(microseconds=age) for age in ages]


def _others_spare_until(tx: SqlTransaction) -> Any:
    """Until when somebody who lives spares others."""
    return _ran(tx, select(func.max(workers.c.spares_until)).where(_UNTIL > NOW)).scalar() or NOW


_LATE = NOW + bindparam("due", type_=BigInteger) > _UNTIL
_RENEW = Prepared(
    update(workers)
    .where(workers.c.id == bindparam("worker"))
    .values(
        lease_until=NOW + bindparam("lasts", type_=BigInteger),
        spares_until=case((_LATE, NOW + bindparam("spares", type_=BigInteger)), else_=workers.c.spares_until),
    )
)


def renew(
    tx: SqlTransaction,
    worker_id: str,
    *,
    lasts: timedelta,
    due: timedelta = timedelta(),
    spares: timedelta = timedelta(),
) -> bool:
    given = {"lasts": lasting(lasts), "due": lasting(due), "spares": lasting(spares)}
    return _RENEW.run(tx, worker=worker_id, now=tx.shared_now, **given) == 1


_ME: BindParameter[str] = bindparam("worker", type_=sessions.c.worker_id.type)
_late = workers.alias("late")
_I_SPARE = exists().where(_late.c.id == _ME, type_coerce(_late.c.spares_until, BigInteger) > NOW)


def spared(tx: SqlTransaction, worker_id: str) -> frozenset[str]:
    """All workers while this one was late; else none."""
    rows = tx.connection.execute(select(workers.c.id).where(_I_SPARE), {"worker": worker_id, "now": tx.shared_now})
    return frozenset(rows.scalars())


def held(tx: SqlTransaction, worker_id: str) -> frozenset[Lease]:
    query = select(sessions.c.id, sessions.c.epoch).where(sessions.c.worker_id == worker_id)
    return frozenset(Lease(row.id, worker_id, row.epoch) for row in tx.connection.execute(query))


def dismiss(tx: SqlTransaction, worker_id: str) -> None:
    tx.connection.execute(delete(workers).where(workers.c.id == worker_id))


def others_alive(tx: SqlTransaction, worker_id: str) -> bool:
    return _ran(tx, select(_ALIVE.c.id).where(_ALIVE.c.id != worker_id).limit(1)).first() is not None


def living(tx: SqlTransaction) -> list[LivingProcess]:
    runs = and_(workers.c.id == sessions.c.worker_id, sessions.c.status.not_in(AT_REST))
    query = (
        select(workers.c.started_at, workers.c.roles, workers.c.rooms, func.count(sessions.c.id).label("running"))
        .outerjoin(sessions, runs)
        .where(_UNTIL > NOW)
        .group_by(workers.c.id)
        .order_by(workers.c.started_at, workers.c.id)
    )
    return [
        LivingProcess(row.started_at, roles_named(row.roles.split()) or ALL_ROLES, row.rooms, row.running)
        for row in _ran(tx, query)
    ]


def placement(tx: SqlTransaction, session_id: str) -> Placement | None:
    runs = and_(workers.c.id == sessions.c.worker_id, _UNTIL > NOW, sessions.c.status.not_in(AT_REST))
    query = select(workers.c.id, sessions.c.epoch, workers.c.address, workers.c.version).join(sessions, runs)
    row = _ran(tx, query.where(sessions.c.id == session_id)).first()
    return Placement(*row) if row else None


# ---------------------------------------------------------------- what they share


_ALIVE = select(workers.c.id).where(_UNTIL > NOW, workers.c.rooms > 0).cte("alive").prefix_with("MATERIALIZED")
_LIVING = select(_ALIVE.c.id)
_HOLDERS_OF = select(workers.c.id).where(or_(_UNTIL > NOW, _I_SPARE)).cte("holding").prefix_with("MATERIALIZED")
_HOLDING = select(_HOLDERS_OF.c.id)
_NEEDS_A_RUN = sessions.c.status.not_in(AT_REST)
_OTHERWISE = ~one_of(sessions.c.id, "but")
_DIED = case((sessions.c.worker_id != "", 1), else_=0)
"""Who ends in order gives back what it holds."""
_SUSPECT = sessions.c.deaths + _DIED >= SUSPECT_AFTER
_LOAD = Prepared(
    select(
        func.count().label("running"),
        func.count(case((sessions.c.worker_id == _ME, 1))).label("hosted"),
        select(func.count()).select_from(_ALIVE).scalar_subquery().label("workers"),
    ).where(_NEEDS_A_RUN)
)


def load(tx: SqlTransaction, worker_id: str) -> Load:
    (row,) = _LOAD.rows(tx, worker=worker_id, now=tx.shared_now)
    return Load(row.hosted, row.running, row.workers)


_LOOK = Prepared(
    select(sessions.c.id, sessions.c.epoch, sessions.c.worker_id).where(
        _NEEDS_A_RUN,
        _OTHERWISE,
        or_(
            sessions.c.worker_id == _ME,
            and_(sessions.c.worker_id.not_in(_HOLDING), or_(~_SUSPECT, bindparam("suspects", type_=Boolean))),
        ),
        _ME.in_(_LIVING),
    )
)
_HOLDERS = (
    select(sessions.c.platform, sessions.c.workspace_id, func.min(sessions.c.worker_id).label("holder"))
    .where(_NEEDS_A_RUN, sessions.c.worker_id.in_(_HOLDING))
    .group_by(sessions.c.platform, sessions.c.workspace_id)
    .cte("holders")
    .prefix_with("MATERIALIZED")
)
_SAME = and_(_HOLDERS.c.platform == sessions.c.platform, _HOLDERS.c.workspace_id == sessions.c.workspace_id)
_OWN = case((_HOLDERS.c.holder == _ME, 1), else_=0)
_FREE = Prepared(
    select(sessions.c.id, sessions.c.platform, sessions.c.workspace_id, _OWN.label("own"), _SUSPECT.label("suspect"))
    .select_from(sessions.outerjoin(_HOLDERS, _SAME))
    .where(
        _NEEDS_A_RUN,
        _OTHERWISE,
        sessions.c.worker_id.not_in(_HOLDING),
        or_(_HOLDERS.c.holder.is_(None), _HOLDERS.c.holder == _ME),
    )
    .order_by(_SUSPECT, _OWN.desc(), sessions.c.created_at, sessions.c.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True, key_share=True, of=sessions)
)
_CLAIM = Prepared(
    update(sessions)
    .where(one_of(sessions.c.id, "ids"))
    .values(worker_id=bindparam("worker"), epoch=sessions.c.epoch + 1, deaths=sessions.c.deaths + _DIED)
    .returning(sessions.c.id, sessions.c.epoch)
)


def claim(
    tx: SqlTransaction, worker_id: str, *, room: int, but: Collection[str] = (), suspects: bool = True
) -> list[Lease]:
    """Whoever finds something claims it alone: one at a time, so that a workspace has one holder."""
    given = {"worker": worker_id, "now": tx.shared_now, "but": [*but] or [""], "suspects": suspects}
    found = _LOOK.rows(tx, **given)
    mine = sorted((row.id, row.epoch) for row in found if row.worker_id == worker_id)
    kept = [Lease(id_, worker_id, epoch) for id_, epoch in mine]
    if len(found) == len(mine) or len(mine) >= room:
        return kept
    _lock_claims(tx)
    given["suspects"] = suspects and not mine
    return [*kept, *_taken(tx, worker_id, _chosen(tx, given, room - len(mine)))]


def _lock_claims(tx: SqlTransaction) -> None:
    if tx.on_server:
        tx.driver.execute("SELECT pg_advisory_xact_lock(hashtextextended('claim', 0))")


def _chosen(tx: SqlTransaction, given: dict[str, Any], room: int) -> Sequence[str]:
    rows = _FREE.rows(tx, **given, most=room)
    free = [FreeSession(row.id, (row.platform, row.workspace_id), bool(row.own), bool(row.suspect)) for row in rows]
    return chosen(free, load(tx, given["worker"]), suspects=given["suspects"])


def _taken(tx: SqlTransaction, worker_id: str, ids: Sequence[str]) -> list[Lease]:
    claimed = _CLAIM.rows(tx, worker=worker_id, ids=list(ids)) if ids else []
    return [Lease(row.id, worker_id, row.epoch) for row in claimed]

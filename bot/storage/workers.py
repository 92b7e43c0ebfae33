"""Who may claim sessions, and which of them they have claimed."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, insert, select, update

from bot.ports.storage.records import Lease
from bot.storage.sessions import AT_REST
from bot.storage.tables import sessions, workers
from bot.storage.transaction import SqlTransaction

FOREVER = datetime(9999, 1, 1, tzinfo=UTC)


def enlist(
    tx: SqlTransaction, worker_id: str, *, lasts: timedelta | None, capacity: int, address: str, instead_of: str = ""
) -> None:
    gone = workers.c.id == instead_of if lasts else workers.c.id != worker_id
    tx.connection.execute(workers.delete().where(gone))
    until = tx.now + lasts if lasts else FOREVER
    row = {"id": worker_id, "started_at": tx.now, "lease_until": until, "capacity": capacity, "address": address}
    tx.connection.execute(insert(workers).values(row))


def renew(tx: SqlTransaction, worker_id: str, *, lasts: timedelta) -> bool:
    query = update(workers).where(_living(worker_id, tx.now)).values(lease_until=tx.now + lasts)
    return tx.connection.execute(query).rowcount == 1


def dismiss(tx: SqlTransaction, worker_id: str) -> None:
    tx.connection.execute(workers.delete().where(workers.c.id == worker_id))


def others_alive(tx: SqlTransaction, worker_id: str) -> bool:
    query = select(func.count()).where(workers.c.id != worker_id, workers.c.lease_until > tx.now)
    return int(tx.connection.execute(query).scalar_one()) > 0


def eldest(tx: SqlTransaction) -> str:
    living = select(workers.c.id).where(workers.c.lease_until > tx.now)
    query = living.order_by(workers.c.started_at, workers.c.id).limit(1)
    return tx.connection.execute(query).scalar_one_or_none() or ""


def _living(worker_id: str, now: datetime) -> ColumnElement[bool]:
    return (workers.c.id == worker_id) & (workers.c.lease_until > now)


def _unheld(now: datetime) -> Select[Any]:
    alive = select(workers.c.id).where(workers.c.lease_until > now)
    return select(sessions.c.id).where(sessions.c.status.not_in(AT_REST), sessions.c.worker_id.not_in(alive))


def claimable(tx: SqlTransaction) -> bool:
    """Whether any session needs a run that nobody gives it."""
    return tx.connection.execute(_unheld(tx.now).limit(1)).first() is not None


def claim(tx: SqlTransaction, worker_id: str, *, room: int, but: Collection[str] = ()) -> list[Lease]:
    free = _unheld(tx.now).where(sessions.c.id.not_in(tuple(but))).order_by(sessions.c.created_at, sessions.c.id)
    claimed = tx.connection.execute(
        update(sessions)
        .where(sessions.c.id.in_(free.limit(room).scalar_subquery()), exists().where(_living(worker_id, tx.now)))
        .values(worker_id=worker_id, epoch=sessions.c.epoch + 1, attempts=sessions.c.attempts + 1)
        .returning(sessions.c.id, sessions.c.epoch)
    )
    return [Lease(row.id, worker_id, row.epoch) for row in claimed]

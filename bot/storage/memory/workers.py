"""Processes that run sessions: their leases, and what each of them claims."""

from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.ports.storage.coordination import SUSPECT_AFTER, Load
from bot.ports.storage.records import Lease, LivingProcess, Placement, ProcessProfile, SessionRecord
from bot.ports.storage.transactions import WorkspaceKey
from bot.storage.memory.rows import MemoryTransaction, WorkerRow
from bot.storage.memory.sessions import AT_REST, update
from bot.storage.shares import FreeSession, chosen, ended_together

KEPT = timedelta(days=1)
"""As long as a lease that nobody renews is kept."""


def enlist(
    tx: MemoryTransaction,
    worker_id: str,
    profile: ProcessProfile,
    *,
    lasts: timedelta | None,
    instead_of: str = "",
    spares: timedelta = timedelta(),
) -> None:
    for worker in tx.data.workers:
        long_dead = worker.lease_until is not None and worker.lease_until + KEPT <= tx.now
        if worker.id == instead_of or long_dead if lasts else worker.id != worker_id:
            dismiss(tx, worker.id)
    for job in [] if lasts else tx.data.jobs.keys():
        tx.data.jobs.delete(job)
    for row in [] if lasts else tx.data.inbox:
        tx.data.inbox.put(row.record.id, replace(row, told_by="", told_until=None))
    until = tx.now + lasts if lasts else None
    ends = [
        worker.lease_until or datetime.max.replace(tzinfo=UTC) for worker in tx.data.workers if worker.id != worker_id
    ]
    late = ended_together([tx.now - end for end in ends])
    theirs = (worker.spares_until for worker in tx.data.workers if worker.spares_until and worker.alive(tx.now))
    spares_until = tx.now + spares if late else max(theirs, default=None)
    added = WorkerRow(worker_id, tx.now, until, profile, spares_until)
    known = tx.data.workers.get(worker_id) or added
    tx.data.workers.put(worker_id, replace(known, lease_until=until))


def renew(
    tx: MemoryTransaction,
    worker_id: str,
    *,
    lasts: timedelta,
    due: timedelta = timedelta(),
    spares: timedelta = timedelta(),
) -> bool:
    worker = tx.data.workers.get(worker_id)
    if worker is None:
        return False
    spares_until = worker.spares_until if worker.alive(tx.now + due) else tx.now + spares
    tx.data.workers.put(worker_id, replace(worker, lease_until=tx.now + lasts, spares_until=spares_until))
    return True


def spared(tx: MemoryTransaction, worker_id: str) -> frozenset[str]:
    """All workers while this one was late; else none."""
    me = tx.data.workers.get(worker_id)
    late = me and me.spares_until and me.spares_until > tx.now
    return frozenset(worker.id for worker in tx.data.workers) if late else frozenset()


def held(tx: MemoryTransaction, worker_id: str) -> frozenset[Lease]:
    return frozenset(_lease(session) for session in tx.data.sessions if session.worker_id == worker_id)


def dismiss(tx: MemoryTransaction, worker_id: str) -> None:
    tx.data.workers.delete(worker_id)


def others_alive(tx: MemoryTransaction, worker_id: str) -> bool:
    return bool(_hosts(tx) - {worker_id})


def living(tx: MemoryTransaction) -> list[LivingProcess]:
    held = Counter(session.worker_id for session in _running(tx))
    alive = (worker for worker in tx.data.workers if worker.alive(tx.now))
    found = sorted(alive, key=lambda worker: (worker.started_at, worker.id))
    return [LivingProcess(each.started_at, each.profile.roles, each.profile.rooms, held[each.id]) for each in found]


def placement(tx: MemoryTransaction, session_id: str) -> Placement | None:
    session = tx.data.sessions.get(session_id)
    worker = tx.data.workers.get(session.worker_id) if session else None
    if session is None or worker is None or session.status in AT_REST or not worker.alive(tx.now):
        return None
    return Placement(worker.id, session.epoch, worker.profile.address, worker.profile.version)


def load(tx: MemoryTransaction, worker_id: str) -> Load:
    running = _running(tx)
    return Load(sum(session.worker_id == worker_id for session in running), len(running), len(_hosts(tx)))


def claim(
    tx: MemoryTransaction, worker_id: str, *, room: int, but: Collection[str] = (), suspects: bool = True
) -> list[Lease]:
    if worker_id not in (hosts := _hosts(tx)):
        return []
    hosts |= spared(tx, worker_id)
    holders = _holders(tx, hosts)
    needed = sorted((s for s in _running(tx) if s.id not in but), key=lambda s: (s.created_at, s.id))
    mine = sorted((_lease(s) for s in needed if s.worker_id == worker_id), key=lambda lease: lease.session_id)
    free = [
        FreeSession(s.id, _workspace(s), _workspace(s) in holders, _deaths(s) >= SUSPECT_AFTER)
        for s in needed
        if s.worker_id not in hosts and holders.get(_workspace(s), worker_id) == worker_id
    ]
    free.sort(key=lambda session: (session.suspect, not session.own))
    takes = chosen(free[: max(0, room - len(mine))], load(tx, worker_id), suspects=suspects and not mine)
    return [*mine, *(_claimed(tx, id_, worker_id) for id_ in takes)]


def _claimed(tx: MemoryTransaction, session_id: str, worker_id: str) -> Lease:
    session = tx.data.sessions.get(session_id)
    assert session is not None
    update(tx, session_id, worker_id=worker_id, epoch=session.epoch + 1, deaths=_deaths(session))
    return Lease(session_id, worker_id, session.epoch + 1)


def _deaths(session: SessionRecord) -> int:
    """Who ends in order gives back what it holds."""
    return session.deaths + (session.worker_id != "")


def _lease(session: SessionRecord) -> Lease:
    return Lease(session.id, session.worker_id, session.epoch)


def _running(tx: MemoryTransaction) -> list[SessionRecord]:
    return [session for session in tx.data.sessions if session.status not in AT_REST]


def _workspace(session: SessionRecord) -> WorkspaceKey:
    return session.place.platform, session.place.workspace_id


def _hosts(tx: MemoryTransaction) -> set[str]:
    """Ids of the living workers that run sessions."""
    return {worker.id for worker in tx.data.workers if worker.alive(tx.now) and worker.profile.rooms > 0}


def _holders(tx: MemoryTransaction, hosts: Collection[str]) -> dict[WorkspaceKey, str]:
    """Who runs a workspace."""
    holders: dict[WorkspaceKey, str] = {}
    for session in sorted(_running(tx), key=lambda session: session.worker_id, reverse=True):
        if session.worker_id in hosts:
            holders[_workspace(session)] = session.worker_id
    return holders

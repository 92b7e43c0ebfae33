"""Sessions and who runs them. What a run writes is fenced: it raises `LeaseLost` when another has taken over."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from bot.domain.cards import Opened
from bot.domain.conversations import ConversationRef, MessageRef
from bot.domain.errors import AvatarbotError
from bot.domain.sessions import EndReason, SessionSpec, SessionStatus
from bot.storage import filters
from bot.storage.encryption import Cipher, decrypt, encrypt
from bot.storage.records import Lease, SessionRecord
from bot.storage.tables import sessions, turns, utterances, workers

ENDED = SessionStatus.ENDED.value
AT_REST = (ENDED, SessionStatus.SLEEPING.value)
"""Nobody needs to run these."""


class LeaseLost(AvatarbotError):
    """The run is no longer the one: leave the room and do nothing else."""

    def __init__(self, lease: Lease) -> None:
        super().__init__("Another process hosts this session now.", f"lease lost: epoch {lease.epoch}")


# ---------------------------------------------------------------- reading


def record(row: Row[Any], cipher: Cipher) -> SessionRecord:
    m = row._mapping  # noqa: SLF001 - the documented way to columns by name
    place = ConversationRef(m["platform"], m["workspace_id"], m["channel_id"], m["thread_id"])
    posted = bool(m["card_message_id"])
    return SessionRecord(
        id=m["id"],
        place=place,
        thread=place.in_thread(m["talk_thread_id"]) if posted else None,
        card=MessageRef(place.in_thread(m["card_thread_id"]), m["card_message_id"]) if posted else None,
        status=SessionStatus(m["status"]),
        end_reason=EndReason(m["end_reason"]) if m["end_reason"] else None,
        worker_id=m["worker_id"],
        epoch=m["epoch"],
        attempts=m["attempts"],
        starter_id=m["starter_id"],
        starter_name=m["starter_name"],
        payer_id=m["payer_id"],
        spec=_spec(cipher, m["spec"]),
        reserved_s=m["reserved_s"],
        created_at=m["created_at"],
        active_at=m["active_at"],
        slept_at=m["slept_at"],
        ended_at=m["ended_at"],
    )


@lru_cache(maxsize=1_000)
def _spec(cipher: Cipher, column: bytes) -> SessionSpec:
    """It is read with every message of its session, and opening it takes longer than reading the row."""
    return decrypt(cipher, column, SessionSpec)


def get(connection: Connection, cipher: Cipher, session_id: str) -> SessionRecord | None:
    """By its id alone: for its run, for the operator and for links, which name their session."""
    row = connection.execute(select(sessions).where(sessions.c.id == session_id)).first()
    return record(row, cipher) if row else None


_IN_CHANNELS = select(sessions).where(filters.in_channels(sessions), sessions.c.status != ENDED)


def in_channels(connection: Connection, cipher: Cipher, places: Iterable[ConversationRef]) -> list[SessionRecord]:
    """All sessions that have not ended in the channels of these places."""
    return [record(row, cipher) for row in connection.execute(_IN_CHANNELS, filters.channels_of(places))]


def concerns(connection: Connection, place: ConversationRef, since: datetime) -> bool:
    """Whether a session has not ended in the channel of a place or only since then, or one has that talked in this very thread."""
    c = sessions.c
    here = (c.platform == place.platform, c.workspace_id == place.workspace_id, c.channel_id == place.channel_id)
    was = [c.talk_thread_id == place.thread_id] if place.thread_id else []
    is_or_was = or_(c.status != ENDED, c.ended_at > since, *was)
    return connection.execute(select(c.id).where(*here, is_or_was).limit(1)).first() is not None


def in_workspace(connection: Connection, cipher: Cipher, platform: str, workspace_id: str) -> list[SessionRecord]:
    """A workspace's sessions that have not ended, oldest first."""
    query = (
        select(sessions)
        .where(sessions.c.platform == platform, sessions.c.workspace_id == workspace_id, sessions.c.status != ENDED)
        .order_by(sessions.c.created_at)
    )
    return [record(row, cipher) for row in connection.execute(query)]


def talked_in(connection: Connection, cipher: Cipher, place: ConversationRef, most: int) -> list[SessionRecord]:
    """The sessions of its channel in which something was said, newest first; those of this very thread before all others."""
    in_channel = and_(
        sessions.c.platform == place.platform,
        sessions.c.workspace_id == place.workspace_id,
        sessions.c.channel_id == place.channel_id,
    )
    said = or_(*(exists().where(table.c.session_id == sessions.c.id) for table in (turns, utterances)))
    this_thread = [(sessions.c.talk_thread_id == place.thread_id).desc()] if place.thread_id else []
    query = select(sessions).where(in_channel, said).order_by(*this_thread, sessions.c.created_at.desc()).limit(most)
    return [record(row, cipher) for row in connection.execute(query)]


def last_ended(connection: Connection, cipher: Cipher, place: ConversationRef, since: datetime) -> SessionRecord | None:
    """The last session that has ended in this very place, or else since then in its channel. One without a card never was there."""
    c = sessions.c
    channel = (c.platform == place.platform, c.workspace_id == place.workspace_id, c.channel_id == place.channel_id)
    in_place = c.talk_thread_id == place.thread_id
    order = (in_place.desc(), c.ended_at.desc()) if place.thread_id else (c.ended_at.desc(),)
    query = select(sessions).where(
        *channel, c.status == ENDED, c.card_message_id != "", or_(in_place, c.ended_at > since)
    )
    row = connection.execute(query.order_by(*order).limit(1)).first()
    return record(row, cipher) if row else None


def eldest_worker(connection: Connection, now: datetime) -> str:
    """The living worker that has lived longest: it does what only one may do. Empty when none lives."""
    query = (
        select(workers.c.id).where(workers.c.lease_until > now).order_by(workers.c.started_at, workers.c.id).limit(1)
    )
    return connection.execute(query).scalar_one_or_none() or ""


def known(connection: Connection, session_ids: Iterable[str]) -> set[str]:
    """Which of these ids are sessions of ours, of any workspace: for the reaper."""
    query = select(sessions.c.id).where(sessions.c.id.in_(tuple(session_ids)))
    return set(connection.execute(query).scalars())


def everywhere(connection: Connection, cipher: Cipher) -> list[SessionRecord]:
    """All sessions that have not ended: for the operator and for the reaper, never for a channel."""
    query = select(sessions).where(sessions.c.status != ENDED).order_by(sessions.c.created_at)
    return [record(row, cipher) for row in connection.execute(query)]


def count_running(connection: Connection) -> dict[tuple[str, str], int]:
    """How many sessions hold, or are about to hold, a slot at the provider, by platform and workspace."""
    workspace = sessions.c.platform, sessions.c.workspace_id
    query = select(*workspace, func.count()).where(sessions.c.status.not_in(AT_REST)).group_by(*workspace)
    return {(row[0], row[1]): row[2] for row in connection.execute(query)}


def count_by_status(connection: Connection) -> dict[str, int]:
    """Of all workspaces together: for the gauges."""
    query = select(sessions.c.status, func.count()).where(sessions.c.status != ENDED).group_by(sessions.c.status)
    return {row[0]: row[1] for row in connection.execute(query)}


def _scalar(connection: Connection, query: Any) -> int:
    return int(connection.execute(query).scalar_one())


# ---------------------------------------------------------------- starting, waking, noting activity


def add(
    connection: Connection,
    cipher: Cipher,
    *,
    session_id: str,
    place: ConversationRef,
    starter_id: str,
    starter_name: str,
    spec: SessionSpec,
    now: datetime,
) -> None:
    """A new session with its budget reserved; the unique index is the last guard against two in one place."""
    connection.execute(
        insert(sessions).values(
            id=session_id,
            platform=place.platform,
            workspace_id=place.workspace_id,
            channel_id=place.channel_id,
            thread_id=place.thread_id,
            status=SessionStatus.STARTING,
            starter_id=starter_id,
            starter_name=starter_name,
            payer_id=starter_id,
            spec=encrypt(cipher, spec),
            reserved_s=spec.minutes * 60,
            created_at=now,
            active_at=now,
        )
    )


def wake(connection: Connection, session_id: str, payer_id: str, reserved_s: int, now: datetime) -> None:
    """Whoever wakes it pays for it from now on."""
    connection.execute(
        update(sessions)
        .where(sessions.c.id == session_id, sessions.c.status == SessionStatus.SLEEPING)
        .values(
            status=SessionStatus.STARTING,
            worker_id="",
            payer_id=payer_id,
            reserved_s=reserved_s,
            active_at=now,
            slept_at=None,
        )
    )


_TOUCH = update(sessions).where(sessions.c.id.in_(bindparam("touched", expanding=True)))


def touch(connection: Connection, session_ids: Iterable[str], now: datetime) -> None:
    """Somebody wrote or watched."""
    connection.execute(_TOUCH, {"touched": list(session_ids), "active_at": now})


# ---------------------------------------------------------------- workers and leases


def enlist(
    connection: Connection, worker_id: str, *, now: datetime, until: datetime, capacity: int, address: str
) -> None:
    row = {"id": worker_id, "started_at": now, "lease_until": until, "capacity": capacity, "address": address}
    connection.execute(insert(workers).values(row))


def renew(connection: Connection, worker_id: str, *, now: datetime, until: datetime) -> bool:
    """Whether the worker still had its lease, which now lasts until then."""
    result = connection.execute(
        update(workers).where(workers.c.id == worker_id, workers.c.lease_until > now).values(lease_until=until)
    )
    return result.rowcount == 1


def dismiss(connection: Connection, worker_id: str) -> None:
    """The worker is gone: what it still held can be claimed at once."""
    connection.execute(workers.delete().where(workers.c.id == worker_id))


def dismiss_others(connection: Connection, worker_id: str) -> None:
    """Every other worker is known to be dead (a lock on the file says so)."""
    connection.execute(workers.delete().where(workers.c.id != worker_id))


def others_alive(connection: Connection, worker_id: str, now: datetime) -> bool:
    query = select(func.count()).where(workers.c.id != worker_id, workers.c.lease_until > now)
    return _scalar(connection, query) > 0


def _unheld(now: datetime) -> Select[tuple[str]]:
    alive = select(workers.c.id).where(workers.c.lease_until > now)
    return select(sessions.c.id).where(sessions.c.status.not_in(AT_REST), sessions.c.worker_id.not_in(alive))


def _living(worker_id: str, now: datetime) -> ColumnElement[bool]:
    return exists().where(workers.c.id == worker_id, workers.c.lease_until > now)


def claimable(connection: Connection, now: datetime) -> bool:
    """Whether any session needs a run that nobody gives it."""
    return connection.execute(_unheld(now).limit(1)).first() is not None


def claim(connection: Connection, worker_id: str, *, now: datetime, room: int, but: Iterable[str] = ()) -> list[Lease]:
    """Take up to `room` sessions that need a run and that no living worker holds. Raises each one's epoch.

    A worker whose own lease has ended takes nothing. `but` names those of which the worker still has a run: an earlier one has to
    end before the next begins.
    """
    free = _unheld(now).where(sessions.c.id.not_in(tuple(but))).order_by(sessions.c.created_at).limit(room)
    claimed = connection.execute(
        update(sessions)
        .where(sessions.c.id.in_(free.scalar_subquery()), _living(worker_id, now))
        .values(worker_id=worker_id, epoch=sessions.c.epoch + 1, attempts=sessions.c.attempts + 1)
        .returning(sessions.c.id, sessions.c.epoch)
    )
    return [Lease(row.id, worker_id, row.epoch) for row in claimed]


_FENCE = select(sessions.c.id).where(filters.HELD).with_for_update()
_CHANGE = update(sessions).where(filters.HELD)


def fence(connection: Connection, lease: Lease) -> None:
    """Before a run writes to another table. Raises `LeaseLost`."""
    if connection.execute(_FENCE, filters.holding(lease)).first() is None:
        raise LeaseLost(lease)


def change(connection: Connection, lease: Lease, **values: object) -> None:
    """Change the session's row, fenced. Raises `LeaseLost`."""
    if connection.execute(_CHANGE, {**filters.holding(lease), **values}).rowcount != 1:
        raise LeaseLost(lease)


def open_thread(connection: Connection, lease: Lease, opened_at: Opened) -> None:
    change(
        connection,
        lease,
        card_message_id=opened_at.card.message_id,
        card_thread_id=opened_at.card.place.thread_id,
        talk_thread_id=opened_at.thread.thread_id,
    )


def move_card(connection: Connection, lease: Lease, card: MessageRef) -> None:
    """The card goes on in another message. Raises `LeaseLost`."""
    change(connection, lease, card_message_id=card.message_id, card_thread_id=card.place.thread_id)


def respecify(connection: Connection, cipher: Cipher, lease: Lease, spec: SessionSpec) -> None:
    change(connection, lease, spec=encrypt(cipher, spec))


def release(connection: Connection, lease: Lease) -> None:
    """Give the lease back, so that another run may begin at once. Does nothing if it is lost already."""
    connection.execute(_CHANGE, {**filters.holding(lease), "worker_id": ""})


def ended_before(connection: Connection, moment: datetime) -> Sequence[str]:
    query = select(sessions.c.id).where(sessions.c.ended_at < moment)
    return connection.execute(query).scalars().all()


def asleep_since(connection: Connection, moment: datetime) -> Sequence[str]:
    """Sessions that fell asleep before then and were not woken."""
    query = select(sessions.c.id).where(sessions.c.status == SessionStatus.SLEEPING, sessions.c.slept_at < moment)
    return connection.execute(query).scalars().all()


def put_to_rest(connection: Connection, session_id: str, reason: EndReason, now: datetime) -> bool:
    """End a sleeping session: nothing runs, nothing is open, nothing waits."""
    result = connection.execute(
        update(sessions)
        .where(sessions.c.id == session_id, sessions.c.status == SessionStatus.SLEEPING)
        .values(status=ENDED, end_reason=reason, ended_at=now, reserved_s=0)
    )
    return result.rowcount == 1


def kept(connection: Connection, session_ids: Collection[str]) -> frozenset[str]:
    """Those of these sessions that have not been forgotten."""
    return frozenset(connection.execute(select(sessions.c.id).where(sessions.c.id.in_(tuple(session_ids)))).scalars())


def forget(connection: Connection, session_ids: Iterable[str]) -> int:
    """Delete sessions that have ended, with everything that was said in them."""
    result = connection.execute(
        sessions.delete().where(sessions.c.id.in_(tuple(session_ids)), sessions.c.status == ENDED)
    )
    return result.rowcount

"""Sessions: what is read of them, how they begin, rest and end; who may claim them, and what a run changes of its own."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.domain.conversations import ConversationRef, MessageRef
from bot.domain.errors import StoreRefused
from bot.domain.posts import Opened
from bot.domain.sessions import EndReason, SessionStatus
from bot.ports.storage.records import Lease, Past, SessionRecord
from bot.ports.storage.transactions import NewSession, WorkspaceKey
from bot.storage.memory import accounting, hooks, inbox, transcripts
from bot.storage.memory.rows import NOT_TAKEN, MemoryTransaction

ENDED, SLEEPING = SessionStatus.ENDED, SessionStatus.SLEEPING
AT_REST = {ENDED, SLEEPING}
"""Nobody needs to run these."""

# ---------------------------------------------------------------- reading


def get(tx: MemoryTransaction, session_id: str) -> SessionRecord | None:
    return tx.data.sessions.get(session_id)


def in_channels_of(tx: MemoryTransaction, places: Iterable[ConversationRef]) -> list[SessionRecord]:
    """All sessions that have not ended in the channels of these places."""
    channels = {place.channel for place in places}
    return [session for session in everywhere(tx) if session.place.channel in channels]


def in_channel(tx: MemoryTransaction, place: ConversationRef) -> list[SessionRecord]:
    return in_channels_of(tx, [place])


def in_workspace(tx: MemoryTransaction, platform: str, workspace_id: str) -> list[SessionRecord]:
    return [session for session in everywhere(tx) if _workspace(session.place) == (platform, workspace_id)]


def everywhere(tx: MemoryTransaction) -> list[SessionRecord]:
    return _oldest_first(session for session in tx.data.sessions if session.status is not ENDED)


def concerns(tx: MemoryTransaction, place: ConversationRef, *, ended_within: timedelta) -> bool:
    return any(
        session.status is not ENDED
        or _ended_since(session, tx.now - ended_within)
        or bool(place.thread_id and _talked_here(session, place))
        for session in _ever_in(tx, place)
    )


def last_ended(tx: MemoryTransaction, place: ConversationRef, *, ended_within: timedelta) -> SessionRecord | None:
    here = [session for session in _ever_in(tx, place) if session.status is ENDED and session.card]
    found = [s for s in here if _talked_here(s, place) or _ended_since(s, tx.now - ended_within)]
    found.sort(key=lambda session: session.id)
    found.sort(key=_ended_at, reverse=True)
    if place.thread_id:
        found.sort(key=lambda session: not _talked_here(session, place))
    return next(iter(found), None)


def talked_in(tx: MemoryTransaction, place: ConversationRef, most: int) -> list[SessionRecord]:
    found = sorted(_ever_in(tx, place), key=lambda session: session.id)
    found = [session for session in found if transcripts.said_anything(tx, session.id)]
    found.sort(key=lambda session: session.created_at, reverse=True)
    if place.thread_id:
        found.sort(key=lambda session: not _talked_here(session, place))
    return found[:most]


def past(tx: MemoryTransaction, session_id: str) -> Past:
    return Past(
        accounting.of_session(tx, session_id).used, transcripts.count(tx, session_id), inbox.stopped_by(tx, session_id)
    )


def kept(tx: MemoryTransaction, session_ids: Collection[str]) -> frozenset[str]:
    return frozenset(id_ for id_ in session_ids if id_ in tx.data.sessions)


def count_by_status(tx: MemoryTransaction) -> Mapping[SessionStatus, int]:
    return Counter(session.status for session in everywhere(tx))


def count_running(tx: MemoryTransaction) -> dict[WorkspaceKey, int]:
    """How many sessions hold, or are about to hold, a slot at the provider, by platform and workspace."""
    return Counter(_workspace(session.place) for session in tx.data.sessions if session.status not in AT_REST)


def asleep_for(tx: MemoryTransaction, age: timedelta) -> Sequence[str]:
    sleeping = (session for session in tx.data.sessions if session.status is SLEEPING)
    return [session.id for session in sleeping if session.slept_at and session.slept_at < tx.now - age]


def _ever_in(tx: MemoryTransaction, place: ConversationRef) -> list[SessionRecord]:
    return [session for session in tx.data.sessions if session.place.channel == place.channel]


def _talked_here(session: SessionRecord, place: ConversationRef) -> bool:
    return (session.thread.thread_id if session.thread else "") == place.thread_id


def _ended_at(session: SessionRecord) -> datetime:
    assert session.ended_at is not None
    return session.ended_at


def _ended_since(session: SessionRecord, moment: datetime) -> bool:
    return session.ended_at is not None and session.ended_at > moment


def _oldest_first(sessions: Iterable[SessionRecord]) -> list[SessionRecord]:
    return sorted(sessions, key=lambda session: (session.created_at, session.id))


def _workspace(place: ConversationRef) -> WorkspaceKey:
    return place.platform, place.workspace_id


# ---------------------------------------------------------------- beginning, waking, resting, ending


def update(tx: MemoryTransaction, session_id: str, **values: object) -> None:
    """Change a session that is there."""
    if session := get(tx, session_id):
        tx.data.sessions.put(session_id, replace(session, **values))  # type: ignore[arg-type]


def locked(
    tx: MemoryTransaction, places: Iterable[ConversationRef], session_ids: Collection[str]
) -> list[SessionRecord]:
    """There is one transaction at a time."""
    named = (session for id_ in session_ids if (session := get(tx, id_)))
    return [*in_channels_of(tx, places), *named]


def add(tx: MemoryTransaction, new: Iterable[NewSession]) -> None:
    """New sessions with their budgets reserved; there are never two that have not ended in one place."""
    for each in new:
        _add(tx, each)


def _add(tx: MemoryTransaction, new: NewSession) -> None:
    if any(session.place == new.place for session in everywhere(tx)):
        raise StoreRefused(NOT_TAKEN, "two in one place")
    record = SessionRecord(
        id=new.id,
        place=new.place,
        thread=None,
        card=None,
        status=SessionStatus.STARTING,
        end_reason=None,
        worker_id="",
        epoch=0,
        attempts=0,
        starter_id=new.starter_id,
        starter_name=new.starter_name,
        payer_id=new.starter_id,
        spec=new.spec,
        reserved_s=new.spec.minutes * 60,
        created_at=tx.now,
        active_at=tx.now,
        slept_at=None,
        ended_at=None,
    )
    tx.data.sessions.add(new.id, record)


def wake(tx: MemoryTransaction, wakes: Mapping[str, tuple[str, int]]) -> None:
    """Whoever wakes one pays for it from now on."""
    for session_id, (payer_id, reserved_s) in wakes.items():
        session = get(tx, session_id)
        if session and session.status is SLEEPING:
            update(tx, session_id, status=SessionStatus.STARTING, worker_id="", active_at=tx.now, slept_at=None)
            update(tx, session_id, payer_id=payer_id, reserved_s=reserved_s)


def touch(tx: MemoryTransaction, session_ids: Iterable[str]) -> None:
    """Somebody wrote or watched."""
    for session_id in session_ids:
        update(tx, session_id, active_at=tx.now)


def put_to_rest(tx: MemoryTransaction, session_id: str, reason: EndReason) -> bool:
    session = get(tx, session_id)
    if session is None or session.status is not SLEEPING:
        return False
    update(tx, session_id, status=ENDED, end_reason=reason, ended_at=tx.now, reserved_s=0)
    return True


def forget(tx: MemoryTransaction, session_ids: Collection[str]) -> int:
    return _forget(tx, [s for s in tx.data.sessions if s.id in session_ids and s.status is ENDED])


def forget_older(tx: MemoryTransaction, age: timedelta) -> int:
    return _forget(tx, [s for s in tx.data.sessions if s.status is ENDED and _ended_at(s) < tx.now - age])


def _forget(tx: MemoryTransaction, sessions: Sequence[SessionRecord]) -> int:
    """With everything that is theirs."""
    gone, data = {session.id for session in sessions}, tx.data
    for id_ in gone:
        data.sessions.delete(id_)
    for key, provider_session in data.provider_sessions.items():
        if provider_session.record.session_id in gone:
            data.provider_sessions.delete(key)
    for key, row in data.inbox.items():
        if row.record.session_id in gone:
            data.inbox.delete(key)
    for key, grant in data.grants.items():
        if grant.session_id in gone:
            data.grants.delete(key)
    transcripts.forget(tx, gone)
    hooks.forget(tx, [event for event in data.events if event.new.session_id in gone])
    return len(gone)


# ---------------------------------------------------------------- the row that a lease holds


def holds(tx: MemoryTransaction, lease: Lease) -> bool:
    session = get(tx, lease.session_id)
    return session is not None and (session.worker_id, session.epoch) == (lease.worker_id, lease.epoch)


def change(tx: MemoryTransaction, lease: Lease, /, **fields: object) -> None:
    if holds(tx, lease):
        update(tx, lease.session_id, **fields)


def open_thread(tx: MemoryTransaction, lease: Lease, opened: Opened) -> None:
    move_card(tx, lease, opened.card)
    session = get(tx, lease.session_id)
    assert session is not None
    change(tx, lease, thread=session.place.in_thread(opened.thread.thread_id))


def move_card(tx: MemoryTransaction, lease: Lease, card: MessageRef) -> None:
    """It stays in the channel of its session."""
    session = get(tx, lease.session_id)
    assert session is not None
    here = MessageRef(session.place.in_thread(card.place.thread_id), card.message_id)
    change(tx, lease, card=here, thread=session.thread or session.place.channel)


def release(tx: MemoryTransaction, lease: Lease, *, failed: bool = False) -> None:
    if holds(tx, lease) and (session := get(tx, lease.session_id)):
        change(tx, lease, worker_id="", attempts=session.attempts + failed)

"""Sessions: what is read of them, how they begin, rest and end; who may claim them, and what a run changes of its own."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import Integer, Select, and_, bindparam, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from bot.domain.conversations import ConversationRef, MessageRef
from bot.domain.posts import Opened
from bot.domain.sessions import NOTHING_SHOWN, EndReason, SessionSpec, SessionStatus
from bot.ports.storage.records import Lease, Past, SessionRecord, VoicePlace
from bot.ports.storage.transactions import NewSession, WorkspaceKey
from bot.storage import accounting, inbox, transcripts
from bot.storage.decoders import SHOWN, SPEC
from bot.storage.encryption import Cipher, decrypt, encrypt
from bot.storage.statements import (
    HELD,
    Prepared,
    SqlTransaction,
    channels_of,
    holding,
    in_channel,
    in_channels,
    in_workspace,
    one_of,
)
from bot.storage.tables import sessions, turns, utterances

ENDED = SessionStatus.ENDED.value
AT_REST = (ENDED, SessionStatus.SLEEPING.value)
"""Nobody needs to run these."""


# ---------------------------------------------------------------- reading


def record(tx: SqlTransaction, row: Any) -> SessionRecord:
    place = ConversationRef(row.platform, row.workspace_id, row.channel_id, row.thread_id)
    posted = bool(row.card_message_id)
    return SessionRecord(
        id=row.id,
        place=place,
        thread=place.in_thread(row.talk_thread_id) if posted else None,
        card=MessageRef(place.in_thread(row.card_thread_id), row.card_message_id) if posted else None,
        status=SessionStatus(row.status),
        end_reason=EndReason(row.end_reason) if row.end_reason else None,
        worker_id=row.worker_id,
        epoch=row.epoch,
        attempts=row.attempts,
        starter_id=row.starter_id,
        starter_name=row.starter_name,
        payer_id=row.payer_id,
        spec=_spec(tx.cipher, row.spec),
        reserved_s=row.reserved_s,
        created_at=row.created_at,
        active_at=row.active_at,
        slept_at=row.slept_at,
        ended_at=row.ended_at,
        voice=VoicePlace(row.voice_channel_id, row.voice_person_id) if row.voice_channel_id else None,
        shown=SHOWN.decode(row.note) if row.note else NOTHING_SHOWN,
        deaths=row.deaths,
    )


@lru_cache(maxsize=1_000)
def _spec(cipher: Cipher, column: bytes) -> SessionSpec:
    """It is read with every message of its session, and opening it takes longer than reading the row."""
    return decrypt(cipher, column, SPEC)


def _found(tx: SqlTransaction, query: Select[Any]) -> list[SessionRecord]:
    return [record(tx, row) for row in tx.connection.execute(query)]


_BY_ID = Prepared(select(sessions).where(sessions.c.id == bindparam("session")))


def get(tx: SqlTransaction, session_id: str) -> SessionRecord | None:
    row = _BY_ID.first(tx, session=session_id)
    return record(tx, row) if row else None


_IN_CHANNELS = Prepared(select(sessions).where(in_channels(sessions), sessions.c.status != ENDED))


def in_channels_of(tx: SqlTransaction, places: Iterable[ConversationRef]) -> list[SessionRecord]:
    """All sessions that have not ended in the channels of these places."""
    return [record(tx, row) for row in _IN_CHANNELS.rows(tx, **channels_of(places))]


_IN_CHANNELS_LOCKED, _BY_IDS_LOCKED = (
    Prepared(query.order_by(sessions.c.id).with_for_update(key_share=True))
    for query in (
        select(sessions).where(in_channels(sessions), sessions.c.status != ENDED),
        select(sessions).where(one_of(sessions.c.id, "ids")),
    )
)
"""In the order of their ids: two who take several never wait for each other."""


def locked(
    tx: SqlTransaction, places: Iterable[ConversationRef], session_ids: Collection[str]
) -> Sequence[SessionRecord]:
    there = _IN_CHANNELS_LOCKED.rows(tx, **channels_of(places)) if places else []
    named = _BY_IDS_LOCKED.rows(tx, ids=list(session_ids)) if session_ids else []
    return [record(tx, row) for row in (*there, *named)]


def in_channel_of(tx: SqlTransaction, place: ConversationRef) -> list[SessionRecord]:
    return in_channels_of(tx, [place])


def concerns(tx: SqlTransaction, place: ConversationRef, *, ended_within: timedelta) -> bool:
    c = sessions.c
    was = [c.talk_thread_id == place.thread_id] if place.thread_id else []
    is_or_was = or_(c.status != ENDED, c.ended_at > tx.now - ended_within, *was)
    query = select(c.id).where(in_channel(sessions, place), is_or_was).limit(1)
    return tx.connection.execute(query).first() is not None


def of_workspace(tx: SqlTransaction, platform: str, workspace_id: str) -> list[SessionRecord]:
    query = select(sessions).where(in_workspace(sessions, platform, workspace_id), sessions.c.status != ENDED)
    return _found(tx, query.order_by(sessions.c.created_at, sessions.c.id))


def talked_in(tx: SqlTransaction, place: ConversationRef, most: int) -> list[SessionRecord]:
    said = or_(*(exists().where(table.c.session_id == sessions.c.id) for table in (turns, utterances)))
    this_thread = [(sessions.c.talk_thread_id == place.thread_id).desc()] if place.thread_id else []
    order = (*this_thread, sessions.c.created_at.desc(), sessions.c.id)
    return _found(tx, select(sessions).where(in_channel(sessions, place), said).order_by(*order).limit(most))


def last_ended(tx: SqlTransaction, place: ConversationRef, *, ended_within: timedelta) -> SessionRecord | None:
    c = sessions.c
    in_place = c.talk_thread_id == place.thread_id
    order = (in_place.desc(), c.ended_at.desc(), c.id) if place.thread_id else (c.ended_at.desc(), c.id)
    was_there = and_(c.status == ENDED, c.card_message_id != "", or_(in_place, c.ended_at > tx.now - ended_within))
    query = select(sessions).where(in_channel(sessions, place), was_there).order_by(*order).limit(1)
    return next(iter(_found(tx, query)), None)


def everywhere(tx: SqlTransaction) -> list[SessionRecord]:
    query = select(sessions).where(sessions.c.status != ENDED).order_by(sessions.c.created_at, sessions.c.id)
    return _found(tx, query)


def past(tx: SqlTransaction, session_id: str) -> Past:
    return Past(
        accounting.of_session(tx, session_id).used, transcripts.count(tx, session_id), inbox.stopped_by(tx, session_id)
    )


def count_running(tx: SqlTransaction) -> dict[WorkspaceKey, int]:
    """How many sessions hold, or are about to hold, a slot at the provider, by platform and workspace."""
    workspace = sessions.c.platform, sessions.c.workspace_id
    query = select(*workspace, func.count()).where(sessions.c.status.not_in(AT_REST)).group_by(*workspace)
    return {(row[0], row[1]): row[2] for row in tx.connection.execute(query)}


def count_by_status(tx: SqlTransaction) -> Mapping[SessionStatus, int]:
    query = select(sessions.c.status, func.count()).where(sessions.c.status != ENDED).group_by(sessions.c.status)
    return {SessionStatus(row[0]): row[1] for row in tx.connection.execute(query)}


def kept(tx: SqlTransaction, session_ids: Collection[str]) -> frozenset[str]:
    query = select(sessions.c.id).where(sessions.c.id.in_(tuple(session_ids)))
    return frozenset(tx.connection.execute(query).scalars())


def asleep_for(tx: SqlTransaction, age: timedelta) -> Sequence[str]:
    sleeping = sessions.c.status == SessionStatus.SLEEPING
    query = select(sessions.c.id).where(sleeping, sessions.c.slept_at < tx.now - age)
    return tx.connection.execute(query).scalars().all()


# ---------------------------------------------------------------- beginning, waking, noting activity


_ADD = Prepared(insert(sessions))


def add(tx: SqlTransaction, new: Iterable[NewSession]) -> None:
    """New sessions with their budgets reserved; the unique index is the last guard against two in one place."""
    _ADD.run_each(tx, [_added(tx, each) for each in new])


def _added(tx: SqlTransaction, new: NewSession) -> dict[str, object]:
    return {
        "id": new.id,
        "platform": new.place.platform,
        "workspace_id": new.place.workspace_id,
        "channel_id": new.place.channel_id,
        "thread_id": new.place.thread_id,
        "status": SessionStatus.STARTING,
        "starter_id": new.starter_id,
        "starter_name": new.starter_name,
        "payer_id": new.starter_id,
        "spec": encrypt(tx.cipher, new.spec),
        "reserved_s": new.spec.minutes * 60,
        "created_at": tx.now,
        "active_at": tx.now,
    }


_WAKE = Prepared(
    update(sessions)
    .where(sessions.c.id == bindparam("session"), sessions.c.status == SessionStatus.SLEEPING)
    .values(status=SessionStatus.STARTING, worker_id="", slept_at=None)
)


def wake(tx: SqlTransaction, wakes: Mapping[str, tuple[str, int]]) -> None:
    """Whoever wakes one pays for it from now on."""
    rows = [
        {"session": id_, "payer_id": payer, "reserved_s": seconds, "active_at": tx.now}
        for id_, (payer, seconds) in wakes.items()
    ]
    _WAKE.run_each(tx, rows)


_TOUCH = Prepared(update(sessions).where(one_of(sessions.c.id, "touched")))


def touch(tx: SqlTransaction, session_ids: Iterable[str]) -> None:
    """Somebody wrote or watched."""
    _TOUCH.run(tx, touched=list(session_ids), active_at=tx.now)


# ---------------------------------------------------------------- resting, ending, forgetting


def put_to_rest(tx: SqlTransaction, session_id: str, reason: EndReason) -> bool:
    result = tx.connection.execute(
        update(sessions)
        .where(sessions.c.id == session_id, sessions.c.status == SessionStatus.SLEEPING)
        .values(status=ENDED, end_reason=reason, ended_at=tx.now, reserved_s=0)
    )
    return result.rowcount == 1


def forget(tx: SqlTransaction, session_ids: Collection[str]) -> int:
    ended = and_(sessions.c.id.in_(tuple(session_ids)), sessions.c.status == ENDED)
    return tx.connection.execute(sessions.delete().where(ended)).rowcount


def forget_older(tx: SqlTransaction, age: timedelta) -> int:
    ended = and_(sessions.c.ended_at < tx.now - age, sessions.c.status == ENDED)
    return tx.connection.execute(sessions.delete().where(ended)).rowcount


# ---------------------------------------------------------------- the row that a lease holds


_FENCE = Prepared(select(sessions.c.id).where(HELD).with_for_update(key_share=True))
_CHANGE = Prepared(update(sessions).where(HELD))


def holds(tx: SqlTransaction, lease: Lease) -> bool:
    return bool(_FENCE.rows(tx, **holding(lease)))


def change(tx: SqlTransaction, lease: Lease, /, **fields: object) -> None:
    if "spec" in fields:
        fields["spec"] = encrypt(tx.cipher, fields["spec"])
    if "end_reason" in fields:
        fields["end_reason"] = fields["end_reason"] or ""
    if "shown" in fields:
        fields["note"] = msgspec.json.encode(fields.pop("shown")).decode()
    if "voice" in fields:
        fields |= _voice(fields.pop("voice"))
    _CHANGE.run(tx, **holding(lease), **fields)


def _voice(voice: object) -> dict[str, str]:
    channel_id, person_id = (voice.channel_id, voice.person_id) if isinstance(voice, VoicePlace) else ("", "")
    return {"voice_channel_id": channel_id, "voice_person_id": person_id}


def open_thread(tx: SqlTransaction, lease: Lease, opened: Opened) -> None:
    move_card(tx, lease, opened.card)
    _CHANGE.run(tx, **holding(lease), talk_thread_id=opened.thread.thread_id)


def move_card(tx: SqlTransaction, lease: Lease, card: MessageRef) -> None:
    _CHANGE.run(tx, **holding(lease), card_message_id=card.message_id, card_thread_id=card.place.thread_id)


_RELEASE = Prepared(
    update(sessions)
    .where(HELD)
    .values(worker_id="", attempts=sessions.c.attempts + bindparam("failures", type_=Integer))
)


def release(tx: SqlTransaction, lease: Lease, *, failed: bool = False) -> None:
    _RELEASE.run(tx, **holding(lease), failures=int(failed))

"""Receivers of events, and the outbox of what they have not taken yet."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import Select, and_, bindparam, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from bot.domain.conversations import ConversationRef, place_named
from bot.domain.hook_events import EventType, PlaceScope
from bot.ports.storage.hooks import EventRecord, HookDelivery, HookListener, HookRecord, NewEvent
from bot.storage.decoders import TEXT
from bot.storage.encryption import decrypt, encrypt
from bot.storage.event_writer import SpokenTurn
from bot.storage.statements import Prepared, SqlTransaction, in_workspace
from bot.storage.tables import deliveries, events, hooks, inbox, sessions, turns

# ---------------------------------------------------------------- who listens


@lru_cache(maxsize=200)
def _events(written: str) -> frozenset[EventType]:
    return frozenset(map(EventType, written.split()))


@lru_cache(maxsize=200)
def _scope(written: str) -> PlaceScope:
    return PlaceScope(tuple(place for name in written.split() if (place := place_named(name))))


def _scope_written(scope: PlaceScope) -> str:
    return " ".join(map(str, scope.places))


_LISTENERS = Prepared(
    select(hooks.c.id, hooks.c.events, hooks.c.places, hooks.c.listens_until).where(hooks.c.disabled == "")
)


def listeners(tx: SqlTransaction) -> list[HookListener]:
    return [
        HookListener(row.id, _events(row.events), _scope(row.places), streams=row.listens_until is not None)
        for row in _LISTENERS.rows(tx)
        if row.listens_until is None or row.listens_until > tx.now
    ]


def listen(tx: SqlTransaction, listener_id: str, scope: PlaceScope, until: datetime) -> None:
    values = {"events": " ".join(EventType), "places": _scope_written(scope), "listens_until": until}
    added = insert(hooks).values(id=listener_id, url=b"", secret=b"", created_at=tx.now, **values)
    tx.connection.execute(added.on_conflict_do_update(index_elements=["id"], set_=values))


def add(tx: SqlTransaction, hook: HookRecord) -> None:
    tx.connection.execute(
        insert(hooks)
        .values(
            id=hook.id,
            url=encrypt(tx.cipher, hook.url),
            secret=encrypt(tx.cipher, hook.secret),
            events=" ".join(sorted(hook.events)),
            places=_scope_written(hook.scope),
            disabled=hook.disabled,
            created_at=hook.created_at,
        )
        .on_conflict_do_nothing()
    )


def everything(tx: SqlTransaction) -> list[HookRecord]:
    query = select(hooks).where(hooks.c.listens_until.is_(None)).order_by(hooks.c.created_at, hooks.c.id)
    return [_hook(tx, row) for row in tx.connection.execute(query)]


def _hook(tx: SqlTransaction, row: Any) -> HookRecord:
    url, secret = (decrypt(tx.cipher, column, TEXT) for column in (row.url, row.secret))
    return HookRecord(row.id, url, secret, _events(row.events), _scope(row.places), row.created_at, row.disabled)


def remove(tx: SqlTransaction, hook_id: str) -> bool:
    ours = and_(hooks.c.id == hook_id, hooks.c.listens_until.is_(None))
    return tx.connection.execute(delete(hooks).where(ours)).rowcount > 0


def disable(tx: SqlTransaction, hook_id: str, why: str) -> None:
    tx.connection.execute(update(hooks).where(hooks.c.id == hook_id).values(disabled=why))
    waits = and_(deliveries.c.hook_id == hook_id, deliveries.c.due_at.is_not(None))
    tx.connection.execute(update(deliveries).where(waits).values(due_at=None, reason=why))


# ---------------------------------------------------------------- what happens is written down

_ADD_EVENT = Prepared(insert(events).on_conflict_do_nothing())
_ADD_DELIVERY = Prepared(insert(deliveries).on_conflict_do_nothing())
_IN_FLIGHT = Prepared(
    select(inbox.c.person_id, inbox.c.person_name, turns.c.words).where(
        inbox.c.id == bindparam("row"), turns.c.id == inbox.c.id, turns.c.outcome == "", inbox.c.person_id != ""
    )
)


def turn_in_flight(tx: SqlTransaction, row_id: str) -> SpokenTurn | None:
    row = _IN_FLIGHT.first(tx, row=row_id)
    return SpokenTurn(*row) if row else None


def write(tx: SqlTransaction, event: NewEvent, hook_ids: Sequence[str]) -> None:
    _ADD_EVENT.run(
        tx,
        id=event.id,
        session_id=event.session_id,
        type=event.type,
        body=event.body,
        author_row=event.author_row,
        created_at=tx.now,
    )
    _ADD_DELIVERY.run_each(tx, [{"hook_id": hook, "event_id": event.id, "due_at": tx.now} for hook in hook_ids])


# ---------------------------------------------------------------- and goes out

_EVENT = (
    events.c.id,
    events.c.type,
    events.c.body,
    events.c.created_at,
    sessions.c.platform,
    sessions.c.workspace_id,
    sessions.c.channel_id,
    sessions.c.thread_id,
)
_DELIVERIES = (
    select(deliveries.c.hook_id, deliveries.c.attempts, deliveries.c.reason, *_EVENT)
    .join(events, events.c.id == deliveries.c.event_id)
    .join(sessions, sessions.c.id == events.c.session_id)
)


def _event(row: Any) -> EventRecord:
    place = ConversationRef(row.platform, row.workspace_id, row.channel_id, row.thread_id)
    return EventRecord(row.id, EventType(row.type), place, row.body, row.created_at)


def _deliveries(tx: SqlTransaction, query: Select[Any]) -> list[HookDelivery]:
    return [HookDelivery(row.hook_id, _event(row), row.attempts, row.reason) for row in tx.connection.execute(query)]


def due(tx: SqlTransaction, hook_id: str, most: int, but: Collection[str] = ()) -> list[HookDelivery]:
    here = and_(deliveries.c.hook_id == hook_id, deliveries.c.event_id.not_in(tuple(but)))
    query = _DELIVERIES.where(here, deliveries.c.due_at <= tx.now)
    return _deliveries(tx, query.order_by(deliveries.c.due_at, events.c.id).limit(most))


def waiting(tx: SqlTransaction, hook_id: str, most: int) -> int:
    here = and_(deliveries.c.hook_id == hook_id, deliveries.c.due_at.is_not(None))
    first = select(deliveries.c.event_id).where(here).limit(most).subquery()
    return int(tx.connection.execute(select(func.count()).select_from(first)).scalar_one())


def failed(tx: SqlTransaction, most: int) -> list[HookDelivery]:
    query = _DELIVERIES.where(deliveries.c.due_at.is_(None))
    return _deliveries(tx, query.order_by(events.c.created_at, events.c.id, deliveries.c.hook_id).limit(most))


def settled(tx: SqlTransaction, hook_id: str, event_id: str) -> None:
    one = and_(deliveries.c.hook_id == hook_id, deliveries.c.event_id == event_id)
    tx.connection.execute(delete(deliveries).where(one))


def put_off(tx: SqlTransaction, hook_id: str, event_id: str, until: datetime | None, reason: str) -> None:
    again = deliveries.c.due_at != until if until else deliveries.c.due_at.is_not(None)
    one = and_(deliveries.c.hook_id == hook_id, deliveries.c.event_id == event_id, again)
    values = {"attempts": deliveries.c.attempts + 1, "due_at": until, "reason": reason}
    tx.connection.execute(update(deliveries).where(one).values(values))


def retry(tx: SqlTransaction, hook_id: str = "", event_id: str = "") -> int:
    named = [deliveries.c.hook_id == hook_id] if hook_id else []
    named += [deliveries.c.event_id == event_id] if event_id else []
    here = and_(deliveries.c.due_at.is_(None), *named)
    concerned = or_(hooks.c.id == hook_id, hooks.c.id.in_(select(deliveries.c.hook_id).where(here)))
    tx.connection.execute(update(hooks).where(concerned).values(disabled=""))
    return tx.connection.execute(update(deliveries).where(here).values(due_at=tx.now, attempts=0)).rowcount


def since(
    tx: SqlTransaction, event_id: str, most: int, workspaces: Collection[tuple[str, str]] = ()
) -> list[EventRecord]:
    there = [or_(*(in_workspace(sessions, *each) for each in workspaces))] if workspaces else []
    query = select(*_EVENT).join(sessions, sessions.c.id == events.c.session_id).where(events.c.id > event_id, *there)
    return [_event(row) for row in tx.connection.execute(query.order_by(events.c.id).limit(most))]


def forget_older(tx: SqlTransaction, age: timedelta) -> int:
    tx.connection.execute(delete(hooks).where(hooks.c.listens_until < tx.now))
    old = and_(events.c.created_at < tx.now - age, events.c.id.not_in(select(deliveries.c.event_id)))
    return tx.connection.execute(delete(events).where(old)).rowcount

"""Receivers of events, and the outbox of what they have not taken yet."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.domain.hook_events import EventType, PlaceScope
from bot.ports.storage.hooks import EventRecord, HookDelivery, HookListener, HookRecord, NewEvent
from bot.ports.storage.records import InboxOutcome
from bot.storage.event_writer import SpokenTurn
from bot.storage.memory.rows import DeliveryRow, EventRow, MemoryTransaction, StreamRow

# ---------------------------------------------------------------- who listens


def listeners(tx: MemoryTransaction) -> list[HookListener]:
    sent = [
        HookListener(each.id, each.events, each.scope, streams=False) for each in tx.data.hooks if not each.disabled
    ]
    reading = [(id_, each.scope) for id_, each in tx.data.streams.items() if each.until > tx.now]
    return [*sent, *(HookListener(id_, frozenset(EventType), scope, streams=True) for id_, scope in reading)]


def listen(tx: MemoryTransaction, listener_id: str, scope: PlaceScope, until: datetime) -> None:
    tx.data.streams.put(listener_id, StreamRow(scope, until))


def add(tx: MemoryTransaction, hook: HookRecord) -> None:
    tx.data.hooks.keep(hook.id, hook)


def everything(tx: MemoryTransaction) -> list[HookRecord]:
    return sorted(tx.data.hooks, key=lambda hook: (hook.created_at, hook.id))


def remove(tx: MemoryTransaction, hook_id: str) -> bool:
    there = hook_id in tx.data.hooks
    tx.data.hooks.delete(hook_id)
    for key in tx.data.deliveries.keys():  # noqa: SIM118 - its rows are what it iterates over
        if key[0] == hook_id:
            tx.data.deliveries.delete(key)
    return there


def disable(tx: MemoryTransaction, hook_id: str, why: str) -> None:
    if hook := tx.data.hooks.get(hook_id):
        tx.data.hooks.put(hook_id, replace(hook, disabled=why))
    for row in tx.data.deliveries:
        if row.hook_id == hook_id and row.due_at is not None:
            _put(tx, replace(row, due_at=None, reason=why))


# ---------------------------------------------------------------- what happens is written down


def turn_in_flight(tx: MemoryTransaction, row_id: str) -> SpokenTurn | None:
    turn, row = tx.data.turns.get(row_id), tx.data.inbox.get(row_id)
    if turn is None or row is None or turn.outcome is not InboxOutcome.NONE or not row.record.person_id:
        return None
    return SpokenTurn(row.record.person_id, row.record.person_name, turn.words)


def write(tx: MemoryTransaction, event: NewEvent, hook_ids: Sequence[str]) -> None:
    tx.data.events.keep(event.id, EventRow(event, tx.now))
    for hook_id in hook_ids:
        tx.data.deliveries.keep((hook_id, event.id), DeliveryRow(hook_id, event.id, tx.now))


# ---------------------------------------------------------------- and goes out


def _event(tx: MemoryTransaction, event_id: str) -> EventRecord:
    row = tx.data.events.get(event_id)
    assert row is not None
    session = tx.data.sessions.get(row.new.session_id)
    assert session is not None
    return EventRecord(row.new.id, row.new.type, session.place, row.new.body, row.at)


def _deliveries(tx: MemoryTransaction, rows: Iterable[DeliveryRow], most: int) -> list[HookDelivery]:
    found = [HookDelivery(row.hook_id, _event(tx, row.event_id), row.attempts, row.reason) for row in rows]
    return found[:most]


def _put(tx: MemoryTransaction, row: DeliveryRow) -> None:
    tx.data.deliveries.put((row.hook_id, row.event_id), row)


def due(tx: MemoryTransaction, hook_id: str, most: int, but: Collection[str] = ()) -> list[HookDelivery]:
    here = (row for row in tx.data.deliveries if row.hook_id == hook_id and row.event_id not in but)
    ready = [(row.due_at, row.event_id, row) for row in here if row.due_at is not None and row.due_at <= tx.now]
    return _deliveries(tx, (row for *_, row in sorted(ready, key=lambda each: each[:2])), most)


def waiting(tx: MemoryTransaction, hook_id: str, most: int) -> int:
    return min(most, sum(row.hook_id == hook_id and row.due_at is not None for row in tx.data.deliveries))


def failed(tx: MemoryTransaction, most: int) -> list[HookDelivery]:
    found = _deliveries(tx, (row for row in tx.data.deliveries if row.due_at is None), len(tx.data.deliveries.keys()))
    return sorted(found, key=lambda each: (each.event.at, each.event.id, each.hook_id))[:most]


def settled(tx: MemoryTransaction, hook_id: str, event_id: str) -> None:
    tx.data.deliveries.delete((hook_id, event_id))


def put_off(tx: MemoryTransaction, hook_id: str, event_id: str, until: datetime | None, reason: str) -> None:
    row = tx.data.deliveries.get((hook_id, event_id))
    if row and row.due_at is not None:
        _put(tx, replace(row, attempts=row.attempts + 1, due_at=until, reason=reason))


def retry(tx: MemoryTransaction, hook_id: str = "", event_id: str = "") -> int:
    found = [
        row
        for row in tx.data.deliveries
        if row.due_at is None and hook_id in {"", row.hook_id} and event_id in {"", row.event_id}
    ]
    for row in found:
        _put(tx, replace(row, due_at=tx.now, attempts=0))
    for id_ in {hook_id, *(row.hook_id for row in found)}:
        if hook := tx.data.hooks.get(id_):
            tx.data.hooks.put(id_, replace(hook, disabled=""))
    return len(found)


def since(
    tx: MemoryTransaction, event_id: str, most: int, workspaces: Collection[tuple[str, str]] = ()
) -> list[EventRecord]:
    later = (_event(tx, row.new.id) for row in tx.data.events if row.new.id > event_id)
    there = (each for each in later if not workspaces or (each.place.platform, each.place.workspace_id) in workspaces)
    return sorted(there, key=lambda event: event.id)[:most]


# ---------------------------------------------------------------- forgetting


def forget_older(tx: MemoryTransaction, age: timedelta) -> int:
    for id_, stream in tx.data.streams.items():
        if stream.until < tx.now:
            tx.data.streams.delete(id_)
    waited_for = {row.event_id for row in tx.data.deliveries}
    old = [row for row in tx.data.events if row.at < tx.now - age and row.new.id not in waited_for]
    forget(tx, old)
    return len(old)


def forget(tx: MemoryTransaction, gone: Collection[EventRow]) -> None:
    """Events, and whatever waits to be told of them."""
    ids = {row.new.id for row in gone}
    for key in tx.data.deliveries.keys():  # noqa: SIM118 - its rows are what it iterates over
        if key[1] in ids:
            tx.data.deliveries.delete(key)
    for id_ in ids:
        tx.data.events.delete(id_)

"""What a run writes, only the run writes: every function that takes a lease refuses one that is not the session's."""

import inspect
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import ModuleType

import pytest
from sqlalchemy import Connection

from bot.domain.cards import Opened
from bot.domain.conversations import ConversationRef, MessageRef
from bot.domain.messages import Inbound, MessagePosted
from bot.domain.people import Membership, Person, Role
from bot.domain.sessions import Mode, SessionSpec, SessionStatus
from bot.domain.transcript import Speaker
from bot.storage import inbox, provider_sessions, sessions, transcripts
from bot.storage.encryption import Cipher
from bot.storage.engine import Store
from bot.storage.records import InboxRecord, Lease, PostRecord, UtteranceRecord
from bot.storage.sessions import LeaseLost
from bot.storage.tables import metadata

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
PLACE = ConversationRef("fake", "W1", "C1")
CARD = MessageRef(PLACE, "card")
SPEC = SessionSpec("alma", mode=Mode.DIALOGUE)
UTTERANCE = UtteranceRecord(
    "u", "p", "mid", Speaker.BOT, "Hello", final=True, shown=False, started_at=NOW, ended_at=NOW
)

Write = Callable[[Connection, Cipher, Lease, InboxRecord], object]

WRITES: dict[str, Write] = {
    "sessions.fence": lambda c, _, lease, __: sessions.fence(c, lease),
    "sessions.change": lambda c, _, lease, __: sessions.change(c, lease, status=SessionStatus.LIVE),
    "sessions.open_thread": lambda c, _, lease, __: sessions.open_thread(c, lease, Opened(CARD, PLACE)),
    "sessions.move_card": lambda c, _, lease, __: sessions.move_card(c, lease, CARD),
    "sessions.respecify": lambda c, cipher, lease, _: sessions.respecify(c, cipher, lease, SPEC),
    "provider_sessions.intend": lambda c, _, lease, __: provider_sessions.intend(c, lease, "p2", "ann", 600, NOW),
    "provider_sessions.abandon": lambda c, _, lease, __: provider_sessions.abandon(c, lease, "p", NOW),
    "provider_sessions.closing": lambda c, _, lease, __: provider_sessions.closing(c, lease, "p"),
    "provider_sessions.lost": lambda c, _, lease, __: provider_sessions.lost(c, lease, "p", NOW),
    "inbox.claim_turn": lambda c, _, lease, row: inbox.claim_turn(c, lease, row, "p", "Hello", NOW),
    "inbox.finish": lambda c, _, lease, row: inbox.finish(c, lease, row.id, "spoken", "", NOW),
    "transcripts.save": lambda c, _, lease, __: transcripts.save(c, lease, UTTERANCE),
    "transcripts.shown": lambda c, _, lease, __: transcripts.shown(c, lease, "u0"),
    "transcripts.intend_post": lambda c, _, lease, __: transcripts.intend_post(
        c, lease, "post", PostRecord("u0", 0, "key", "", NOW)
    ),
}
UNFENCED = {"sessions.release"}
"""Gives a lease back, and does nothing when it is lost."""


def fenced_functions(module: ModuleType) -> Iterator[str]:
    for name, function in inspect.getmembers(module, inspect.isfunction):
        if function.__module__ == module.__name__ and "lease" in inspect.signature(function).parameters:
            yield f"{module.__name__.rpartition('.')[2]}.{name}"


def test_every_function_that_takes_a_lease_is_tried() -> None:
    found = {name for module in (inbox, provider_sessions, sessions, transcripts) for name in fenced_functions(module)}
    assert found == WRITES.keys() | UNFENCED


async def hosted(store: Store) -> tuple[Lease, InboxRecord]:
    """A session that the worker "B" runs, in its second epoch, with something of every kind in it."""

    def work(c: Connection) -> Lease:
        for worker in ("A", "B"):
            sessions.enlist(c, worker, now=NOW, until=NOW + timedelta(minutes=1), capacity=1, address="here")
        person = {"starter_id": "ann", "starter_name": "Ann"}
        sessions.add(c, store.cipher, session_id="s", place=PLACE, spec=SPEC, now=NOW, **person)
        (first,) = sessions.claim(c, "A", now=NOW, room=1)
        provider_sessions.intend(c, first, "p", "ann", 600, NOW)
        transcripts.save(c, first, UtteranceRecord("u0", "p", "m", Speaker.BOT, "Hi", True, False, NOW, NOW))
        said = Inbound(
            "e", 1, PLACE, Person("ann", "Ann", Membership.MEMBER), MessagePosted("Hello", MessageRef(PLACE, "m"))
        )
        inbox.add(
            c, store.cipher, [inbox.NewRow("i", "s", said, inbox.SAY, {"text": "Hello"}, None, Role.STARTER)], NOW
        )
        sessions.release(c, first)
        (second,) = sessions.claim(c, "B", now=NOW, room=1)
        return second

    lease = await store.write(work)
    (row,) = await store.read(lambda c: inbox.waiting_turns(c, store.cipher, "s"))
    return lease, row


def everything(connection: Connection) -> list[tuple[object, ...]]:
    """Every row of every table."""
    return [tuple(row) for table in metadata.sorted_tables for row in connection.execute(table.select())]


@pytest.mark.parametrize(
    "stale",
    [
        pytest.param(Lease("s", "A", 1), id="an earlier run"),
        pytest.param(Lease("s", "B", 1), id="an earlier epoch"),
        pytest.param(Lease("s", "A", 2), id="another worker"),
    ],
)
@pytest.mark.parametrize("write", WRITES)
async def test_a_lease_that_is_not_the_sessions_writes_nothing(store: Store, write: str, stale: Lease) -> None:
    _, row = await hosted(store)
    before = await store.read(everything)
    with pytest.raises(LeaseLost):
        await store.write(lambda c: WRITES[write](c, store.cipher, stale, row))
    assert await store.read(everything) == before


@pytest.mark.parametrize("write", sorted(WRITES.keys() - {"sessions.fence"}))
async def test_the_sessions_own_lease_writes(store: Store, write: str) -> None:
    lease, row = await hosted(store)
    before = await store.read(everything)
    await store.write(lambda c: WRITES[write](c, store.cipher, lease, row))
    assert await store.read(everything) != before

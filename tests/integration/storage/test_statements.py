"""How many statements a batch takes: on a server each is a round trip. Counted on SQLite, whose statements are the same."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import Any

import pytest
from sqlalchemy import Connection, update

from benchmarks.accept import NobodyRuns
from benchmarks.world import AMPLE
from bot.clock import SystemClock
from bot.commands.policy import Policy
from bot.domain.conversations import (
    Accepted,
    Command,
    ConversationRef,
    Inbound,
    Membership,
    MessagePosted,
    MessageRef,
    Outcome,
    Person,
)
from bot.domain.sessions import SessionStatus
from bot.ingress.inbox import Inbox
from bot.ports.storage.records import InboxRecord
from bot.runtime.funding import Funding
from bot.storage import tables
from bot.storage.encryption import Cipher
from bot.storage.engine import Store
from bot.storage.inbox import claim_turn
from bot.storage.sql import SqlStorage
from bot.storage.sqlite import SqliteThread
from bot.storage.statements import SqlTransaction

AT_ONCE, MOST = 64, 13
"""With the lock of the budgets, which a server needs, at most 14."""
PLACES = [ConversationRef("fake", f"W{number}", "C") for number in range(AT_ONCE)]


@asynccontextmanager
async def an_inbox(storage: SqlStorage) -> AsyncIterator[Inbox]:
    inbox = Inbox(storage, Policy(AMPLE), Funding(storage.channels, lambda *_: True), NobodyRuns())
    running = asyncio.create_task(inbox.run())
    try:
        yield inbox
    finally:
        running.cancel()
        await asyncio.wait([running])


def inbound(number: int, body: Command | MessagePosted) -> Inbound:
    person = Person(f"p{number}", "Ann", Membership.MEMBER)
    return Inbound(f"{type(body).__name__}{number}", number, PLACES[number], person, body)


async def counted(store: Store, doing: Callable[[], Coroutine[Any, Any, Sequence[Outcome]]]) -> list[str]:
    """What the writer ran; rows that are inserted or changed by one call are one."""
    (writer,), statements = store.database.writers, list[str]()
    assert isinstance(writer, SqliteThread)
    await writer._driver.set_trace_callback(statements.append)
    outcomes = await doing()
    await writer._driver.set_trace_callback(lambda _: None)
    assert all(isinstance(outcome, Accepted) for outcome in outcomes), outcomes
    return [text for text, _ in groupby(statement[:40] for statement in statements)]


async def test_many_starts_or_wakes_take_few_statements(store: Store) -> None:
    async with an_inbox(SqlStorage(store, SystemClock())) as inbox:

        async def starts() -> list[Outcome]:
            return await asyncio.gather(*(inbox.accept(inbound(n, Command("start"))) for n in range(AT_ONCE)))

        async def wakes() -> list[Outcome]:
            said = (MessagePosted("Hello", MessageRef(place, "m"), mentioned=True) for place in PLACES)
            return await asyncio.gather(*(inbox.accept(inbound(n, each)) for n, each in enumerate(said)))

        await inbox.accept(inbound(0, MessagePosted("Hello")))  # what a connection asks once
        started = await counted(store, starts)
        asleep = {"status": SessionStatus.SLEEPING, "slept_at": SystemClock().now()}
        await store.write(lambda connection: connection.execute(update(tables.sessions).values(asleep)).rowcount)
        woken = await counted(store, wakes)
    assert len(started) <= MOST, "\n".join(started)
    assert len(woken) <= MOST, "\n".join(woken)


async def test_what_a_message_asks_is_planned_once(store: Store) -> None:
    storage = SqlStorage(store, SystemClock())
    async with an_inbox(storage) as inbox:
        await inbox.accept(inbound(0, Command("start")))
        for number in range(3):
            said = MessagePosted("Hello", MessageRef(PLACES[0], f"m{number}"), mentioned=True)
            outcome = await inbox.accept(replace(inbound(0, said), event_id=f"m{number}"))
            assert isinstance(outcome, Accepted), outcome
            row = await storage.inbox.get(outcome.row_id)
            assert row is not None
            assert await store.write(partial(claimed, store.cipher, row))
    (writer,) = store.database.writers
    assert isinstance(writer, SqliteThread)
    if ("ENABLE_STMTVTAB",) not in list(await writer._driver.execute_fetchall("PRAGMA compile_options")):
        pytest.skip("this SQLite does not tell how often it planned a statement")
    assert list(await writer._driver.execute_fetchall("SELECT sql, reprep FROM sqlite_stmt WHERE reprep > 1")) == []


def claimed(cipher: Cipher, row: InboxRecord, connection: Connection) -> bool:
    return claim_turn(SqlTransaction(connection, cipher, row.created_at, None), row, "", row.text)

"""How many statements a batch takes: on a server each is a round trip. Counted on SQLite, whose statements are the same."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from itertools import groupby
from typing import Any

from sqlalchemy import update

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
from bot.runtime.funding import Funding
from bot.storage import tables
from bot.storage.engine import Store
from bot.storage.sql import SqlStorage
from bot.storage.sqlite import SqliteThread

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

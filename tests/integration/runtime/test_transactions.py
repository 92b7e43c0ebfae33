"""How often the database is asked for one message and its answer: a number, since a time would be the machine's."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from adapters.simulator.messages import ChatShape
from benchmarks.walk import CLOCKS
from bot.ports.storage.records import InboxOutcome
from bot.storage.connections import Work
from bot.storage.unit_of_work import SPOKEN
from tests.world_fixture import QUICK, CuttableStore, Stack, T, on_stack

MOST = 8

AFTER_S = 5.0
"""Until the last of a message has been written, and less than until what is due is looked for by the clock."""


class CountingStore(CuttableStore):
    """Names the task of each transaction."""

    asked: list[str]
    unhurriedly: int

    async def unhurried(self, work: Work[T]) -> T:
        CountingStore.unhurriedly += 1
        return await super().unhurried(work)

    async def read(self, work: Work[T]) -> T:
        self._count("read")
        return await super().read(work)

    async def write_late(self, make: Callable[[], Work[T]]) -> T:
        self._count("write")
        return await super().write_late(make)

    def _count(self, what: str) -> None:
        task = asyncio.current_task()
        assert task
        if task.get_name() not in CLOCKS:
            self.asked.append(f"{what} in {task.get_name()}")


async def asked_for(stack: Stack, text: str) -> list[str]:
    """One message in the thread, until what is said to it stands there."""
    CountingStore.asked, CountingStore.unhurriedly = [], 0
    said = len(stack.room.finals)
    await stack.room.say(text, stack.room.thread)
    await stack.until(lambda: len(stack.room.finals) > said)
    await asyncio.sleep(AFTER_S)
    return list(CountingStore.asked)


async def asked_to_say(stack: Stack, text: str) -> list[str]:
    """`/avatar say`, until its words and the answer stand in the thread and its author was told."""
    CountingStore.asked, CountingStore.unhurriedly = [], 0
    said = len(stack.room.finals)
    await stack.room.command("say", text=text)
    await stack.until(lambda: len(stack.room.finals) > said + 1)
    await asyncio.sleep(AFTER_S)
    return list(CountingStore.asked)


@on_stack()
async def test_a_say_and_its_answer_take_eight_transactions_at_most(stack: Stack) -> None:
    CountingStore.asked, CountingStore.unhurriedly = [], 0
    async with stack.serving(kind=CountingStore):
        await stack.room.command("start")
        await stack.live()
        await asked_to_say(stack, "What is 1 * 7?")
        told = stack.room.answers().count("Spoken.")
        asked = await asked_to_say(stack, "What is 6 * 7?")
    assert stack.room.answers().count("Spoken.") == told + 1
    assert len(asked) <= MOST, "\n".join(asked)
    assert not CountingStore.unhurriedly, "its author waits to be told that it was spoken"


@on_stack()
async def test_a_message_and_its_answer_take_eight_transactions_at_most(stack: Stack) -> None:
    CountingStore.asked, CountingStore.unhurriedly = [], 0
    async with stack.serving(kind=CountingStore):
        await stack.room.command("start")
        await stack.live()
        await asked_for(stack, "What is 1 * 7?")  # what an earlier run may have left is read once
        asked = await asked_for(stack, "What is 6 * 7?")
    assert len(asked) <= MOST, "\n".join(asked)
    assert CountingStore.unhurriedly == 1, "nobody waits for its outcome, which shares the commit of another write"
    assert "read in turns" not in asked, (
        "the message was handed over, and is claimed by the words that it was judged by"
    )


class EndingStore(CuttableStore):
    """Tells when a turn is over whose outcome waits for another write."""

    over: asyncio.Event

    async def unhurried(self, work: Work[T]) -> T:
        self.over.set()
        return await super().unhurried(work)


async def outcomes_after_a_stop(stack: Stack) -> Mapping[InboxOutcome, int]:
    """The service stops when a turn is over and its outcome waits for another write."""
    EndingStore.over = asyncio.Event()
    async with stack.serving(kind=EndingStore):
        await stack.room.command("start")
        await stack.live()
        await stack.room.say("What is 6 * 7?", stack.room.thread)
        await EndingStore.over.wait()
    async with stack.serving() as service:
        place = stack.room.thread
        return await service.services.storage.inbox.count_outcomes(
            place.platform, place.workspace_id, datetime.min.replace(tzinfo=UTC), [*SPOKEN, InboxOutcome.UNHEARD]
        )


@on_stack()
async def test_who_stops_while_an_outcome_waits_writes_it(stack: Stack) -> None:
    assert await outcomes_after_a_stop(stack) == {InboxOutcome.SPOKEN: 1}


@on_stack(replace(QUICK, shape=ChatShape(events=False)))
async def test_an_outcome_that_nothing_told_of_is_written_too(stack: Stack) -> None:
    assert await outcomes_after_a_stop(stack) == {InboxOutcome.SPOKEN: 1}

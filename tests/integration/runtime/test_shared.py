"""Two services on one storage answer people once, do each job once, and know the same."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from bot.app.service import Service
from bot.domain.conversations import Command, Duplicate, Inbound, Question, ReplyTo
from bot.jobs.scheduler import COUNT_EVERY
from bot.testing.chat import ANN, CHANNEL
from tests.world_fixture import Stack, on_stack

MANY = 12


@asynccontextmanager
async def two(stack: Stack) -> AsyncIterator[tuple[Service, Service]]:
    """The first runs what is started."""
    async with stack.serving(alone=False) as first:
        await stack.room.command("start")
        await stack.live()
        async with stack.serving(alone=False) as second:
            await stack.until(lambda: second.worker.lease.held)
            yield first, second


async def a_moment(*_: object) -> None:
    """What a platform takes over an answer: long enough for the other process to look."""
    await asyncio.sleep(0.5)


def asked(number: int, verb: str = "status") -> Inbound:
    return Inbound(f"q{number}", number, CHANNEL, ANN, Command(verb), ReplyTo(CHANNEL, ANN))


@on_stack()
async def test_what_reaches_two_processes_is_answered_by_one(stack: Stack) -> None:
    async with two(stack) as services:
        outcomes = [await service.core.accept(asked(1)) for service in services]
        assert outcomes == [Question(), Question()]
        first = await asyncio.gather(*(service.core.first_to_answer(asked(1)) for service in services))
        assert sorted(first) == [False, True]
        assert [await service.core.accept(asked(1)) for service in services] == [Duplicate(), Duplicate()]
        assert [await service.core.accept(asked(2)) for service in services] == [Question(), Question()]


@on_stack()
async def test_status_is_the_same_in_every_process(stack: Stack) -> None:
    async with two(stack) as services:
        await asyncio.sleep(10)
        told = [(await service.core.answer(replace(asked(1), place=stack.room.thread))).text for service in services]
        assert all("Renews by itself while people talk" in text for text in told)


@on_stack()
async def test_people_hear_of_an_outcome_from_one_process(stack: Stack) -> None:
    async with two(stack) as services:
        before, stack.room.before["reply"] = len(stack.room.answers()), a_moment
        for number in range(MANY):
            await services[number % 2].core.accept(replace(asked(number, "interrupt"), place=stack.room.thread))
        await stack.until(lambda: len(stack.room.answers()) > before)
        for service in services:
            service.services.replies_due.set()
        await asyncio.sleep(90)
        assert len(stack.room.answers()) == before + MANY


@on_stack()
async def test_the_sessions_of_all_are_shown_by_one(stack: Stack) -> None:
    async with two(stack) as services:
        await asyncio.sleep(2 * COUNT_EVERY)
        shown = ["avatarbot_sessions{" in service.services.metrics.exposition().decode() for service in services]
        assert sorted(shown) == [False, True]

"""Two services on one storage answer people once, do each job once, and know the same."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import pytest

from bot.app.service import Service
from bot.domain.conversations import Command, Duplicate, Inbound, Question, ReplyTo
from bot.domain.errors import PlatformError, StoreUnavailable
from bot.ingress.answering import HELD_FOR
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
        giving = await asyncio.gather(*(service.core.first_to_answer(asked(1), a_moment) for service in services))
        [give] = [each for each in giving if each]
        giving_it = asyncio.ensure_future(give())
        twins = await asyncio.gather(*(service.core.accept(asked(1)) for service in services))
        await giving_it
        assert twins == [Duplicate(), Duplicate()]
        assert [await service.core.accept(asked(2)) for service in services] == [Question(), Question()]


@on_stack()
async def test_what_a_process_died_of_answering_another_answers(stack: Stack) -> None:
    async with two(stack) as (first, second):
        assert await first.core.first_to_answer(asked(1), a_moment)  # and here it dies
        with pytest.raises(StoreUnavailable):
            await second.core.accept(asked(1))
        await asyncio.sleep(HELD_FOR.total_seconds())
        assert await second.core.accept(asked(1)) == Question()
        assert await second.core.first_to_answer(asked(1), a_moment)


@on_stack()
async def test_a_long_answer_is_not_given_by_another(stack: Stack) -> None:
    async with two(stack) as (first, second):
        give = await first.core.first_to_answer(asked(1), partial(asyncio.sleep, 3 * HELD_FOR.total_seconds()))
        assert give
        giving = asyncio.ensure_future(give())
        await asyncio.sleep(2 * HELD_FOR.total_seconds())
        assert await second.core.first_to_answer(asked(1), a_moment) is None
        await giving
        assert await second.core.accept(asked(1)) == Duplicate()


@on_stack()
async def test_an_answer_that_failed_is_not_given_again(stack: Stack) -> None:
    async def fails() -> None:
        raise PlatformError("It did not answer.", "late")

    async with two(stack) as (first, second):
        give = await first.core.first_to_answer(asked(1), fails)
        assert give
        with pytest.raises(PlatformError):
            await give()
        assert await second.core.accept(asked(1)) == Duplicate()


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

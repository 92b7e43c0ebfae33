"""A storage that is there, and never comes to the end of one thing."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

import pytest

from bot.domain.errors import StoreBusy, StoreRefused, StoreUnavailable
from bot.domain.sessions import EndReason, SessionStatus
from bot.runtime.session_runner import MOST_ATTEMPTS
from bot.runtime.status_card import ENDINGS
from bot.runtime.turns import UNHEARD
from bot.runtime.worker import STUCK_RUNS, STUCK_WITHIN
from bot.storage.memory import MemoryStorage
from bot.storage.memory.rows import Data, ProviderSessionRow, Rows, UtteranceRow
from bot.storage.unit_of_work import BUSY_FOR_S
from bot.testing.virtual_time import run_virtual
from tests.memory_fixture import MemoryWorld, Surroundings

R = TypeVar("R")


class SlowRows(Rows[str, R]):
    """A transaction that writes one of them takes too long."""

    slow = True
    trouble: StoreUnavailable = StoreBusy("The database is busy. Please try again in a moment.", "57014")

    def put(self, key: str, row: R) -> None:
        if self.slow:
            raise self.trouble
        super().put(key, row)


class RefusedRows(SlowRows[R]):
    """A transaction that writes one of them is never taken."""

    trouble = StoreRefused("The database did not take it. Please try again in a moment.", "22003")


@contextlib.asynccontextmanager
async def world_on(data: Data) -> AsyncIterator[MemoryWorld]:
    surroundings = Surroundings()
    surroundings.storage = MemoryStorage(surroundings.clock, data)
    async with contextlib.aclosing(surroundings.provider), surroundings.service() as world:
        await world.room.command("start")
        yield world


def answered_in_vain(then: Callable[[SlowRows[UtteranceRow]], None], told: Callable[[MemoryWorld], bool]) -> None:
    """Almost two minutes after the avatar said something that cannot be written down."""

    async def story() -> None:
        rows = SlowRows[UtteranceRow]()
        async with world_on(Data(utterances=rows)) as world:
            await world.live()
            await world.room.say("Hello", world.room.thread)
            await asyncio.sleep(BUSY_FOR_S - 10)
            assert world.room.finals == []
            then(rows)
            await world.until(lambda: told(world))
            assert world.room.card.status is SessionStatus.LIVE

    run_virtual(story())


def test_what_took_too_long_for_a_while_is_written_then() -> None:
    def mended(rows: SlowRows[UtteranceRow]) -> None:
        rows.slow = False

    answered_in_vain(mended, lambda world: bool(world.room.finals))


def test_what_always_takes_too_long_keeps_nobody_waiting() -> None:
    answered_in_vain(lambda _: None, lambda world: UNHEARD in world.room.answers())


def stuck_again_and_again(pause: float) -> SessionStatus:
    """What becomes of a session in which somebody writes each time it is live."""

    async def story() -> SessionStatus:
        async with world_on(Data(utterances=SlowRows[UtteranceRow]())) as world:
            for number in range(STUCK_RUNS):
                await world.live()
                await world.room.say("Hello", world.room.thread)
                await world.until(lambda: world.room.answers().count(UNHEARD) > number, 2 * BUSY_FOR_S)  # noqa: B023
                await asyncio.sleep(pause)
            await asyncio.sleep(60)
            return world.room.card.status

    return run_virtual(story())


def test_a_live_session_that_is_stuck_each_time_is_ended() -> None:
    assert stuck_again_and_again(pause=10) is SessionStatus.ENDED


def test_a_session_that_is_stuck_now_and_then_goes_on() -> None:
    assert stuck_again_and_again(pause=0.4 * STUCK_WITHIN) is SessionStatus.LIVE


def test_what_is_stuck_while_it_closes_keeps_its_reason() -> None:
    async def story() -> None:
        rows = SlowRows[ProviderSessionRow]()
        rows.slow = False
        async with world_on(Data(provider_sessions=rows)) as world:
            await world.live()
            rows.slow = True
            await world.room.command("stop")
            await asyncio.sleep((STUCK_RUNS + 1) * (BUSY_FOR_S + 10))
            rows.slow = False
            await world.until(lambda: world.room.card.status is SessionStatus.ENDED, 2 * BUSY_FOR_S)
            session = await world.service.services.storage.sessions.get(world.room.card.session_id)
            assert session is not None
            assert session.end_reason is EndReason.STOPPED

    run_virtual(story())


@pytest.mark.parametrize("rows", [SlowRows, RefusedRows])
def test_a_start_that_cannot_be_written_down_is_given_up(rows: type[SlowRows[ProviderSessionRow]]) -> None:
    async def story() -> None:
        async with world_on(Data(provider_sessions=rows())) as world:
            within = MOST_ATTEMPTS * (BUSY_FOR_S + 10)
            await world.until(lambda: world.room.answers() == [ENDINGS[EndReason.ERROR]], within)
            assert world.room.card.status is SessionStatus.ENDED

    run_virtual(story())

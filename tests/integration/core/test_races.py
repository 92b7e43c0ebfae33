"""What two things that happen at once must never do to each other."""

import asyncio
from datetime import timedelta

from bot.domain.conversations import NoSession
from bot.domain.sessions import SessionStatus
from bot.ports.room import LossReason
from bot.testing.virtual_time import JumpingClock
from tests.world_fixture import Stack, on_stack


@on_stack()
async def test_messages_written_while_disconnected_are_spoken_after_rejoining(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start")
        await stack.live()
        (hosted,) = stack.hosted
        (connection,) = [
            s for s in stack.simulator.rooms.connections(hosted.client.channel) if s.uid == hosted.client.uid
        ]
        connection.link_down()
        await stack.room.say("Hello", stack.room.thread)
        await asyncio.sleep(1)
        connection.lose(LossReason.LOST)
        await stack.until(lambda: len(stack.room.finals) == 1)
    assert len(stack.spoken) == 1


@on_stack()
async def test_a_message_during_the_stop_of_a_sleeper_is_refused(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start")
        await stack.until(lambda: bool(stack.room.cards) and stack.room.card.status is SessionStatus.SLEEPING, 700)
        thread = stack.room.thread
        _, said = await asyncio.gather(stack.room.command("stop"), stack.room.say("Wake up", thread))
    assert isinstance(said, NoSession)


@on_stack()
async def test_stopping_an_absent_session_stops_no_other(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start")
        await stack.live()
        outcome = await stack.room.command("stop", session="nonsense")
        await asyncio.sleep(20)
        assert isinstance(outcome, NoSession)
        assert len(stack.hosted) == 1


@on_stack()
async def test_a_clock_that_is_set_back_keeps_nobody_waiting(stack: Stack) -> None:
    clock = JumpingClock()
    async with stack.serving(clock=clock):
        await stack.room.command("start")
        await stack.live()
        clock.wrong_by = timedelta(hours=1)
        await stack.room.say("Hello", stack.room.thread)
        clock.wrong_by = timedelta(0)
        await stack.until(lambda: len(stack.room.finals) == 1)


@on_stack()
async def test_a_clock_that_jumps_ahead_gives_no_session_two_runs(stack: Stack) -> None:
    clock = JumpingClock()
    async with stack.serving(alone=False, clock=clock) as service:
        await stack.room.command("start")
        await stack.live()
        clock.wrong_by = timedelta(hours=1)
        await asyncio.sleep(20)
        await stack.room.say("Hello", stack.room.thread)
        await stack.until(lambda: len(stack.room.finals) == 1)
        assert service.worker.hosted == 1
    assert len(stack.spoken) == 1

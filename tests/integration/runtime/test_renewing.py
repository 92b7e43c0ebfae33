"""A room is changed before it ends, whatever ends it, and the next avatar is as the last one was set."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.simulator import Control, FaultScript, NetworkConditions
from adapters.simulator.control import Befall, RoomFault
from bot.domain.sessions import SessionStatus
from bot.runtime.provider_sessions import NOT_TAKEN_OVER
from tests.world_fixture import QUICK, on_stack, run_story
from tests.world_fixture import Stack as World

LATE = replace(QUICK, join_delay=10.0)
RENEWED_AFTER = 35
"""Seconds after its avatar came until a session of a minute is renewed."""


@on_stack()
async def test_an_expiring_token_renews_without_a_gap(stack: World) -> None:
    async with stack.serving():
        await stack.room.command("start")
        await stack.live()
        await asyncio.sleep(60)
        (first,) = stack.hosted
        control = Control(stack.simulator)
        control.befall(Befall(RoomFault.TOKEN_EXPIRING))
        await stack.until(lambda: [session.id for session in stack.hosted] not in ([first.id], []), within=25)
        await stack.until(lambda: len(stack.hosted) == 1 and not first.open, within=5)
        control.befall(Befall(RoomFault.TOKEN_EXPIRED, channel=first.client.channel))
        await stack.room.say("Still there?", stack.room.thread)
        await stack.until(lambda: len(stack.room.finals) == 1)
        assert SessionStatus.RECONNECTING not in {card.status for card in stack.room.card_history}
    assert len(list(stack.simulator.sessions)) == 2


@on_stack(LATE)
async def test_settings_made_during_a_renewal_survive_it(stack: World) -> None:
    async with stack.serving():
        await stack.room.command("start", minutes="1")
        await stack.live()
        await asyncio.sleep(RENEWED_AFTER + 3)
        assert len(stack.hosted) == 2
        await stack.room.command("set", speed="1.1", mode="retelling")
        await stack.until(lambda: len(stack.hosted) == 1, within=20)
        (renewed,) = stack.hosted
        assert (renewed.avatar.params.speed, renewed.booking.params.speed) == (1.1, 1.0)
        await stack.room.say("Say this.", stack.room.thread)
        await stack.until(lambda: stack.spoken == ["Say this."], within=5)


@on_stack(LATE)
async def test_what_the_next_avatar_refuses_is_said(stack: World) -> None:
    async with stack.serving():
        await stack.room.command("start", minutes="1")
        await stack.live()
        await asyncio.sleep(RENEWED_AFTER + 3)
        await stack.room.command("set", speed="1.1")
        await asyncio.sleep(1)
        Control(stack.simulator).script(FaultScript(to_client=NetworkConditions(lose=1.0)))
        await stack.until(lambda: any(card.note == NOT_TAKEN_OVER for card in stack.room.card_history), within=30)


SLOW_STARTS = [(70, True), (200, True), (3_600, False)]


@pytest.mark.parametrize(("seconds", "spoken"), SLOW_STARTS)
def test_waiting_during_a_renewal_does_not_make_messages_stale(tmp_path: Path, seconds: int, spoken: bool) -> None:
    async def story(stack: World) -> None:
        async with stack.serving(hand_over=True):
            await stack.room.command("start", mode="retelling")
            await stack.live()
            await stack.room.say("all work and no play " * 5, stack.room.thread)
            await stack.room.say("Wait for me.", stack.room.thread)
            await stack.until(lambda: len(stack.spoken) == 1)
        await asyncio.sleep(seconds)
        async with stack.serving():
            await stack.until(lambda: ("Wait for me." in stack.spoken) or "60 seconds" in str(stack.room.answers()), 30)
        assert ("Wait for me." in stack.spoken) is spoken

    run_story(story, tmp_path, replace(QUICK, pace=5.0))

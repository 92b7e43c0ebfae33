"""A process that ends leaves its sessions to another: at once, and with what is being said heard to its end."""

import asyncio
import contextlib
from dataclasses import replace

import pytest

from bot.app.service import Service
from bot.domain.errors import AvatarbotError
from bot.ports.processes import Hint, HintKind, NoHints
from bot.runtime.turns import UNHEARD
from tests.world_fixture import QUICK, Stack, on_stack

SLOW = replace(QUICK, pace=15.0)


@on_stack(SLOW)
async def test_a_hand_over_leaves_the_session_to_the_next_process(stack: Stack) -> None:
    async with stack.serving(hand_over=True):
        await stack.room.command("start")
        await stack.live()
    assert len(stack.hosted) == 1
    async with stack.serving():
        await stack.room.say("Hello", stack.room.thread)
        await stack.until(lambda: len(stack.room.finals) == 1)
    assert len(list(stack.simulator.sessions)) == 1


@on_stack()
async def test_a_turn_is_heard_out_before_a_hand_over(stack: Stack) -> None:
    async with stack.serving(hand_over=True):
        await stack.room.command("start")
        await stack.live()
        await stack.room.say("Who are you?", stack.room.thread)
        await stack.room.say("What time is it?", stack.room.thread)
        await stack.until(lambda: len(stack.spoken) == 1)
    assert stack.spoken == ["Ann: Who are you?"]
    async with stack.serving():
        await stack.until(lambda: len(stack.room.finals) == 2)
    assert stack.spoken == ["Ann: Who are you?", "Ann: What time is it?"]
    assert UNHEARD not in stack.room.answers()
    assert not [line for line in stack.room.finals if "[connection lost]" in line]


class Passing(NoHints):
    """`Hints` that reach one other process at once."""

    other: Service | None = None

    def send(self, hint: Hint) -> None:
        if self.other and hint.kind is HintKind.CLAIM:
            self.other.worker.claimable()


@on_stack()
async def test_a_hand_over_leaves_no_gap(stack: Stack) -> None:
    hints, now = Passing(), asyncio.get_running_loop().time
    async with contextlib.AsyncExitStack() as leaving:
        first = await leaving.enter_async_context(stack.serving(alone=False, hints=hints))
        await stack.room.command("start")
        await stack.live()
        async with stack.serving(alone=False) as second:
            await stack.until(lambda: second.worker.lease.held)
            hints.other = second
            first.worker.stop(hand_over=True)
            await stack.until(lambda: not first.worker.hosted)
            left = now()
            await stack.until(lambda: second.worker.hosted == 1)
            assert now() - left < 0.3
            await leaving.aclose()


@on_stack(SLOW)
async def test_where_another_worker_lives_a_session_goes_over_to_it(stack: Stack) -> None:
    async with contextlib.AsyncExitStack() as leaving:
        first = await leaving.enter_async_context(stack.serving(alone=False))
        await stack.room.command("start")
        await stack.live()
        async with stack.serving(alone=False) as second:
            await stack.until(lambda: second.worker.lease.held)
            assert (first.worker.hosted, second.worker.hosted) == (1, 0)
            await leaving.aclose()
            assert first.draining.is_set()
            with pytest.raises(AvatarbotError, match="is being stopped"):
                await first.readiness()["stopping"]()
            await second.readiness()["stopping"]()
            await stack.until(lambda: second.worker.hosted == 1)
            await stack.room.say("Hello", stack.room.thread)
            await stack.until(lambda: len(stack.room.finals) == 1)
            assert len(list(stack.simulator.sessions)) == 1

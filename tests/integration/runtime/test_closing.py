"""However slow AKOOL or a chat platform is, an end has its time, and what it leaves is closed and told by the next start."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from adapters.simulator.faults import Fault
from bot.app.signals import LATE
from bot.domain.sessions import SessionStatus
from bot.runtime.closing import GOODBYE
from bot.runtime.services import SessionTimeouts
from bot.runtime.turns import UNHEARD
from tests.integration.queries.asking import ask
from tests.world_fixture import QUICK, Stack, on_stack

RUNS_END_WITHIN = 7.0
"""Of the 10 s of a shutdown: the web app, the rooms and the database need the rest."""

HANGS = [Fault(hang=60.0)] * 10
SLOWLY = replace(QUICK, pace=15.0)
LONG = "Repeat after me: " + "all work and no play makes for a very long sentence, and so on, " * 5


@asynccontextmanager
async def serving_briefly(stack: Stack, **parts: Any) -> AsyncIterator[None]:
    """A service that is told to stop at the end of the block, and has so long for it."""
    async with stack.serving(**parts):
        yield
        told = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - told <= RUNS_END_WITHIN
    assert stack.given_up == []


@on_stack(SLOWLY)
async def test_a_hanging_akool_does_not_delay_the_shutdown(stack: Stack) -> None:
    async with serving_briefly(stack):
        await stack.room.command("start")
        await stack.live()
        await stack.room.say(LONG, stack.room.thread)
        await stack.room.say("And this waits behind it.", stack.room.thread)
        await stack.until(lambda: len(stack.spoken) == 1)
        stack.simulator.faults.queue("session/close", *HANGS)
    assert stack.room.card.status is SessionStatus.ENDED
    assert GOODBYE in stack.room.answers()
    assert UNHEARD not in stack.room.answers()
    assert len(stack.hosted) == 1
    stack.simulator.faults.clear()
    async with stack.serving():
        await stack.until(lambda: not stack.hosted, within=5)


@on_stack(SLOWLY)
async def test_who_was_heard_is_not_told_otherwise_at_stop(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start")
        await stack.live()
        await stack.room.say(LONG, stack.room.thread)
        await stack.until(lambda: len(stack.spoken) == 1)
        await asyncio.sleep(2)
        await stack.room.command("stop")
        await stack.ended()
        await asyncio.sleep(30)
        assert UNHEARD not in stack.room.answers()
        file = (await ask(stack, "transcript", format="md")).file
        assert file is not None
        assert "interrupted" in file.content.decode()


@on_stack()
async def test_a_hanging_start_does_not_delay_the_stop(stack: Stack) -> None:
    stack.simulator.faults.queue("session/create", Fault(hang=60.0, after_effect=True))
    async with serving_briefly(stack):
        await stack.room.command("start")
        await stack.until(lambda: len(stack.hosted) == 1)
    assert stack.room.card.status is SessionStatus.ENDED
    async with stack.serving(timeouts=SessionTimeouts(account_is_ours=True)):
        await stack.until(lambda: not stack.hosted, within=150)
    assert len(list(stack.simulator.sessions)) == 1


async def a_minute(*_: object) -> None:
    """As long a call gets no answer."""
    await asyncio.sleep(60)


@on_stack()
async def test_unposted_lines_are_posted_by_the_next_start(stack: Stack) -> None:
    room = stack.room
    async with serving_briefly(stack):
        await room.command("start")
        await stack.live()
        room.before["post"] = a_minute
        await room.say("Who are you?", room.thread)
        await stack.until(lambda: any(said.finished for said in stack.hosted[0].avatar.spoken))
    assert room.finals == []
    assert stack.hosted == []
    room.before.clear()
    async with stack.serving():
        await stack.ended()
        assert len(room.finals) == 1


async def endless() -> None:
    """A connection that takes a minute to end."""
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(60)


@on_stack()
async def test_a_hanging_platform_does_not_delay_the_exit(stack: Stack) -> None:
    said = list[str]()
    stack.room.before["run"] = endless
    async with stack.serving():
        await stack.room.command("start")
        await stack.live()
        asyncio.get_running_loop().call_later(9.5, lambda: said.extend(stack.given_up))
    assert said == [LATE], "its process would have ended by then"
    assert stack.hosted == []


@on_stack()
async def test_a_refused_close_is_told_on_card_and_privately(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start")
        await stack.live()
        stack.simulator.faults.queue("session/close", *[Fault(code=1101)] * 4)
        await stack.room.command("stop")
        await stack.until(lambda: any("AKOOL has not confirmed the end" in answer for answer in stack.room.answers()))
        await stack.until(lambda: "ends by itself in 10 min" in stack.room.card.note, within=2)
        assert stack.room.card.status is SessionStatus.STOPPING
        await stack.ended()
        assert stack.hosted == []
        assert stack.room.card.note == "Stopped by Ann."

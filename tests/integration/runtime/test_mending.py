"""An avatar that goes while somebody waits for it is replaced, and nobody waits for the one that is gone."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from bot.ports.llm import Exchange
from bot.runtime.turns import UNHEARD
from tests.world_fixture import Stack, on_stack


class SlowModel:
    """Thinks before each answer."""

    async def answer(self, _prompt: str, _history: Sequence[Exchange]) -> AsyncGenerator[str, None]:
        await asyncio.sleep(3)
        yield "Here is the answer. "


@on_stack()
async def test_an_avatar_that_walks_out_while_its_answer_is_written_holds_nobody_up(stack: Stack) -> None:
    async with stack.serving(model=SlowModel()):
        await stack.room.command("start")
        await stack.live()
        (hosted,) = stack.hosted
        await stack.room.say("Are you there?", stack.room.thread)
        await asyncio.sleep(1)
        for connection in stack.simulator.rooms.connections(hosted.client.channel):
            if connection.uid != hosted.client.uid:
                await connection.leave()
        await stack.until(lambda: UNHEARD in stack.room.answers(), within=45)
        await stack.room.say("And now?", stack.room.thread)
        await stack.until(lambda: len(stack.room.finals) == 1, within=30)
    assert len(list(stack.simulator.sessions)) == 2

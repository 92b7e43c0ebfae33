"""An avatar that goes while somebody waits for it is replaced, and nobody waits for the one that is gone."""

import asyncio

from bot.runtime.turns import UNHEARD
from bot.testing.llm import FakeLanguageModel
from tests.memory_fixture import MemoryWorld, in_memory


@in_memory(model=FakeLanguageModel(lambda _prompt, _history: ["Here is the answer. "], pause=3.0))
async def test_an_avatar_leaving_during_an_answer_blocks_nobody(world: MemoryWorld) -> None:
    await world.room.command("start")
    await world.live()
    await world.room.say("Are you there?", world.room.thread)
    await asyncio.sleep(1)
    world.avatar.depart()
    await world.until(lambda: UNHEARD in world.room.answers(), within=45)
    await world.room.say("And now?", world.room.thread)
    await world.until(lambda: len(world.room.finals) == 1, within=30)
    assert len(world.provider.hosted) == 2

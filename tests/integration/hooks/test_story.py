"""What a whole service tells of a session from its start to its end, in virtual time."""

import asyncio
import contextlib
import json
from datetime import timedelta

from bot.app.service import Parts, Service
from bot.commands.options import ChannelSettings
from bot.commands.policy import Policy
from bot.domain.hook_events import EventType, PlaceScope
from bot.jobs.retention import Retention
from bot.ports.storage.hooks import EventRecord
from bot.storage.memory import MemoryStorage
from bot.telemetry import new_metrics
from bot.testing.chat import CHANNEL
from bot.testing.provider import FakeAvatarProvider
from bot.testing.virtual_time import ManualClock
from tests.memory_fixture import MemoryWorld, in_memory
from tests.stored import started


async def told(world: MemoryWorld) -> list[EventRecord]:
    return await world.service.services.storage.hooks.since("", 1_000)


async def listens(world: MemoryWorld) -> None:
    await world.service.services.storage.hooks.listen(
        "reader", PlaceScope((CHANNEL,)), world.clock.now() + timedelta(days=9)
    )


@in_memory()
async def test_the_life_of_a_session_is_told_in_its_order(world: MemoryWorld) -> None:
    await listens(world)
    await world.room.command("start", avatar="Alma")
    await world.live()
    await world.room.say("Good morning!", world.room.thread)
    await world.until(lambda: len(world.room.finals) == 1)
    await asyncio.sleep(900)  # nobody writes, so it falls asleep
    await world.told("stop")
    events = await told(world)
    kinds = [event.type for event in events]
    assert kinds[:2] == [EventType.SESSION_STARTED, EventType.SESSION_LIVE]
    assert {EventType.TURN_SPOKEN, EventType.UTTERANCE_FINAL} < {*kinds}
    assert kinds[-2:] == [EventType.SESSION_ASLEEP, EventType.SESSION_ENDED]
    spoken = next(json.loads(event.body)["data"] for event in events if event.type is EventType.TURN_SPOKEN)
    assert (spoken["text"], spoken["person"]["name"], spoken["outcome"]) == ("Good morning!", "Ann", "spoken")


@in_memory()
async def test_what_a_channel_blocks_leaves_by_no_hook(world: MemoryWorld) -> None:
    await listens(world)
    settings = ChannelSettings(words=("heck",))
    await world.service.services.storage.channels.save_settings(CHANNEL, settings)
    await world.room.command("start", avatar="Alma")
    await world.live()
    await world.room.say("What the heck!", world.room.thread)
    await world.until(lambda: any("not spoken" in answer for answer in world.room.answers()))
    assert "heck" not in "".join(event.body for event in await told(world))


async def test_what_was_told_is_forgotten_after_a_day() -> None:
    clock = ManualClock()
    storage = MemoryStorage(clock)
    async with contextlib.aclosing(FakeAvatarProvider(clock)) as provider:
        service = Service(Parts(storage, provider, clock, Policy(), new_metrics()))
        await storage.hooks.listen("reader", PlaceScope((CHANNEL,)), clock.now() + timedelta(days=9))
        await started(storage, "s")
        retention = Retention(service.services, lambda _: None)
        for hours, left in ((23, 1), (2, 0)):
            clock.advance(hours * 3600)
            await retention.tidy()
            assert len(await storage.hooks.since("", 10)) == left

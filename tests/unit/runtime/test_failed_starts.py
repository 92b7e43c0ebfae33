"""A session that never came to be: whoever started it is told why."""

import asyncio

from bot.domain.conversations import Accepted
from bot.domain.errors import PlatformError, ProviderError, Verdict
from bot.domain.sessions import EndReason, SessionStatus
from bot.runtime.session_runner import MOST_ATTEMPTS
from bot.runtime.status_card import ENDINGS
from tests.memory_fixture import MemoryWorld, in_memory


@in_memory()
async def test_whoever_started_is_told_why_it_could_never_be_posted(world: MemoryWorld) -> None:
    world.room.faults["post_card"] = [PlatformError("The chat is down. Please try again.")] * 3
    await world.room.command("start")
    await world.until(lambda: world.room.answers() == ["The chat is down. Please try again."])
    await world.until(lambda: not world.room.faults["post_card"])
    assert isinstance(await world.room.command("start"), Accepted)
    await world.live()


@in_memory()
async def test_whoever_started_is_told_of_a_fault_of_ours(world: MemoryWorld) -> None:
    world.room.faults["post_card"] = [ValueError("a bug")] * 3
    await world.room.command("start")
    await world.until(lambda: world.room.answers() == [ENDINGS[EndReason.ERROR]])


@in_memory()
async def test_its_starter_is_told_of_an_early_stop(world: MemoryWorld) -> None:
    world.room.faults["post_card"] = [PlatformError("The chat is down.")]
    await world.room.command("start")
    await world.room.command("stop")
    await world.until(lambda: world.room.answers() == ["Stopped."] * 2)  # `start` and `stop`


@in_memory()
async def test_whoever_started_is_told_what_the_provider_refused(world: MemoryWorld) -> None:
    world.provider.faults["create"] = [ProviderError("There is no credit left.", verdict=Verdict.PAY)]
    await world.room.command("start")
    await world.until(lambda: world.room.answers() == ["There is no credit left."])
    await world.ended()
    assert world.provider.hosted == []


@in_memory()
async def test_faults_of_a_live_session_do_not_add_up(world: MemoryWorld) -> None:
    await world.room.command("start")
    await world.live()
    session_id = world.room.card.session_id
    for number in range(MOST_ATTEMPTS + 1):
        world.room.faults["post"] = [ValueError("a bug")]
        await world.room.say(f"Hello {number}", world.room.thread)
        await world.until(lambda: not world.room.faults["post"])
        await asyncio.sleep(60)
        session = await world.service.services.storage.sessions.get(session_id)
        assert session
        assert (session.status, session.attempts) == (SessionStatus.LIVE, 0)

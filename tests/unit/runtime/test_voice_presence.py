"""The avatar in a voice channel: who is told what, when it leaves, and what becomes of the session."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from bot.domain.errors import PlatformError
from bot.domain.sessions import SessionStatus
from bot.ports.room import AudioFrame
from bot.ports.voice import VoiceCallEnded
from bot.runtime.voice_presence import EMPTY_FOR_S
from bot.testing.chat import ANN, CHANNEL
from bot.testing.virtual_time import run_virtual
from bot.testing.voice import FakeVoiceChannels
from tests.memory_fixture import MemoryWorld, Surroundings, in_memory

DISCLOSED = "Alma is heard here. This avatar is an AI. Its picture and voice are artificially generated."
SOUND = AudioFrame("1", 24_000, 1, 0, bytes(960))


async def begins(world: MemoryWorld) -> FakeVoiceChannels:
    """Alma is live, and Ann is in the Lounge."""
    voice = world.room.voice = FakeVoiceChannels()
    voice.people("Lounge", ANN.id)
    await world.room.run("start", {}, CHANNEL, ANN)
    await world.live()
    return voice


async def joined(world: MemoryWorld) -> FakeVoiceChannels:
    voice = await begins(world)
    assert await world.told("join") == "Alma is heard in Lounge now."
    return voice


def speak(world: MemoryWorld) -> None:
    world.service.services.events.media.of(world.room.card.session_id).show(SOUND)


@in_memory()
async def test_people_are_told_before_they_hear_anything(world: MemoryWorld) -> None:
    voice = await joined(world)
    await world.until(lambda: world.avatar.watched)
    speak(world)
    assert voice.order == [("joined", "Lounge"), ("told", DISCLOSED), ("heard", "Lounge")]


@in_memory()
async def test_the_card_names_the_channel_while_it_is_there(world: MemoryWorld) -> None:
    await joined(world)
    await world.until(lambda: "heard in Lounge" in world.room.card.traits)
    assert await world.told("leave") == "Alma has left Lounge."
    await world.until(lambda: not world.room.card.traits)
    assert await world.told("leave") == "Alma is in no voice channel."


@in_memory()
async def test_what_cannot_be_joined_is_told_to_whoever_asked(world: MemoryWorld) -> None:
    voice = await begins(world)
    voice.closed.add("Vault")
    assert await world.told("join", channel="Vault") == "There is no voice channel of that name that you can join."
    assert world.room.notices == []


@in_memory()
async def test_without_voice_channels_it_says_so(world: MemoryWorld) -> None:
    await begins(world)
    world.room.voice = None
    assert await world.told("join", channel="Lounge") == "There are no voice channels here."


@in_memory()
async def test_another_channel_means_leaving_the_first(world: MemoryWorld) -> None:
    voice = await joined(world)
    assert await world.told("join", channel="Hall") == "Alma is heard in Hall now."
    assert [step for step in voice.order if step[0] != "told"] == [
        ("joined", "Lounge"),
        ("left", "Lounge"),
        ("joined", "Hall"),
    ]


@in_memory()
async def test_it_leaves_once_nobody_was_there_for_long(world: MemoryWorld) -> None:
    voice = await joined(world)
    voice.people("Lounge")
    await asyncio.sleep(EMPTY_FOR_S - 1)
    voice.people("Lounge", "ben")
    await asyncio.sleep(EMPTY_FOR_S + 1)
    assert voice.now
    voice.people("Lounge")
    left = world.clock.now()
    await world.until(lambda: not voice.now)
    assert (world.clock.now() - left).total_seconds() == pytest.approx(EMPTY_FOR_S, abs=1)
    await world.until(lambda: world.room.notices == ["Alma has left Lounge: nobody was there any more."])


@in_memory()
async def test_listeners_keep_it_awake_and_an_empty_channel_does_not(world: MemoryWorld) -> None:
    voice = await joined(world)
    await asyncio.sleep(15 * 60)
    assert world.room.card.status is SessionStatus.LIVE
    voice.people("Lounge")
    await asyncio.sleep(10 * 60)
    await world.until(lambda: world.room.card.status is SessionStatus.SLEEPING)


@in_memory()
async def test_at_the_end_of_the_session_it_leaves(world: MemoryWorld) -> None:
    voice = await joined(world)
    await world.told("stop")
    assert voice.order[-1] == ("left", "Lounge")


@in_memory()
async def test_taken_out_it_stays_out_and_the_talk_goes_on(world: MemoryWorld) -> None:
    voice = await joined(world)
    assert voice.now
    voice.now.end(VoiceCallEnded("I was taken out of Lounge. The talk goes on here.", final=True))
    await world.until(lambda: world.room.notices == ["I was taken out of Lounge. The talk goes on here."])
    await asyncio.sleep(120)
    assert len(voice.calls) == 1
    await world.room.say("Hello", world.room.thread)
    await world.until(lambda: world.room.finals == ["Ann: Hello"])


@in_memory()
async def test_a_lost_connection_is_made_anew_and_told_again(world: MemoryWorld) -> None:
    voice = await joined(world)
    assert voice.now
    voice.now.end(VoiceCallEnded("The connection to Lounge is lost. The talk goes on here."))
    await world.until(lambda: len(voice.calls) == 2 and voice.now is not None)
    await world.until(lambda: voice.order[-1] == ("told", DISCLOSED))
    assert world.room.notices == []


@in_memory()
async def test_what_cannot_be_mended_is_said_once(world: MemoryWorld) -> None:
    voice = await joined(world)
    assert voice.now
    voice.refuses = [PlatformError("Discord did not let me into Lounge.")] * 3
    voice.now.end(VoiceCallEnded("The connection to Lounge is lost. The talk goes on here."))
    await world.until(lambda: world.room.notices == ["Discord did not let me into Lounge."])
    assert voice.refuses == []


@in_memory()
async def test_newcomers_are_told_and_not_each_of_them(world: MemoryWorld) -> None:
    voice = await joined(world)
    for person in "abcdefgh":
        voice.people("Lounge", ANN.id, person)
        await asyncio.sleep(10)
    assert sum(step == ("told", DISCLOSED) for step in voice.order) == 1
    await asyncio.sleep(300)
    voice.people("Lounge", ANN.id, "h")
    await asyncio.sleep(1)
    assert sum(step == ("told", DISCLOSED) for step in voice.order) == 1
    voice.people("Lounge", ANN.id, "late")
    await world.until(lambda: sum(step == ("told", DISCLOSED) for step in voice.order) == 2)


@in_memory()
async def test_moved_it_tells_those_who_are_there(world: MemoryWorld) -> None:
    voice = await joined(world)
    voice.people("Hall", "ben")
    assert voice.now
    voice.now.move("Hall")
    await world.until(lambda: "heard in Hall" in world.room.card.traits)
    await world.until(lambda: voice.order.count(("told", DISCLOSED)) == 2)


async def interrupted(world: MemoryWorld) -> None:
    await world.told("interrupt")


async def withdrawn(world: MemoryWorld) -> None:
    await world.room.withdraw(next(each.ref for each in world.room.messages.values() if each.author == ANN))


@pytest.mark.parametrize("stop", [interrupted, withdrawn])
def test_what_is_stopped_is_not_heard(stop: Callable[[MemoryWorld], Awaitable[None]]) -> None:
    @in_memory()
    async def story(world: MemoryWorld) -> None:
        voice = await joined(world)
        await world.until(lambda: world.avatar.watched)
        await world.room.say("A long story. " * 20, world.room.thread)
        await world.until(lambda: bool(world.avatar.said))
        speak(world)
        assert voice.now
        assert voice.now.heard == [SOUND]
        await stop(world)
        await world.until(lambda: not (voice.now and voice.now.heard))

    story()


def test_another_process_is_heard_where_the_first_was() -> None:
    async def story() -> None:
        surroundings = Surroundings()
        async with AsyncExitStack() as processes:
            async with surroundings.service() as first:
                voice = await joined(first)
                assert voice.now
                voice.people("Hall", "ben")
                voice.now.move("Hall")
                await first.until(lambda: "heard in Hall" in first.room.card.traits)
                second = await processes.enter_async_context(surroundings.service())
                voice.refuses = [PlatformError("Discord is not connected yet.")] * 2
            await second.until(lambda: voice.order[-3:] == [("left", "Hall"), ("joined", "Hall"), ("told", DISCLOSED)])
            await second.until(lambda: "heard in Hall" in second.room.card.traits)
            assert second.room.notices == []
            assert await second.told("leave") == "Alma has left Hall."
            assert len(voice.calls) == 2

    run_virtual(story())


def test_what_fell_asleep_is_heard_nowhere_when_it_wakes() -> None:
    async def story() -> None:
        surroundings = Surroundings()
        async with AsyncExitStack() as processes:
            async with surroundings.service() as first:
                voice = await joined(first)
                voice.people("Lounge")
                await asyncio.sleep(12 * 60)
                await first.until(lambda: first.room.card.status is SessionStatus.SLEEPING)
                await first.room.say("Hello", first.room.thread)
                await first.live()
                second = await processes.enter_async_context(surroundings.service())
            await second.room.say("Hello again", second.room.thread)
            await second.until(lambda: "Ann: Hello again" in second.room.finals)
            assert len(voice.calls) == 1

    run_virtual(story())

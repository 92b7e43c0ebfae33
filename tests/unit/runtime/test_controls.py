"""What overtakes turns: settings and gestures of an avatar that is live."""

import asyncio
from dataclasses import replace

from bot.app import operations
from bot.domain.conversations import Refused
from bot.domain.errors import CommandRefused
from bot.domain.sessions import Mode
from bot.testing.chat import ANN, CHANNEL
from tests.memory_fixture import MemoryWorld, in_memory

SETTINGS = {"voice": "Kofi, bright", "language": "French", "mode": "retelling", "speed": "1.1"}
SOUND = {"pronunciation": "SQL=sequel", "turn_detection": "server_vad", "threshold": "0.4", "stt_language": "en"}
SEA = "https://example.com/sea.jpg"


async def begins(world: MemoryWorld, **options: str) -> None:
    await world.room.run("start", options, CHANNEL, ANN)
    await world.live()


@in_memory()
async def test_settings_are_acknowledged_shown_and_kept_for_renewals(world: MemoryWorld) -> None:
    await begins(world, minutes="1")
    assert await world.told("set", **SETTINGS, **SOUND) == (
        "Alma now speaks French, with the voice Kofi, bright, at speed 1.1, "
        "pronounces SQL as you wrote, repeats what you write and hears as you set."
    )
    (changes,) = world.avatar.params
    assert changes.voice is not None
    assert (changes.language, changes.mode, changes.voice.speed) == ("fr", Mode.RETELLING, 1.1)
    await world.told("set", speed="0.9", background=SEA)
    await world.until(lambda: "speed 0.9" in world.room.card.traits)
    assert {"French", "voice Kofi, bright", "a background", "own hearing"} <= set(world.room.card.traits)
    await world.until(lambda: len(world.provider.hosted) == 2)
    spec = world.provider.hosted[1].spec
    assert (spec.language, spec.mode, spec.background_url) == ("fr", Mode.RETELLING, SEA)
    assert spec.voice == replace(changes.voice, speed=0.9)


@in_memory()
async def test_what_is_not_acknowledged_is_neither_kept_nor_shown(world: MemoryWorld) -> None:
    await begins(world)
    world.avatar.deaf = True
    began = world.clock.now()
    assert "did not" in await world.told("set", language="French")
    assert 5 <= (world.clock.now() - began).total_seconds() < 6
    assert world.room.card.traits == ()


@in_memory()
async def test_what_the_avatar_refuses_is_said_and_not_kept(world: MemoryWorld) -> None:
    await begins(world)
    world.avatar.faults["set_params"] = [CommandRefused("The avatar refused that.")]
    assert await world.told("set", language="French") == "The avatar refused that."
    assert world.room.card.traits == ()


@in_memory()
async def test_what_does_not_exist_is_not_set(world: MemoryWorld) -> None:
    await begins(world)
    assert "There is no language called “Klingon”" in await world.told("set", language="Klingon")
    refused = await world.room.command("set", world.room.thread, speed="2")
    assert isinstance(refused, Refused)
    assert "0.8 to 1.2" in refused.sentence
    assert world.avatar.params == []


@in_memory()
async def test_a_background_is_for_official_avatars(world: MemoryWorld) -> None:
    world.provider.catalog["annie"] = replace(world.provider.catalog["noa-1"], id="annie", name="Annie")
    await begins(world, avatar="Annie")
    said = await world.told("set", background=SEA)
    assert said == "Annie is not an official avatar; backgrounds work on official avatars only."


@in_memory()
async def test_gestures_are_sent_and_said_to_need_support(world: MemoryWorld) -> None:
    await begins(world)
    said = await world.told("act", action="hand_wave", expression="happiness")
    await asyncio.sleep(1)
    assert said == "Sent. Only “ultra” avatars make gestures and faces, and none confirms it."
    assert world.avatar.gestures == [("hand_wave", "happiness")]


@in_memory()
async def test_an_interrupt_overtakes_what_is_said(world: MemoryWorld) -> None:
    await begins(world)
    assert await world.told("interrupt") == "Nothing is being said."
    await world.room.say("Tell me a long story. " * 20, world.room.thread)
    await world.until(lambda: bool(world.avatar.said))
    assert await world.told("interrupt") == "Interrupted."
    assert world.avatar.interrupts == 1
    assert world.hosted


@in_memory()
async def test_stopping_closes_the_session_and_answers_whoever_asked(world: MemoryWorld) -> None:
    await begins(world)
    assert await world.told("stop") == "Stopped."
    await world.ended()
    assert world.hosted == []


@in_memory()
async def test_what_another_process_wrote_overtakes_turns_that_wait(world: MemoryWorld) -> None:
    """Nobody hands it over: the operator's command line writes it beside the service."""
    await begins(world)
    for number in range(3):
        await world.room.say(f"{number} " + "and so on " * 100, world.room.thread)
    await world.until(lambda: bool(world.avatar.given))
    storage = world.service.services.storage
    (session,) = await storage.sessions.everywhere()
    began = world.clock.now()
    await operations.stop(storage, session.id)
    await world.until(lambda: world.hosted == [])
    assert len(world.provider.hosted[0].avatars[0].given) == 1
    assert (world.clock.now() - began).total_seconds() < 3

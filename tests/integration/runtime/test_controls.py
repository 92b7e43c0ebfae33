"""What overtakes turns: settings and gestures of an avatar that is live."""

import asyncio
from dataclasses import replace

from adapters.simulator import Control, FaultScript, NetworkConditions
from adapters.simulator.avatar_params import AvatarParams
from bot.domain.messages import Accepted, Refused
from bot.testing.chat import ANN
from tests.integration.queries.asking import ask
from tests.world_fixture import Stack, on_stack

SETTINGS = {"voice": "Alma, by the fire", "language": "French", "mode": "retelling", "speed": "1.1"}
SOUND = {"pronunciation": "SQL=sequel", "turn_detection": "server_vad", "threshold": "0.4", "stt_language": "en"}


def params(stack: Stack) -> AvatarParams:
    """How the newest avatar speaks."""
    return next(iter(stack.simulator.sessions)).avatar.params


async def told(stack: Stack, verb: str, **options: str) -> str:
    """The answer to a command."""
    before = len(stack.room.answers())
    assert isinstance(await stack.room.command(verb, stack.room.thread, ANN, **options), Accepted)
    await stack.until(lambda: len(stack.room.answers()) > before)
    return stack.room.answers()[-1]


@on_stack()
async def test_what_is_set_is_acknowledged_shown_and_kept_for_the_next_room(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start", minutes="1")
        await stack.live()
        assert await told(stack, "set", **SETTINGS, **SOUND) == (
            "Alma now speaks French, with the voice Alma, by the fire, at speed 1.1, "
            "pronounces SQL as you wrote, repeats what you write and hears as you set."
        )
        first = params(stack)
        assert (first.language, first.mode.name, first.speed) == ("fr", "RETELLING", 1.1)
        await told(stack, "set", speed="0.9", background="https://example.com/sea.jpg")
        await stack.until(lambda: "speed 0.9" in stack.room.card.traits)
        assert {"French", "voice Alma, by the fire", "a background", "own hearing"} <= set(stack.room.card.traits)
        await stack.until(lambda: len(list(stack.simulator.sessions)) == 2)
        second = params(stack)
    assert second == replace(first, speed=0.9, background_url="https://example.com/sea.jpg")


@on_stack()
async def test_what_is_not_acknowledged_is_neither_kept_nor_shown(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start")
        await stack.live()
        Control(stack.simulator).script(FaultScript(to_client=NetworkConditions(lose=1.0)))
        began = stack.clock.now()
        said = await told(stack, "set", language="French")
        assert 5 <= (stack.clock.now() - began).total_seconds() < 6
    assert "did not" in said
    assert stack.room.card.traits == ()


@on_stack()
async def test_what_does_not_exist_is_not_set(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start")
        await stack.live()
        assert "There is no language called “Klingon”" in await told(stack, "set", language="Klingon")
        refused = await stack.room.command("set", stack.room.thread, speed="2")
    assert isinstance(refused, Refused)
    assert "0.8 to 1.2" in refused.sentence


@on_stack()
async def test_a_background_is_for_official_avatars(stack: Stack) -> None:
    async with stack.serving():
        await ask(stack, "upload", url="https://example.com/ann.mp4", name="Annie", confirm="yes")
        await stack.until(lambda: bool(stack.room.answers()), within=30)
        await stack.room.command("start", avatar="Annie")
        await stack.live()
        said = await told(stack, "set", background="https://example.com/sea.jpg")
    assert said == "Annie is not an official avatar; backgrounds work on official avatars only."


@on_stack()
async def test_gestures_and_faces_are_sent_and_said_to_be_for_some_avatars_only(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start")
        await stack.live()
        said = await told(stack, "act", action="hand_wave", expression="happiness")
        await asyncio.sleep(1)
    assert said == "Sent. Only “ultra” avatars make gestures and faces, and none confirms it."
    assert Control(stack.simulator).state().sessions[0].actions == [{"action": "hand_wave", "expression": "happiness"}]

"""The avatar greets when it arrives: once in a session, and with one voice."""

import asyncio
from pathlib import Path

import pytest

from adapters.llm.model import model_at
from tests.integration.queries.asking import ask
from tests.integration.queries.test_own_model import ADDRESS, Service
from tests.world_fixture import Stack, on_stack, run_story

LINE = "Hello everybody, I am here, and my name is Alma."


async def arrives(stack: Stack, mode: str = "", minutes: str = "", knowledge: str = "") -> None:
    await stack.room.command("start", mode=mode or "dialogue", minutes=minutes or "10", knowledge=knowledge)
    await stack.live()
    await asyncio.sleep(5)


@pytest.mark.parametrize(
    ("mode", "given"), [("dialogue", f"Repeat after me, word for word: {LINE}"), ("retelling", LINE)]
)
def test_the_channels_greeting_has_no_asker(mode: str, given: str, tmp_path: Path) -> None:
    async def story(stack: Stack) -> None:
        async with stack.serving():
            await ask(stack, "defaults set", greeting=LINE)
            await arrives(stack, mode=mode)
            assert stack.room.finals == [LINE]
            file = (await ask(stack, "transcript", format="md")).file
            assert file is not None
            assert file.content.decode().count("**") == 2, "one line, by one name"
        assert stack.spoken == [given]
        assert len(stack.room.answers()) == 1, "only that it is live"

    run_story(story, tmp_path)


@on_stack()
async def test_without_a_line_it_says_nothing(stack: Stack) -> None:
    async with stack.serving():
        await arrives(stack)
    assert stack.spoken == []


@on_stack()
async def test_it_greets_once_in_a_session_whatever_happens(stack: Stack) -> None:
    """Renewed, fallen asleep and woken, taken over after a crash."""
    async with stack.serving():
        await ask(stack, "defaults set", greeting=LINE)
        await arrives(stack, minutes="1")
        for number in range(4):
            await stack.room.say(f"Number {number}?", stack.room.thread)
            await asyncio.sleep(20)
        assert len(list(stack.simulator.sessions)) >= 2
        await asyncio.sleep(800)
        await stack.room.say("Good morning!", stack.room.thread)
        await stack.until(lambda: len(stack.room.finals) == 6)
        stack.crash()
    async with stack.serving():
        await asyncio.sleep(10)
        await stack.room.say("Still there?", stack.room.thread)
        await stack.until(lambda: len(stack.room.finals) == 7)
    assert [given for given in stack.spoken if LINE in given] == [f"Repeat after me, word for word: {LINE}"]


@on_stack()
async def test_what_akool_says_by_itself_is_not_said_twice(stack: Stack) -> None:
    async with stack.serving():
        await ask(stack, "defaults set", greeting=LINE)
        await ask(stack, "knowledge create", name="FAQ", prompt="You know it all.", prologue="Ask me anything.")
        await arrives(stack, mode="retelling", knowledge="FAQ")
        assert stack.room.finals == ["Ask me anything."]
    assert stack.spoken == ["Ask me anything."]


@on_stack()
async def test_without_an_opening_line_the_channels_greeting_is_used(stack: Stack) -> None:
    async with stack.serving():
        await ask(stack, "defaults set", greeting=LINE)
        await ask(stack, "knowledge create", name="FAQ", prompt="You know it all.")
        await arrives(stack, knowledge="FAQ")
    assert stack.room.finals == [LINE]


@on_stack()
async def test_an_own_language_model_does_not_greet(stack: Stack) -> None:
    service = Service(["Gladly."])
    async with stack.serving(model=model_at(ADDRESS, transport=service)):
        await ask(stack, "defaults set", greeting=LINE)
        await arrives(stack)
    assert (stack.room.finals, service.asked) == ([LINE], [])


@on_stack()
async def test_an_unheard_greeting_is_reported_to_nobody(stack: Stack) -> None:
    async with stack.serving():
        await ask(stack, "defaults set", greeting=LINE)
        await stack.room.command("start")
        await stack.live()
        await stack.room.command("stop")
        await stack.ended()
        await asyncio.sleep(60)
    assert {who for who, _ in stack.room.replies} == {"ann"}

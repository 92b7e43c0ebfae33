"""A session from its start to its end, on the simulator."""

import asyncio
from dataclasses import replace

import pytest

from bot.domain.conversations import Accepted, Command, Inbound, MessagePosted, MessageRef, Refused
from bot.domain.posts import Delivery
from bot.domain.sessions import Mode, SessionStatus
from bot.testing.chat import ANN
from tests.world_fixture import QUICK, Stack, on_stack


@on_stack()
async def test_what_is_said_is_answered_and_written_down(stack: Stack) -> None:
    async with stack.serving():
        assert isinstance(await stack.room.command("start"), Accepted)
        await stack.live()
        await stack.room.say("Who are you?", stack.room.thread)
        await stack.until(lambda: len(stack.room.finals) == 1)
        await stack.room.command("stop")
        await stack.ended()
    assert stack.room.card.avatar_name in stack.room.finals[0]
    assert all(line.delivery is Delivery.FINAL for line in stack.room.lines)
    assert stack.room.answers()[-1] == "Stopped."


@pytest.mark.timeout(20)  # without it time would stand still
@on_stack(replace(QUICK, pace=2.0))
async def test_a_pausing_speaker_is_awaited_without_busy_waiting(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start")
        await stack.live()
        await stack.room.say("Who are you?", stack.room.thread)
        await stack.until(lambda: len(stack.room.finals) == 1, within=300)


@on_stack()
async def test_a_stopped_session_is_closed_at_the_provider_and_refunded(stack: Stack) -> None:
    before = stack.simulator.account.credit
    async with stack.serving():
        await stack.room.command("start")
        await stack.live()
        assert stack.simulator.account.credit < before
        await stack.room.command("stop")
        await stack.ended()
    assert stack.hosted == []
    assert stack.simulator.account.credit > before - 6


@on_stack()
async def test_unordered_messages_are_spoken_in_order_within_the_hold(stack: Stack) -> None:
    stack.room.pace = replace(stack.room.pace, hold=0.15)
    async with stack.serving():
        await stack.room.command("start")
        await stack.live()
        await asyncio.sleep(5)
        for sequence, text in ((902, "And then?"), (901, "Who are you?")):
            said = MessagePosted(text, MessageRef(stack.room.thread, f"m{sequence}"))
            inbound = Inbound(f"e{sequence}", sequence, stack.room.thread, ANN, said)
            assert stack.service
            assert isinstance(await stack.service.core.accept(inbound), Accepted)
            await asyncio.sleep(0.1)
        await stack.until(lambda: len(stack.spoken) == 2)
    assert [text.removeprefix("Ann: ") for text in stack.spoken] == ["Who are you?", "And then?"]


@on_stack()
async def test_a_second_start_names_the_one_that_exists(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start")
        second = await stack.room.command("start")
    assert isinstance(second, Refused)
    assert "started by Ann" in second.sentence


@on_stack()
async def test_retelling_marks_the_message_instead_of_repeating_it(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start", mode="retelling")
        await stack.live()
        await stack.room.say("Hello there, everybody.", stack.room.thread)
        await stack.until(lambda: len(stack.room.marked) == 1)
    assert stack.room.finals == []
    assert stack.room.card.mode is Mode.RETELLING


@on_stack()
async def test_a_command_is_posted_before_it_is_answered(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start")
        await stack.live()
        await stack.room.command("say", text="What time is it?")
        await stack.until(lambda: len(stack.room.finals) == 2)
    first = stack.room.lines[0]
    assert (first.speaker or "").startswith("Ann")
    assert first.text == "What time is it?"


@on_stack()
async def test_an_unknown_avatar_is_refused_with_the_nearest_name(stack: Stack) -> None:
    before = stack.simulator.account.credit
    async with stack.serving():
        await stack.room.command("start", avatar="Almo", mode="retelling")
        await stack.until(lambda: bool(stack.room.answers()))
    assert "Alma" in stack.room.answers()[0]
    assert stack.room.rows[0].title == "Alma"
    assert stack.room.rows[0].command == Command("start", {"avatar": "Alma", "mode": "retelling"})
    assert stack.simulator.account.credit == before
    assert not stack.room.cards


@on_stack()
async def test_an_unknown_language_offers_the_nearest_as_a_button(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start")
        await stack.live()
        await stack.room.command("set", language="Frensh")
        await stack.until(lambda: bool(stack.room.rows))
    assert stack.room.rows[0].command == Command("set", {"language": "French"})


@on_stack()
async def test_shutting_down_closes_everything_and_says_so(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start")
        await stack.live()
    assert stack.room.card.status is SessionStatus.ENDED
    assert "shut down" in stack.room.card.note
    assert stack.hosted == []


@on_stack()
async def test_interrupt_ends_the_turn_in_flight(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start", mode="retelling")
        await stack.live()
        await stack.room.command("say", text="word " * 250)
        await stack.until(lambda: bool(stack.spoken))
        began = stack.clock.now()
        await stack.room.command("interrupt")
        await stack.until(lambda: "Interrupted." in stack.room.answers())
        assert (stack.clock.now() - began).total_seconds() < 2

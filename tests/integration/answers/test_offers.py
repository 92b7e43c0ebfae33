"""Avatars, voices, languages, and what is offered while somebody types."""

from adapters.simulator.faults import Fault
from bot.model import Command
from bot.offers import FRESH_FOR
from bot.ports.chat import Ask
from tests.chat_room import ANN, CHANNEL
from tests.integration.answers.asking import ask
from tests.stack import Stack, on_stack


@on_stack()
async def test_avatars_come_with_pictures_and_start_at_a_press(stack: Stack) -> None:
    async with stack.serving():
        reply = await ask(stack, "avatars")
    assert reply.text.startswith("8 avatars")
    assert all(item.picture for item in reply.items)
    assert reply.items[0].command == Command("start", {"avatar": "sim_Alma_cardigan_1080P"})


@on_stack()
async def test_one_avatar_in_detail(stack: Stack) -> None:
    async with stack.serving():
        reply = await ask(stack, "avatars", name="alma")
        strange = await ask(stack, "avatars", name="zzzz")
    assert "Alma, by the fire" in reply.text
    assert len(reply.items) == 1
    assert strange.text == "There are no avatars like that."


@on_stack()
async def test_voices_are_filtered_and_paged(stack: Stack) -> None:
    async with stack.serving():
        english = await ask(stack, "voices", language="en", gender="female")
        beyond = await ask(stack, "voices", page="9")
    assert [item.title for item in english.items] == ["Alma, by the fire"]
    assert "only one page" in beyond.text


@on_stack()
async def test_languages_come_in_pages(stack: Stack) -> None:
    async with stack.serving():
        last = await ask(stack, "languages", page="3")
    assert "22 languages, page 3 of 3" in last.text
    assert len(last.items) == 2


@on_stack()
async def test_what_is_stale_is_served_at_once_and_refreshed_behind(stack: Stack) -> None:
    async with stack.serving() as service:
        await ask(stack, "avatars")
        stack.simulator.gallery.busy.add("sim_Alma_cardigan_1080P")
        await stack.until(lambda: service.house.offers.avatars.stale, within=FRESH_FOR + 1)
        stale = await ask(stack, "avatars")
        await stack.until(lambda: not service.house.offers.avatars.stale)
        fresh = await ask(stack, "avatars")
    assert "busy" not in stale.items[0].detail
    assert "busy" in fresh.items[0].detail


@on_stack()
async def test_choices_come_from_the_memory_when_akool_is_silent(stack: Stack) -> None:
    async with stack.serving() as service:
        await ask(stack, "avatars")
        await stack.until(lambda: service.house.offers.avatars.stale, within=FRESH_FOR + 1)
        stack.simulator.faults.queue("avatar/list", Fault(hang=60.0))
        began = stack.clock.now()
        found = await service.reception.ask(Ask(CHANNEL, ANN, "start", "avatar", "alm"))
        assert (stack.clock.now() - began).total_seconds() < 0.1
    assert [choice.value for choice in found] == ["Alma"]

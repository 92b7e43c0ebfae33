"""Avatars, voices, languages, and what is offered while somebody types."""

from dataclasses import replace

from adapters.simulator.faults import Fault
from bot.domain.conversations import Command, ConversationRef
from bot.ports.chat import ValueQuery
from bot.ports.storage.records import OwnedKind
from bot.runtime.provider_catalog import FRESH_FOR
from bot.testing.chat import ANN, CHANNEL
from tests.integration.queries.asking import NEIGHBOUR, ask
from tests.world_fixture import Stack, on_stack


@on_stack()
async def test_avatars_come_with_pictures_and_start_at_a_press(stack: Stack) -> None:
    async with stack.serving():
        reply = await ask(stack, "avatars")
    assert reply.text.startswith("9 avatars")
    assert reply.items[-1].title == "Nora"  # of AKOOL's web app
    assert all(item.picture for item in reply.items)
    assert reply.next is None
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
        first = await ask(stack, "languages", name="")
        last = await ask(stack, "languages", page="3")
    assert first.next == Command("languages", {"name": "", "page": "2"})
    assert "22 languages, page 3 of 3" in last.text
    assert len(last.items) == 2
    assert last.next is None


@on_stack()
async def test_an_id_copied_from_a_page_is_looked_up(stack: Stack) -> None:
    catalog = stack.simulator.catalog
    hidden = replace(next(iter(catalog)), avatar_id="65a1b2c3d4e5f6a7b8c9d0e1", name="Iris", platform="nowhere")
    catalog.add(hidden)
    async with stack.serving():
        assert "Iris" not in [item.title for item in (await ask(stack, "avatars")).items]
        await stack.room.command("start", CHANNEL, ANN, avatar=hidden.avatar_id, voice="iP95p4xoKVk53GoZ742B")
        await stack.live()
        (session,) = stack.hosted
        await stack.room.command("start", ConversationRef("fake", "W1", "C2"), ANN, avatar="65a1b2c3d4e5f6a7b8c9dead")
        await stack.until(lambda: any("There is no avatar called" in answer for answer in stack.room.answers()))
    assert session.booking.avatar_id == hidden.avatar_id
    assert session.booking.params.voice_id == "iP95p4xoKVk53GoZ742B"


@on_stack()
async def test_another_workspaces_avatar_is_not_found_by_its_id_either(stack: Stack) -> None:
    async with stack.serving() as service:
        made = stack.simulator.catalog.upload("madebythem0123456789", "Theirs", "https://example.com/a.mp4")
        await service.services.storage.ownership.add(OwnedKind.AVATAR, made.avatar_id, NEIGHBOUR)
        await stack.room.command("start", CHANNEL, ANN, avatar=made.avatar_id)
        await stack.until(lambda: bool(stack.room.answers()))
    assert "There is no avatar called" in stack.room.answers()[0]
    assert not stack.hosted


@on_stack()
async def test_a_voice_can_be_given_by_its_url(stack: Stack) -> None:
    async with stack.serving():
        await ask(stack, "defaults set", voice_url="https://example.com/one")
        await stack.room.command("start")
        await stack.live()
        (session,) = stack.hosted
        assert session.booking.params.voice_url == "https://example.com/one"
        await stack.room.command("set", stack.room.thread, ANN, voice_url="https://example.com/two")
        await stack.until(lambda: session.avatar.params.voice_url == "https://example.com/two")
        await stack.until(lambda: "a voice by URL" in stack.room.card.traits)
    assert "Alma now speaks with the voice of that URL." in stack.room.answers()


@on_stack()
async def test_what_is_stale_is_served_at_once_and_refreshed_behind(stack: Stack) -> None:
    async with stack.serving() as service:
        await ask(stack, "avatars")
        stack.simulator.catalog.busy.add("sim_Alma_cardigan_1080P")
        await stack.until(lambda: service.services.accounts.operator.catalog.avatars.stale, within=FRESH_FOR + 1)
        stale = await ask(stack, "avatars")
        await stack.until(lambda: not service.services.accounts.operator.catalog.avatars.stale)
        fresh = await ask(stack, "avatars")
    assert "busy" not in stale.items[0].detail
    assert "busy" in fresh.items[0].detail


@on_stack()
async def test_choices_come_from_the_memory_when_akool_is_silent(stack: Stack) -> None:
    async with stack.serving() as service:
        await ask(stack, "avatars")
        await stack.until(lambda: service.services.accounts.operator.catalog.avatars.stale, within=FRESH_FOR + 1)
        stack.simulator.faults.queue("avatar/list", Fault(hang=60.0))
        began = stack.clock.now()
        found = await service.core.ask(ValueQuery(CHANNEL, ANN, "start", "avatar", "alm"))
        assert (stack.clock.now() - began).total_seconds() < 0.1
    assert [choice.value for choice in found] == ["Alma"]

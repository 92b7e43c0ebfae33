"""What is Discord's own about the adapter: menus, forms, lists, restarts, cards that move on, and leaving."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import discord
from simcord.backend.serializers import channel_payload
from simcord.results import ResponseMessage

from adapters.discord.commands import SAY_THIS
from adapters.discord.conversations import direct
from bot.domain.conversations import A_DIRECT_MESSAGE, Channel, Command, MessagePosted, NoSession, Refused
from bot.domain.posts import CardAction
from tests.contract.platform.cards import ENDED, LIVE, final
from tests.integration.discord.wire import settings
from tests.integration.discord.world import ANN, World, buttons, open_world, says


async def test_say_without_words_opens_a_form_that_says_them(world: World) -> None:
    shown = await world.people[ANN].slash(world.channel, "avatar say")
    assert shown.modal is not None

    await world.people[ANN].submit_modal(shown, {"text": "Good morning.\nAll of you."})

    assert world.core.inbounds[-1].body == Command("say", {"text": "Good morning.\nAll of you."})


async def test_a_form_for_a_message_comes_as_a_button(world: World) -> None:
    await world.people[ANN].send(world.channel, f"<@{world.env.bot.user.id}> start ?")
    assert world.core.inbounds == []

    offered = list(world.raw(int(world.place.channel_id)).values())[-1]
    assert "in a form" in says(offered)
    (opens,) = buttons(offered)
    shown = await world.people[ANN].click(ResponseMessage(world.env, offered), custom_id=opens["custom_id"])
    assert shown.modal is not None
    await world.people[ANN].submit_modal(shown, {"avatar": "Alma"})

    assert world.core.inbounds[-1].body == Command("start", {"avatar": "Alma"})


async def test_start_with_a_question_mark_opens_its_form(world: World) -> None:
    shown = await world.people[ANN].slash(world.channel, "avatar start", avatar="?", language="French")
    assert shown.modal is not None
    assert world.core.inbounds == []

    await world.people[ANN].submit_modal(shown, {"avatar": "Alma", "language": "French", "mode": ["retelling"]})

    assert world.core.inbounds[-1].body == Command(
        "start", {"avatar": "Alma", "language": "French", "mode": "retelling"}
    )


async def test_a_message_can_be_said_from_its_menu(world: World) -> None:
    message = await world.people[ANN].send(world.channel, "Ship it, ||secretly||")

    await world.people[ANN].context_menu(world.channel, SAY_THIS, message)

    assert world.core.inbounds[-1].body == Command("say", {"text": "Ship it, a spoiler"})


async def test_a_button_works_after_a_restart(world: World) -> None:
    opened = await world.platform.post_card(world.place, LIVE)
    await world.restart()

    card = next(m for m in world.channel.history() if m.id == int(opened.card.message_id))
    await world.people[ANN].click(card, custom_id=buttons(world.raw(card.channel.id)[card.id])[-1]["custom_id"])

    assert world.core.inbounds[-1].body == Command(CardAction.STOP.value)
    assert world.core.inbounds[-1].place == opened.thread


async def test_a_card_moves_before_it_becomes_uneditable(world: World) -> None:
    opened = await world.platform.post_card(world.place, LIVE)
    world.clock.ahead = timedelta(minutes=56)

    moved = await world.platform.update_card(opened.card, opened.thread, LIVE)

    assert moved.place == opened.thread
    old = world.raw(world.channel.id)[int(opened.card.message_id)]
    assert "further down" in says(old)
    assert buttons(old) == []


async def test_an_ended_card_stays_where_it_is(world: World) -> None:
    opened = await world.platform.post_card(world.place, LIVE)
    world.clock.ahead = timedelta(minutes=56)

    assert await world.platform.update_card(opened.card, opened.thread, ENDED) == opened.card


async def test_bots_and_webhooks_are_not_listened_to(world: World) -> None:
    await world.guild.create_webhook(world.channel).send("Hello from a machine")

    assert world.core.inbounds == []


async def test_a_bare_mention_asks_for_help(world: World) -> None:
    await world.people[ANN].send(world.channel, f"<@{world.env.bot.user.id}>")

    assert world.core.inbounds[-1].body == Command("help")


async def test_a_reply_to_the_card_is_for_the_avatar(world: World) -> None:
    opened = await world.platform.post_card(world.place, LIVE)
    card = next(m for m in world.channel.history() if m.id == int(opened.card.message_id))

    await world.people[ANN].send(world.channel, "And now?", reply_to=card)

    body = world.core.inbounds[-1].body
    assert isinstance(body, MessagePosted)
    assert (body.text, body.mentioned) == ("And now?", True)


async def test_without_message_content_the_card_asks_for_mentions() -> None:
    async with open_world(settings(message_content=False)) as world:
        opened = await world.platform.post_card(world.place, LIVE)
        await world.people[ANN].send(world.channel, "Nobody reads this")
        await world.people[ANN].send(world.channel, f"<@{world.env.bot.user.id}> but this")

        assert [inbound.body.text for inbound in world.core.inbounds if isinstance(inbound.body, MessagePosted)] == [
            "but this"
        ]
        assert "Mention me" in says(world.raw(world.channel.id)[int(opened.card.message_id)])


async def test_without_message_content_replies_and_the_message_menu_work() -> None:
    async with open_world(settings(message_content=False)) as world:
        opened = await world.platform.post_card(world.place, LIVE)
        card = next(m for m in world.channel.history() if m.id == int(opened.card.message_id))
        await world.people[ANN].send(world.channel, "And now?", reply_to=card)
        message = await world.people[ANN].send(world.channel, "Nobody reads this by itself")
        await world.people[ANN].context_menu(world.channel, SAY_THIS, message)

        said, menu = [inbound.body for inbound in world.core.inbounds]
        assert isinstance(said, MessagePosted)
        assert said.text == "And now?"
        assert menu == Command("say", {"text": "Nobody reads this by itself"})


async def test_by_setting_the_channel_itself_is_the_conversation() -> None:
    async with open_world(settings(conversation="channel")) as world:
        opened = await world.platform.post_card(world.place, LIVE)
        assert opened.thread == world.place
        card = next(m for m in world.channel.history() if m.id == int(opened.card.message_id))

        await world.people[ANN].click(card, custom_id=buttons(world.raw(world.channel.id)[card.id])[0]["custom_id"])

        assert world.core.inbounds[-1].place == world.place


async def test_direct_messages_are_a_setting_and_always_for_us() -> None:
    async with open_world(settings(direct_messages=True)) as world:
        world.core.outcome = NoSession("Start one with /avatar start.")
        await world.people[ANN].send_dm("Hello?")

        (inbound,) = world.core.inbounds
        assert inbound.place.workspace_id == f"dm-{inbound.place.channel_id}"
        assert isinstance(inbound.body, MessagePosted)
        assert inbound.body.direct
        told = list(world.raw(int(inbound.place.channel_id)).values())[-1]
        assert says(told).startswith("Start one with /avatar start.")


async def test_direct_messages_are_not_heard_otherwise(world: World) -> None:
    await world.people[ANN].send_dm("Hello?")

    assert world.core.inbounds == []


async def test_being_removed_from_a_server_ends_what_runs_there(world: World) -> None:
    opened = await world.platform.post_card(world.place, LIVE)

    world.env.backend.emit("GUILD_DELETE", {"id": str(world.guild.id)})
    await world.env.settle()

    assert [place.workspace_id for place in world.core.gone] == [opened.thread.workspace_id]


async def test_a_thread_that_is_locked_is_left(world: World) -> None:
    opened = await world.platform.post_card(world.place, LIVE)
    thread = world.at(opened.thread)

    payload: dict[str, Any] = dict(channel_payload(world.env.backend, world.env.backend.get_channel(thread.id)))
    payload["thread_metadata"] = {**payload["thread_metadata"], "locked": True}
    world.env.backend.emit("THREAD_UPDATE", payload)
    await world.env.settle()

    assert world.core.gone == [opened.thread]


async def test_an_unhosted_mention_is_answered_once_by_reply(world: World) -> None:
    world.core.outcome = NoSession("Start one with /avatar start.")
    written = await world.people[ANN].send(world.channel, f"<@{world.env.bot.user.id}> hello")

    told = list(world.raw(world.channel.id).values())[-1]
    assert says(told) == "Start one with /avatar start."
    assert told.reference is not None
    assert told.reference["message_id"] in {written.id, str(written.id)}
    assert told.ping_user_ids == [world.people[ANN].id]
    assert [request for request in world.env.http_requests if request.path == "/users/@me/channels"] == []


async def test_all_that_is_written_is_what_discord_takes(world: World) -> None:
    opened = await world.platform.post_card(world.place, LIVE)
    await world.platform.update_card(opened.card, opened.thread, ENDED)
    ref = await world.platform.post(opened.thread, final("*Hello* " * 150), "0199aa-0001")
    await world.platform.edit(ref, final("Hello"))
    await world.platform.notify(opened.thread, "One minute left.")
    world.core.outcome = Refused("No.")
    await world.people[ANN].slash(world.channel, "avatar start")

    assert world.faults() == []


async def test_a_server_is_told_its_own_channels_names(world: World) -> None:
    next_door = world.env.create_guild("Next door", owner=world.env.create_user("neighbour"))
    await world.env.settle()

    assert await world.platform.channel(world.place) == Channel("#general")
    assert await world.platform.channel(replace(world.place, workspace_id=str(next_door.id))) == Channel(
        world.place.channel_id, private=True
    )
    assert await world.platform.channel(direct(world.channel.id)) == A_DIRECT_MESSAGE


async def test_private_and_unknown_threads_count_as_private(world: World) -> None:
    backend, parent = world.env.backend, world.channel.id
    public, private = (
        backend.create_thread(parent, "aside", world.people[ANN].id, type=kind.value).id
        for kind in (discord.ChannelType.public_thread, discord.ChannelType.private_thread)
    )
    await world.env.settle()
    for thread, hidden in ((public, False), (private, True), (4711, True)):
        known = await world.platform.channel(world.place.in_thread(str(thread)))
        assert known == Channel("#general", private_thread=hidden)

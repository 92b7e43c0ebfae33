"""One chain of answering: the handle while it lasts, else privately, or to that person alone where it was asked; their own never there."""

from dataclasses import replace

import pytest

from bot.commands.help import help_on
from bot.commands.verbs import TOPICS
from bot.domain.conversations import File, Item, Link, Reply, ReplyTo
from tests.contract.platform.cards import CARD
from tests.contract.platform.harness import ANN, BEN, PlatformHarness


async def assert_only_ann_was_told(harness: PlatformHarness, words: str) -> None:
    assert [told for told in await harness.privately(ANN) if words in told]
    assert not [told for told in await harness.privately(BEN) if words in told]
    assert not [seen for seen in await harness.messages(harness.place) if words in seen.text]


async def assert_ann_was_told(harness: PlatformHarness, words: str) -> None:
    """Alone, or so that only she is notified."""
    seen = [message for message in await harness.messages(harness.place) if words in message.text]
    told = [each for each in await harness.privately(ANN) if words in each]
    assert len(seen) + len(told) == 1
    assert told or seen[0].notified == ((await harness.asked(ANN)).person.id,)
    assert not [each for each in await harness.privately(BEN) if words in each]


async def test_an_answer_by_handle_is_private(harness: PlatformHarness) -> None:
    reply_to = await harness.asked(ANN)
    assert reply_to.handle
    assert reply_to.handle not in repr(reply_to)

    await harness.platform.reply(reply_to, Reply("It is done."))

    await assert_only_ann_was_told(harness, "It is done.")


async def test_two_answers_can_follow_one_command(harness: PlatformHarness) -> None:
    reply_to = await harness.asked(ANN)

    await harness.platform.reply(reply_to, Reply("Working on it."))
    await harness.platform.reply(reply_to, Reply("It is done."))

    await assert_only_ann_was_told(harness, "It is done.")


async def test_an_answer_after_the_handle_expired_still_reaches_them(harness: PlatformHarness) -> None:
    reply_to = await harness.asked(ANN)
    harness.later(24 * 3600)

    await harness.platform.reply(reply_to, Reply("It took a while."))

    await assert_ann_was_told(harness, "It took a while.")


async def test_an_answer_with_the_handle_used_up_still_reaches_them(harness: PlatformHarness) -> None:
    reply_to = replace(await harness.asked(ANN), uses_left=0)

    await harness.platform.reply(reply_to, Reply("One more thing."))

    await assert_ann_was_told(harness, "One more thing.")


async def test_an_answer_without_a_handle_still_reaches_them(harness: PlatformHarness) -> None:
    reply_to = replace(await harness.asked(ANN), handle="")

    await harness.platform.reply(reply_to, Reply("Your words were dropped."))

    await assert_ann_was_told(harness, "Your words were dropped.")


@pytest.mark.parametrize(
    "theirs",
    [
        Reply("Not that.", private=True),
        Reply("Not that.", link=Link("Watch", "https://bot.example/v/abc")),
        Reply("Not that.", file=File("talk.md", "text/markdown", b"# Talk")),
        Reply("Not that.", items=(Item("Mia"),)),
    ],
    ids=["private", "link", "file", "listing"],
)
async def test_what_is_one_persons_own_is_read_by_nobody_else(harness: PlatformHarness, theirs: Reply) -> None:
    opened = await harness.platform.post_card(harness.place, CARD)
    await harness.write("ann", "heck", opened.thread)
    said = harness.core.inbounds[-1]

    await harness.platform.reply(said.reply_to or ReplyTo(said.place, said.person), theirs)

    assert [told for told in await harness.privately(ANN) if "Not that." in told]
    assert not [told for told in await harness.privately(BEN) if "Not that." in told]
    for place in (opened.thread, harness.place):
        assert not [seen for seen in await harness.messages(place) if "Not that." in seen.text]


async def test_an_answer_survives_a_restart(harness: PlatformHarness) -> None:
    reply_to = await harness.asked(ANN)
    await harness.restart()

    await harness.platform.reply(reply_to, Reply("I am back."))

    await assert_ann_was_told(harness, "I am back.")


async def test_a_listing_shows_each_item(harness: PlatformHarness) -> None:
    reply_to = await harness.asked(ANN)
    items = (Item("Mia", "friendly, English"), Item("Max", "<calm> & clear"))

    await harness.platform.reply(reply_to, Reply("Two avatars.", items=items))

    told = (await harness.privately(ANN))[-1]
    assert all(words in told for words in ("Two avatars.", "Mia", "friendly, English", "Max", "<calm> & clear"))


async def test_sections_come_with_their_titles_in_their_order(harness: PlatformHarness) -> None:
    reply_to = await harness.asked(ANN)

    await harness.platform.reply(reply_to, help_on())

    told = (await harness.privately(ANN))[-1]
    found = [told.find(words) for words in ("More about", *TOPICS)]
    assert -1 not in found
    assert found == sorted(found)
    assert "Stop the avatar and end the session" in told


async def test_a_link_and_a_file_are_there_to_take(harness: PlatformHarness) -> None:
    reply_to = await harness.asked(ANN)
    reply = Reply(
        "Here you are.",
        link=Link("Watch", "https://bot.example/v/abc"),
        file=File("talk.md", "text/markdown", b"# Talk\n"),
    )

    await harness.platform.reply(reply_to, reply)

    told = "\n".join(await harness.privately(ANN))
    assert "https://bot.example/v/abc" in told
    assert "talk.md" in told or not harness.platform.features.files


async def test_a_long_answer_arrives_whole(harness: PlatformHarness) -> None:
    reply_to = await harness.asked(ANN)
    text = "\n".join(f"{n}. A line of a long help text." for n in range(300))

    await harness.platform.reply(reply_to, Reply(text))

    told = "\n".join(await harness.privately(ANN))
    assert "0. A line" in told
    assert "299. A line" in told

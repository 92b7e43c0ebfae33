"""What the core says must be seen, in its place, by the right people, and can mention nobody."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.domain.disclosure import SENTENCE_LENGTHS, Disclosure
from bot.domain.errors import MessageGone, PlaceGone
from bot.domain.posts import Addressee
from tests.contract.platform.cards import CARD, ENDED, HOSTILE, LIVE, OTHER, final, growing
from tests.contract.platform.harness import PlatformHarness, Seen, able, needs
from tests.disclosing import AI

JUST_NOW = datetime.now(UTC)
LONGEST = Disclosure("*_" * (SENTENCE_LENGTHS[-1] // 2))
"""A sentence of the operator's, every character of which is escaped somewhere."""


def only(messages: "list[Seen] | tuple[Seen, ...]") -> Seen:
    assert len(messages) == 1, messages
    return messages[0]


def test_its_pace_can_be_kept(harness: PlatformHarness) -> None:
    pace = harness.platform.pace
    assert 0 < pace.calls_per_second <= 1_000
    assert 0 <= pace.first_post <= 2
    assert 0 < pace.edit_interval <= 10
    assert 0 <= pace.hold <= 1
    assert harness.platform.name == harness.place.platform
    assert harness.platform.text_limit >= 500


async def test_a_card_is_its_own_message_with_a_thread(harness: PlatformHarness) -> None:
    needs(harness.abilities.shows_cards, "this platform shows no cards")
    opened = await harness.platform.post_card(harness.place, CARD)

    card = only([seen for seen in await harness.messages(harness.place) if seen.ref == opened.card])
    assert "Mia" in card.text
    assert "Waiting for Mia." in card.text
    assert opened.thread.thread_id
    assert opened.thread.workspace_id == harness.place.workspace_id


async def test_a_card_started_in_a_thread_stays_there(harness: PlatformHarness) -> None:
    needs(harness.abilities.shows_cards, "this platform shows no cards")
    thread = (await harness.platform.post_card(harness.place, CARD)).thread

    again = await harness.platform.post_card(thread, CARD)

    assert again.thread == thread
    assert again.card in [seen.ref for seen in await harness.messages(thread)]


async def test_a_card_is_brought_up_to_date_where_it_stands(harness: PlatformHarness) -> None:
    needs(harness.abilities.shows_cards, "this platform shows no cards")
    opened = await harness.platform.post_card(harness.place, CARD)

    shown = await able(harness.platform.features.edits).update_card(opened.card, opened.thread, LIVE)

    assert shown == opened.card
    card = only([seen for seen in await harness.messages(harness.place) if seen.ref == shown])
    assert "Write in the thread." in card.text
    assert len(card.buttons) == len(LIVE.actions)


async def test_a_card_shows_what_was_set(harness: PlatformHarness) -> None:
    needs(harness.abilities.shows_cards, "this platform shows no cards")
    opened = await harness.platform.post_card(harness.place, CARD)

    await able(harness.platform.features.edits).update_card(
        opened.card, opened.thread, replace(LIVE, traits=("French", "speed 1.1"))
    )

    card = only([seen for seen in await harness.messages(harness.place) if seen.ref == opened.card])
    assert "French" in card.text
    assert "speed 1.1" in card.text


async def test_an_ended_card_offers_nothing_to_press(harness: PlatformHarness) -> None:
    needs(harness.abilities.shows_cards, "this platform shows no cards")
    opened = await harness.platform.post_card(harness.place, LIVE)

    shown = await able(harness.platform.features.edits).update_card(opened.card, opened.thread, ENDED)

    card = only([seen for seen in await harness.messages(harness.place) if seen.ref == shown])
    assert "Stopped by Ann." in card.text
    assert card.buttons == ()


async def test_a_lost_card_is_posted_anew(harness: PlatformHarness) -> None:
    opened = await harness.platform.post_card(harness.place, CARD)
    await harness.lose_message(opened.card)

    shown = await able(harness.platform.features.edits).update_card(opened.card, opened.thread, LIVE)

    assert shown != opened.card
    everywhere = [*await harness.messages(harness.place), *await harness.messages(opened.thread)]
    assert "Mia" in only([seen for seen in everywhere if seen.ref == shown]).text


async def test_a_line_is_posted_in_the_thread_and_nowhere_else(harness: PlatformHarness) -> None:
    needs(harness.abilities.has_threads, "this platform has no threads")
    opened = await harness.platform.post_card(harness.place, CARD)

    ref = await harness.platform.post(opened.thread, final("Good morning!"), "k1")

    assert "Good morning!" in only([m for m in await harness.messages(opened.thread) if m.ref == ref]).text
    assert not [m for m in await harness.messages(harness.place) if "Good morning!" in m.text]


async def test_a_card_names_the_ai_in_every_state(harness: PlatformHarness) -> None:
    needs(harness.abilities.shows_cards, "this platform shows no cards")
    opened = await harness.platform.post_card(harness.place, CARD)
    for card in (CARD, LIVE, ENDED, replace(LIVE, disclosure=LONGEST)):
        shown = await able(harness.platform.features.edits).update_card(opened.card, opened.thread, card)
        text = only([seen for seen in await harness.messages(harness.place) if seen.ref == shown]).text
        assert card.disclosure.sentence in text


async def test_a_card_says_what_is_kept(harness: PlatformHarness) -> None:
    needs(harness.abilities.shows_cards, "this platform shows no cards")
    opened = await harness.platform.post_card(harness.place, replace(CARD, kept="Kept for 30 days."))
    card = only([seen for seen in await harness.messages(harness.place) if seen.ref == opened.card])
    assert "Kept for 30 days." in card.text


@pytest.mark.parametrize("disclosure", [AI, LONGEST], ids=["ours", "longest"])
async def test_the_first_line_says_that_the_avatar_is_an_ai(harness: PlatformHarness, disclosure: Disclosure) -> None:
    platform = harness.platform
    opened = await platform.post_card(harness.place, CARD)
    whole = "x" * (platform.text_limit // platform.measure("x"))

    ref = await platform.post(opened.thread, replace(growing("Good"), disclosure=disclosure), "k1")
    assert disclosure.sentence in only([m for m in await harness.messages(opened.thread) if m.ref == ref]).text
    await able(platform.features.edits).edit(ref, replace(final(whole), disclosure=disclosure))

    text = only([m for m in await harness.messages(opened.thread) if m.ref == ref]).text
    assert whole in text
    assert disclosure.sentence in text


async def test_a_later_line_carries_no_disclosure(harness: PlatformHarness) -> None:
    opened = await harness.platform.post_card(harness.place, replace(CARD, disclosure=Disclosure("")))
    await harness.platform.post(opened.thread, final("Hello"), "k1")
    everywhere = [*await harness.messages(harness.place), *await harness.messages(opened.thread)]
    assert not [seen for seen in everywhere if "AI" in seen.text]


@pytest.mark.parametrize("mine", [True, False])
async def test_an_answer_says_whom_it_is_for_and_pings_nobody(harness: PlatformHarness, mine: bool) -> None:
    needs(harness.abilities.has_threads, "one person sits here, and every answer is theirs")
    opened = await harness.platform.post_card(harness.place, CARD)
    asked = await harness.write("ann", "How are you?", opened.thread) if mine else None
    answers = Addressee("Ann @everyone", asked)

    ref = await harness.platform.post(opened.thread, replace(growing("Fi"), answers=answers), "k1")
    if edits := harness.platform.features.edits:
        await edits.edit(ref, replace(final("Fine."), answers=answers))

    said = only([m for m in await harness.messages(opened.thread) if m.ref == ref])
    assert said.replies_to or "Ann @everyone" in said.text
    assert said.notified == ()


async def test_a_growing_line_is_one_message(harness: PlatformHarness) -> None:
    opened = await harness.platform.post_card(harness.place, CARD)
    before = len(await harness.messages(opened.thread))

    ref = await harness.platform.post(opened.thread, growing("Good"), "k1")
    await able(harness.platform.features.edits).edit(ref, growing("Good morning,"))
    await able(harness.platform.features.edits).edit(ref, final("Good morning, all!"))

    after = await harness.messages(opened.thread)
    assert len(after) == before + 1
    assert "Good morning, all!" in after[-1].text


async def test_the_bot_itself_speaks_in_a_message_that_grows(harness: PlatformHarness) -> None:
    opened = await harness.platform.post_card(harness.place, CARD)
    await harness.platform.notify(opened.thread, "Told.")

    ref = await harness.platform.post(opened.thread, replace(growing("Waiting"), speaker=None), "k1")
    await able(harness.platform.features.edits).edit(ref, replace(final("Ready."), speaker=None))

    told, line = (await harness.messages(opened.thread))[-2:]
    assert (line.ref, line.text, line.author) == (ref, "Ready.", told.author)


async def test_lines_stand_in_the_order_they_were_posted(harness: PlatformHarness) -> None:
    opened = await harness.platform.post_card(harness.place, CARD)

    refs = [await harness.platform.post(opened.thread, final(f"Line {n}."), f"k{n}") for n in range(4)]

    assert [m.ref for m in await harness.messages(opened.thread) if m.ref in refs] == refs


async def test_editing_a_lost_line_says_that_only_it_is_lost(harness: PlatformHarness) -> None:
    opened = await harness.platform.post_card(harness.place, CARD)
    ref = await harness.platform.post(opened.thread, final("Hello"), "k1")
    await harness.lose_message(ref)

    with pytest.raises(MessageGone):
        await able(harness.platform.features.edits).edit(ref, final("Hello again"))

    await harness.platform.post(opened.thread, final("The place is fine."), "k2")


@pytest.mark.parametrize("unit", ["a", "é", "&", "<", "*", "`", "ö", "字", "👩‍🚀", "\n"])
async def test_a_text_as_long_as_the_limit_is_shown_whole(harness: PlatformHarness, unit: str) -> None:
    platform = harness.platform
    opened = await platform.post_card(harness.place, CARD)
    count = max(1, (platform.text_limit - 2) // platform.measure("x" + unit))
    text = "x" + ("x" + unit) * (count - 1) + "x"
    assert platform.measure(text) <= platform.text_limit

    ref = await platform.post(opened.thread, final(text), "k1")

    assert text in only([m for m in await harness.messages(opened.thread) if m.ref == ref]).text


async def test_spoken_lines_mention_nobody_and_are_not_markup(harness: PlatformHarness) -> None:
    opened = await harness.platform.post_card(harness.place, CARD)

    ref = await harness.platform.post(opened.thread, final("x"), "k1")
    await able(harness.platform.features.edits).edit(ref, final(HOSTILE))
    await harness.platform.notify(opened.thread, HOSTILE)

    said, told = (await harness.messages(opened.thread))[-2:]
    assert HOSTILE in said.text
    assert HOSTILE in told.text
    assert said.notified == told.notified == ()


async def test_a_name_and_a_note_can_mention_nobody(harness: PlatformHarness) -> None:
    card = replace(LIVE, avatar_name="@everyone <!here>", starter_name="<@U0ANN>", note="<@1001> @here")

    opened = await harness.platform.post_card(harness.place, card)
    await harness.platform.post(opened.thread, replace(final("Hello"), speaker="<!channel> @everyone"), "k1")

    for seen in [*await harness.messages(harness.place), *await harness.messages(opened.thread)]:
        assert seen.notified == ()


async def test_a_message_heard_is_marked(harness: PlatformHarness) -> None:
    opened = await harness.platform.post_card(harness.place, CARD)
    ref = await harness.write("ann", "Good morning", opened.thread)

    await able(harness.platform.features.marks).mark_spoken(ref)

    assert only([m for m in await harness.messages(opened.thread) if m.ref == ref]).marked


async def test_thinking_leaves_no_message(harness: PlatformHarness) -> None:
    opened = await harness.platform.post_card(harness.place, CARD)
    before = await harness.messages(opened.thread)

    await able(harness.platform.features.typing).start_typing(opened.thread)

    assert await harness.messages(opened.thread) == before


async def test_a_lost_place_is_said_once_and_for_all(harness: PlatformHarness) -> None:
    opened = await harness.platform.post_card(harness.place, CARD)
    await harness.lose_place(harness.place)

    with pytest.raises(PlaceGone):
        await harness.platform.post(opened.thread, final("Anybody?"), "k1")
    with pytest.raises(PlaceGone):
        await harness.platform.post_card(harness.place, CARD)


async def test_a_restart_in_the_middle_of_a_post_doubles_nothing(harness: PlatformHarness) -> None:
    opened = await harness.platform.post_card(harness.place, CARD)
    ref = await harness.platform.post(opened.thread, growing("Half a sen"), "0199aa-0001")

    await harness.restart()  # before its row learned the message's id

    assert await able(harness.platform.features.search).find(opened.thread, "0199aa-0001", JUST_NOW) == ref
    await able(harness.platform.features.edits).edit(ref, final("Half a sentence. [connection lost]"))
    said = [m.text for m in await harness.messages(opened.thread) if "Half a sen" in m.text]
    assert len(said) == 1
    assert "[connection lost]" in said[0]


@pytest.mark.parametrize("in_thread", [False, True])
async def test_a_restart_before_its_card_was_written_down_doubles_nothing(
    harness: PlatformHarness, in_thread: bool
) -> None:
    able(harness.platform.features.search)
    place = (await harness.platform.post_card(harness.place, OTHER)).thread if in_thread else harness.place
    opened = await harness.platform.post_card(place, CARD)
    before = len(await harness.messages(place))

    await harness.restart()

    assert await harness.platform.post_card(place, LIVE, since=JUST_NOW) == opened
    after = await harness.messages(place)
    assert len(after) == before
    assert "Write in the thread." in only([seen for seen in after if seen.ref == opened.card]).text


async def test_a_card_that_no_earlier_run_posted_is_posted(harness: PlatformHarness) -> None:
    needs(harness.abilities.shows_cards, "this platform shows no cards")
    other = await harness.platform.post_card(harness.place, OTHER)

    opened = await harness.platform.post_card(harness.place, CARD, since=JUST_NOW)

    assert opened.card != other.card
    assert opened.card in [seen.ref for seen in await harness.messages(harness.place)]


async def test_what_was_never_posted_is_not_found(harness: PlatformHarness) -> None:
    opened = await harness.platform.post_card(harness.place, CARD)

    assert await able(harness.platform.features.search).find(opened.thread, "0199aa-none", JUST_NOW) is None

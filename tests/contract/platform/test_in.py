"""What people do must arrive once, whole, from the right person and place, and each gets an answer."""

import asyncio

import pytest

from bot.domain.conversations import (
    Choice,
    Command,
    Inbound,
    Membership,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    NoSession,
    Question,
    Refused,
    Reply,
)
from bot.domain.posts import CardAction
from tests.contract.platform.cards import CARD, LIVE, final
from tests.contract.platform.harness import ANN, BEN, GUEST, PlatformHarness, able, told_for_a_message
from tests.patience import HANG_S


def only(inbounds: list[Inbound]) -> Inbound:
    assert len(inbounds) == 1, inbounds
    return inbounds[0]


async def test_a_message_in_the_channel_arrives(harness: PlatformHarness) -> None:
    ref = await harness.write(ANN, "Good morning", harness.place)

    inbound = only(harness.core.inbounds)
    assert inbound.place == harness.place
    assert inbound.body == MessagePosted("Good morning", message=ref, mentioned=False)
    assert inbound.person.name.lower() == ANN
    assert inbound.person.standing is Membership.MEMBER


async def test_people_are_known_to_be_no_programs(harness: PlatformHarness) -> None:
    await harness.command(ANN, "status", {}, harness.place)

    assert only(harness.core.inbounds).person.human


async def test_a_message_in_the_thread_arrives_from_the_thread(harness: PlatformHarness) -> None:
    opened = await harness.platform.post_card(harness.place, LIVE)

    ref = await harness.write(ANN, "And here?", opened.thread)

    inbound = only(harness.core.inbounds)
    assert inbound.place == opened.thread
    assert inbound.body == MessagePosted("And here?", message=ref)


async def test_a_mention_is_noticed_but_not_spoken(harness: PlatformHarness) -> None:
    await harness.write(ANN, "what is new?", harness.place, mention=True)

    body = only(harness.core.inbounds).body
    assert isinstance(body, MessagePosted)
    assert body.mentioned
    assert body.text == "what is new?"


@pytest.mark.parametrize(
    "text", ["a < b && c > d", "5 * 3 * 2", "snake_case_name", "100 % <sure>", "line one\nline two", "🙂 ok"]
)
async def test_words_arrive_as_they_were_written(harness: PlatformHarness, text: str) -> None:
    await harness.write(ANN, text, harness.place)

    body = only(harness.core.inbounds).body
    assert isinstance(body, MessagePosted)
    assert body.text == text


async def test_a_key_behind_a_mention_is_told_privately(harness: PlatformHarness) -> None:
    """Only what is said does the core refuse to hear for a secret; a command would be carried out with it."""
    harness.core.outcome = Refused("That looks like a key.")
    ref = await harness.write(ANN, "defaults elevenlabs api_key:sk-123", harness.place, mention=True)

    inbound = only(harness.core.inbounds)
    assert inbound.body == MessagePosted("defaults elevenlabs api_key:sk-123", message=ref, mentioned=True)
    assert any("That looks like a key." in told for told in await told_for_a_message(harness, ANN, harness.place))
    in_public = [seen for seen in await harness.messages(harness.place) if "looks like" in seen.text]
    assert all(seen.replies_to == inbound.person.id and "sk-123" not in seen.text for seen in in_public)


async def test_stamps_grow_and_events_have_their_own_identity(harness: PlatformHarness) -> None:
    for n in range(3):
        await harness.write(ANN if n % 2 else BEN, f"Number {n}", harness.place)

    sequences = [inbound.sequence for inbound in harness.core.inbounds]
    assert sequences == sorted(set(sequences))
    assert len({inbound.event_id for inbound in harness.core.inbounds}) == 3
    assert len({inbound.person.id for inbound in harness.core.inbounds}) == 2


async def test_a_delivery_that_comes_again_is_recognisable(harness: PlatformHarness) -> None:
    if not harness.abilities.redelivers:
        pytest.skip("this platform delivers once")
    await harness.write(ANN, "Once", harness.place)

    await harness.redeliver()

    assert len({inbound.event_id for inbound in harness.core.inbounds}) == 1
    assert len([seen for seen in await harness.messages(harness.place) if seen.text == "Once"]) == 1


async def test_what_the_bot_posts_does_not_come_back(harness: PlatformHarness) -> None:
    opened = await harness.platform.post_card(harness.place, CARD)
    ref = await harness.platform.post(opened.thread, final("Hello"), "k1")
    await able(harness.platform.features.edits).edit(ref, final("Hello!"))
    await harness.platform.notify(opened.thread, "One minute left.")

    await harness.write(ANN, "The only one", opened.thread)

    assert len(harness.core.inbounds) == 1


async def test_an_outsider_is_known_as_one(harness: PlatformHarness) -> None:
    if not harness.abilities.has_outsiders:
        pytest.skip("this platform has no outsiders")
    opened = await harness.platform.post_card(harness.place, LIVE)

    await harness.write(GUEST, "Hello from next door", opened.thread)

    assert only(harness.core.inbounds).person.standing is Membership.OUTSIDER


async def test_an_edit_and_a_deletion_arrive(harness: PlatformHarness) -> None:
    if not harness.abilities.sees_edits:
        pytest.skip("this platform does not tell about edits")
    ref = await harness.write(ANN, "Helo", harness.place)

    await harness.rewrite(ref, "Hello")
    await harness.withdraw(ref)

    assert [inbound.body for inbound in harness.core.inbounds[1:]] == [MessageEdited(ref, "Hello"), MessageDeleted(ref)]


async def test_a_command_arrives_with_its_options(harness: PlatformHarness) -> None:
    await harness.command(ANN, "start", {"avatar": "mia", "minutes": "5"}, harness.place)

    inbound = only(harness.core.inbounds)
    assert inbound.place == harness.place
    assert isinstance(inbound.body, Command)
    assert inbound.body.verb == "start"
    assert dict(inbound.body.options) == {"avatar": "mia", "minutes": "5"}
    assert inbound.reply_to is not None
    assert inbound.reply_to.person == inbound.person


async def test_a_button_runs_its_verb_in_its_cards_thread(harness: PlatformHarness) -> None:
    opened = await harness.platform.post_card(harness.place, LIVE)

    await harness.press(BEN, opened.card, CardAction.INTERRUPT)

    inbound = only(harness.core.inbounds)
    assert isinstance(inbound.body, Command)
    assert inbound.body.verb == CardAction.INTERRUPT.value
    assert inbound.place in {opened.thread, harness.place}
    assert inbound.person.name.lower() == BEN


async def test_plain_talk_where_no_avatar_is_hosted_gets_no_answer(harness: PlatformHarness) -> None:
    harness.core.outcome = NoSession("Start one with /avatar start.")
    before = await harness.messages(harness.place)

    await harness.write(ANN, "Lunch?", harness.place)

    assert await harness.privately(ANN) == []
    assert len(await harness.messages(harness.place)) == len(before) + 1


async def test_a_mention_without_a_session_explains_how_to_start(harness: PlatformHarness) -> None:
    harness.core.outcome = NoSession("Start one with /avatar start.")

    await harness.write(ANN, "hello?", harness.place, mention=True)

    told = await told_for_a_message(harness, ANN, harness.place)
    assert any("Start one with /avatar start." in words for words in told)


@pytest.mark.parametrize("outcome", [NoSession("No avatar here."), Refused("At most 10 wait.")])
async def test_who_ran_a_command_hears_why_not_and_nobody_else(
    harness: PlatformHarness, outcome: NoSession | Refused
) -> None:
    harness.core.outcome = outcome

    await harness.command(ANN, "say", {"text": "Hello"}, harness.place)

    assert any(outcome.sentence in told for told in await harness.privately(ANN))
    assert await harness.privately(BEN) == []
    assert not [m for m in await harness.messages(harness.place) if outcome.sentence in m.text]


async def test_a_refused_message_is_explained_to_its_author(harness: PlatformHarness) -> None:
    harness.core.outcome = Refused("3 of your messages wait already.")
    opened = await harness.platform.post_card(harness.place, LIVE)

    await harness.write(ANN, "And another thing", opened.thread)

    told = await told_for_a_message(harness, ANN, opened.thread)
    assert any("3 of your messages wait already." in words for words in told)


async def test_a_command_that_was_not_taken_is_said_so(harness: PlatformHarness) -> None:
    harness.core.unavailable = True

    await harness.command(ANN, "start", {}, harness.place)

    assert any("try again" in told.lower() for told in await harness.privately(ANN))


async def test_a_question_is_answered_privately(harness: PlatformHarness) -> None:
    harness.core.outcome = Question()
    harness.core.reply = Reply("Nobody is live here.")

    await harness.command(ANN, "status", {}, harness.place)

    assert any("Nobody is live here." in told for told in await harness.privately(ANN))
    assert await harness.privately(BEN) == []


async def test_what_the_core_answers_is_answered_without_a_mention(
    harness: PlatformHarness,
) -> None:
    opened = await harness.platform.post_card(harness.place, LIVE)
    harness.core.outcome = Question()
    harness.core.reply = Reply("Alma's session has ended.")

    await harness.write(ANN, "Still there?", opened.thread)

    told = await told_for_a_message(harness, ANN, opened.thread)
    assert any("session has ended" in words for words in told)


async def test_values_are_offered_as_one_types(harness: PlatformHarness) -> None:
    if not harness.abilities.types_ahead:
        pytest.skip("this platform has no suggestions")
    harness.core.choices = [Choice("mia-1", "Mia", "friendly"), Choice("max-1", "Max")]

    offered = await harness.type_ahead(ANN, "start", "avatar", "m", harness.place)

    assert [label.split()[0] for label in offered] == ["Mia", "Max"]
    asked = harness.core.asked[-1]
    assert (asked.verb, asked.option, asked.typed) == ("start", "avatar", "m")
    assert asked.place.channel == harness.place.channel
    assert asked.person.name.lower() == ANN


async def test_late_suggestions_are_not_waited_for(harness: PlatformHarness) -> None:
    if not harness.abilities.types_ahead:
        pytest.skip("this platform has no suggestions")
    harness.core.ask_hangs = True

    async with asyncio.timeout(HANG_S):
        assert await harness.type_ahead(ANN, "start", "avatar", "m", harness.place) == []


async def test_the_core_hears_of_a_lost_place(harness: PlatformHarness) -> None:
    await harness.platform.post_card(harness.place, LIVE)

    await harness.lose_place(harness.place)

    assert harness.place.channel in [place.channel for place in harness.core.gone]

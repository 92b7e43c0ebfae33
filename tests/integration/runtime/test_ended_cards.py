"""What the card of a session says once it has ended, and how it is started again."""

import asyncio

from bot.commands.buttons import card_button
from bot.commands.policy import Limits, Policy
from bot.domain.conversations import Accepted, ConversationRef, Membership, Person, Refused
from bot.domain.posts import CardAction
from bot.domain.sessions import SessionStatus
from bot.testing.chat import ANN, CHANNEL
from tests.integration.queries.asking import ROOT
from tests.world_fixture import QUICK, Stack, on_stack

BEN = Person("ben", "Ben", Membership.MEMBER)


async def talked(stack: Stack, **options: str) -> None:
    await stack.room.command("start", CHANNEL, ANN, **options)
    await stack.live()
    await stack.room.say("Who are you?", stack.room.thread)
    await stack.until(lambda: len(stack.room.finals) == 1)


@on_stack()
async def test_it_says_how_long_how_much_and_who_stopped_it(stack: Stack) -> None:
    async with stack.serving():
        await talked(stack)
        await asyncio.sleep(120)
        await stack.room.command("stop", stack.room.thread, ROOT)
        await stack.ended()
    card = stack.room.card
    assert card.note == "Stopped by Root."
    assert card.facts == ("Live for 2 min", "2 messages")
    assert card.actions == (CardAction.TRANSCRIPT, CardAction.START_AGAIN)
    assert (card.ends, card.ends_at, card.live_since, card.traits) == ("", None, None, ())


@on_stack()
async def test_a_sleeper_that_is_stopped_shows_its_end_too(stack: Stack) -> None:
    async with stack.serving():
        await talked(stack)
        await stack.until(lambda: stack.room.card.status is SessionStatus.SLEEPING, within=1_200)
        await stack.room.command("stop", stack.room.thread)
        await stack.ended()
    assert stack.room.card.note == "Stopped by Ann."
    assert stack.room.card.facts == ("Live for 10 min", "2 messages")


@on_stack()
async def test_a_session_is_restarted_as_and_where_it_was(stack: Stack) -> None:
    async with stack.serving():
        await talked(stack, avatar="Kofi", language="French", minutes="7")
        thread = stack.room.thread
        await stack.room.command("set", thread, ANN, speed="1.1")
        await stack.until(lambda: "speed 1.1" in stack.room.card.traits)
        await stack.room.command("stop", thread)
        await stack.ended()
        again = card_button(CardAction.START_AGAIN, stack.room.card.session_id).command
        elsewhere = await stack.room.command(again.verb, ConversationRef("fake", "W1", "C2"), BEN, **again.options)
        assert isinstance(await stack.room.command(again.verb, thread, BEN, **again.options), Accepted)
        await stack.until(lambda: len(stack.room.cards) == 2)
        await stack.live()
        (session,) = stack.hosted
        assert {"French", "speed 1.1"} <= set(stack.room.card.traits)
    assert isinstance(elsewhere, Refused)
    assert "of this channel is kept" in elsewhere.sentence
    assert [opened.card.place for opened in stack.room.opened] == [CHANNEL, CHANNEL]
    assert (stack.room.card.avatar_name, stack.room.card.starter_name) == ("Kofi", "Ben")
    assert session.booking.duration == 7 * 60


@on_stack()
async def test_an_interrupt_of_silence_does_not_keep_it_awake(stack: Stack) -> None:
    async with stack.serving():
        await talked(stack)
        await asyncio.sleep(9 * 60)
        before = len(stack.room.answers())
        for _ in range(2):
            await stack.room.command("interrupt", stack.room.thread)
        await stack.until(lambda: len(stack.room.answers()) == before + 2)
        assert stack.room.answers()[before:] == ["Nothing is being said."] * 2
        await stack.until(lambda: stack.room.card.status is SessionStatus.SLEEPING, within=120)


@on_stack()
async def test_extending_says_what_changes_and_who_pays(stack: Stack) -> None:
    async with stack.serving():
        await talked(stack)
        await stack.room.command("extend", stack.room.thread, BEN)
        await stack.until(
            lambda: "stays awake" in stack.room.answers(BEN)[-1:][0] if stack.room.answers(BEN) else False
        )
    assert stack.room.answers(BEN) == [
        "Alma stays awake for 10 more minutes, also when nobody talks. It goes on with your minutes: 60 of 60 are left for today."
    ]


@on_stack(QUICK, Policy(Limits(person_minutes=15)))
async def test_the_days_remaining_minutes_are_told_before_the_end(stack: Stack) -> None:
    async with stack.serving():
        await talked(stack)
        assert "10 of your 15 minutes for today are used or set aside." in stack.room.answers()[0]
        await stack.room.command("start", ConversationRef("fake", "W1", "C2"))
        await stack.until(lambda: len(stack.room.answers()) == 2)
        assert stack.room.answers()[1] == (
            "Alma is live. 15 of your 15 minutes for today are used or set aside. "
            "None are left to renew a session, so this one ends after 5 minutes at the latest."
        )
        (first, _) = stack.room.cards
        assert stack.room.cards[first].ends_at is None
        await stack.until(lambda: "used up" in stack.room.cards[first].ends)
        assert stack.room.cards[first].ends_at is not None

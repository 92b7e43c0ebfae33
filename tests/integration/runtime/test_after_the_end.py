"""Whoever writes where a session has ended is told so once, with a way to start again."""

import asyncio
import itertools

from bot.domain.conversations import (
    Accepted,
    Command,
    ConversationRef,
    Inbound,
    Membership,
    MessagePosted,
    MessageRef,
    NoSession,
    Outcome,
    Person,
    Question,
    Reply,
)
from bot.testing.chat import ANN, CHANNEL
from tests.integration.queries.asking import ask
from tests.world_fixture import Stack, on_stack

BEN, GUEST = Person("ben", "Ben", Membership.MEMBER), Person("guest", "Guest", Membership.OUTSIDER)


_numbers = itertools.count()


async def ended(stack: Stack, place: ConversationRef = CHANNEL) -> ConversationRef:
    """A session has ended; the thread that it talked in."""
    await stack.room.command("start", place, avatar="Alma")
    await stack.live()
    thread = place.in_thread(list(stack.room.cards)[-1])
    await stack.room.command("stop", place)
    await stack.ended()
    await asyncio.sleep(0.1)
    return thread


async def answered(
    stack: Stack, text: str, place: ConversationRef, person: Person = ANN, *, mentioned: bool = False
) -> tuple[Outcome, Reply]:
    """What becomes of a message, and what its author is told if there is an answer."""
    assert stack.service is not None
    front = stack.service.core
    number = next(_numbers)
    inbound = Inbound(
        f"x{number}{person.id}",
        number,
        place,
        person,
        MessagePosted(text, MessageRef(place, f"x{number}"), mentioned=mentioned),
    )
    outcome = await front.accept(inbound)
    return outcome, await front.answer(inbound) if isinstance(outcome, Question) else Reply("")


@on_stack()
async def test_each_author_in_the_thread_is_told_once(stack: Stack) -> None:
    async with stack.serving():
        thread = await ended(stack)
        for seconds, person in ((0, ANN), (600, BEN)):
            await asyncio.sleep(seconds)
            outcome, reply = await answered(stack, "Still there?", thread, person)
            assert isinstance(outcome, Question)
            assert reply.text.startswith("Alma's session has ended.")
            assert [item.command for item in reply.items] == [Command("start", {"again": stack.room.card.session_id})]
            assert isinstance((await answered(stack, "Hello?", thread, person))[0], NoSession)


@on_stack()
async def test_no_other_process_tells_it_again(stack: Stack) -> None:
    async with stack.serving(alone=False):
        thread = await ended(stack)
        assert isinstance((await answered(stack, "Still there?", thread))[0], Question)
        async with stack.serving(alone=False):
            assert isinstance((await answered(stack, "Hello?", thread))[0], NoSession)
            assert isinstance((await answered(stack, "Hello?", thread, BEN))[0], Question)


@on_stack()
async def test_who_died_before_it_was_told_is_followed(stack: Stack) -> None:
    async with stack.serving() as service:
        thread = await ended(stack)
        said = MessagePosted("Still there?", MessageRef(thread, "m"))
        inbound = Inbound("m", 1, thread, ANN, said)
        assert [isinstance(await service.core.accept(inbound), Question) for _ in range(2)] == [True, True]


@on_stack()
async def test_who_may_not_start_is_not_told_how(stack: Stack) -> None:
    async with stack.serving():
        _, reply = await answered(stack, "Still there?", await ended(stack), GUEST)
    assert reply == Reply("Alma's session has ended.")


@on_stack()
async def test_a_bare_start_there_starts_it_again(stack: Stack) -> None:
    async with stack.serving():
        thread = await ended(stack)
        assert isinstance((await answered(stack, "Start!", thread))[0], Accepted)
        await stack.live()
    assert stack.room.card.avatar_name == "Alma"
    assert len(stack.room.cards) == 2


@on_stack()
async def test_a_listening_channel_is_told_for_a_minute(stack: Stack) -> None:
    async with stack.serving():
        await ask(stack, "defaults set", listening="channel")
        await ended(stack)
        assert isinstance((await answered(stack, "And then", CHANNEL))[0], Question)
        await asyncio.sleep(61)
        assert isinstance((await answered(stack, "Lunch?", CHANNEL, BEN))[0], NoSession)


@on_stack()
async def test_people_who_talk_among_themselves_are_left_alone(stack: Stack) -> None:
    """Where the avatar heard only who addressed it, and in other threads and channels."""
    async with stack.serving():
        await ask(stack, "defaults set", listening="mention")
        thread = await ended(stack)
        for place in (thread, CHANNEL, CHANNEL.in_thread("another"), ConversationRef("fake", "W1", "C2")):
            assert isinstance((await answered(stack, "Lunch?", place))[0], NoSession)
        assert isinstance((await answered(stack, "Still there?", thread, mentioned=True))[0], Question)


@on_stack()
async def test_a_refused_start_leaves_nothing_to_be_told(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start", avatar="Nobody of that name")
        await asyncio.sleep(5)
        assert isinstance((await answered(stack, "Hello?", CHANNEL, mentioned=True))[0], NoSession)

"""What an avatar hears, and what holds in the threads of a channel."""

from bot.domain.conversations import (
    Accepted,
    ConversationRef,
    Inbound,
    MessagePosted,
    MessageRef,
    NoSession,
    Outcome,
    Question,
    Refused,
)
from bot.testing.chat import ANN, CHANNEL
from tests.integration.queries.asking import ROOT, ask
from tests.world_fixture import Stack, on_stack


async def said(stack: Stack, event: str, place: ConversationRef, *, mentioned: bool = False) -> Outcome:
    assert stack.service is not None
    body = MessagePosted("Who are you?", MessageRef(place, event), mentioned=mentioned)
    return await stack.service.core.accept(Inbound(event, 1_000 + int(event), place, ANN, body))


async def heard(stack: Stack, listening: str) -> list[bool]:
    """Whether it hears a message in its thread, one in the channel, and a mention in the channel."""
    await ask(stack, "defaults set", listening=listening)
    await stack.room.command("start")
    await stack.live()
    thread = stack.room.thread
    outcomes = [
        await said(stack, "1", thread),
        await said(stack, "2", CHANNEL),
        await said(stack, "3", CHANNEL, mentioned=True),
    ]
    assert all(isinstance(outcome, Accepted | NoSession) for outcome in outcomes)
    return [isinstance(outcome, Accepted) for outcome in outcomes]


@on_stack()
async def test_usually_it_listens_to_its_thread(stack: Stack) -> None:
    async with stack.serving():
        assert await heard(stack, "thread") == [True, False, True]


@on_stack()
async def test_it_may_listen_to_the_whole_channel(stack: Stack) -> None:
    async with stack.serving():
        assert await heard(stack, "channel") == [True, True, True]


@on_stack()
async def test_it_may_listen_to_who_mentions_it_alone(stack: Stack) -> None:
    async with stack.serving():
        assert await heard(stack, "mention") == [False, False, True]


@on_stack()
async def test_it_is_told_who_speaks_unless_the_channel_says_otherwise(stack: Stack) -> None:
    async with stack.serving():
        await ask(stack, "defaults set", names="off")
        await stack.room.command("start")
        await stack.live()
        await stack.room.say("Who are you?", stack.room.thread)
        await stack.until(lambda: len(stack.room.finals) == 1)
        await stack.room.command("stop")
        await stack.ended()
        await ask(stack, "defaults set", names="on")
        await stack.room.command("start")
        await stack.live()
        await stack.room.say("Who am I?", stack.room.thread)
        await stack.until(lambda: len(stack.room.finals) == 2)
    assert stack.spoken == ["Who are you?", "Ann: Who am I?"]


@on_stack()
async def test_a_thread_goes_by_the_settings_of_its_channel(stack: Stack) -> None:
    thread = CHANNEL.in_thread("t9")
    async with stack.serving():
        await ask(stack, "defaults set", thread, avatar="Kofi")
        await ask(stack, "defaults access", person=ROOT, who="<@somebody>")
        assert isinstance(await stack.room.command("start", thread), Refused)
        await ask(stack, "defaults access", person=ROOT, who="<@ann>")
        await stack.room.command("start", thread)
        await stack.live()
    assert stack.room.card.avatar_name == "Kofi"


@on_stack()
async def test_a_bare_stop_in_the_thread_ends_the_session(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start")
        await stack.live()
        await stack.room.say("Stop.", stack.room.thread)
        await stack.ended()
    assert stack.spoken == []
    assert "Stopped." in stack.room.answers()


@on_stack()
async def test_a_direct_message_knows_start_and_help_as_words(stack: Stack) -> None:
    direct = ConversationRef("fake", "dm-1", "D1")
    async with stack.serving() as service:
        asked = Inbound("h", 1, direct, ANN, MessagePosted("Help!", MessageRef(direct, "m0"), direct=True))
        assert isinstance(await service.core.accept(asked), Question)
        help_ = await service.core.answer(asked)
        assert isinstance(await stack.room.say("start", direct, direct=True), Accepted)
        await stack.live()
    assert "start" in help_.whole_text
    assert any("is live" in answer for answer in stack.room.answers())

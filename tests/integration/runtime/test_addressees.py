"""The thread and the transcript say whom an answer is for."""

import json
from dataclasses import replace

from bot.domain.conversations import Membership, MessageRef, Person
from bot.domain.posts import Addressee, Speaker
from tests.integration.queries.asking import ask
from tests.world_fixture import QUICK, Stack, on_stack

BEN = Person("ben", "Ben\n*Ray*: x", Membership.MEMBER)


async def begin(stack: Stack) -> None:
    await stack.room.command("start")
    await stack.live()


def answers(stack: Stack) -> list[Addressee | None]:
    return [line.answers for line in stack.room.lines if line.speaker == "Alma"]


@on_stack()
async def test_each_answer_is_for_whoever_asked(stack: Stack) -> None:
    async with stack.serving() as service:
        await begin(stack)
        await stack.room.say("How are you?", stack.room.thread)
        await stack.until(lambda: len(stack.room.finals) == 1)
        await stack.room.command("say", person=BEN, text="And I?")
        await stack.until(lambda: len(stack.room.finals) == 3)
        transcript = await ask(stack, "transcript", format="json")
        to_read = await ask(stack, "transcript", format="md")
        captions = await service._archive.captions(stack.room.card.session_id)
    mine = next(message.ref for message in stack.room.messages.values() if message.text == "How are you?")
    assert answers(stack) == [
        Addressee("Ann", MessageRef(stack.room.thread, mine.message_id)),
        Addressee("Ben *Ray* x"),
    ]
    assert transcript.file is not None
    assert to_read.file is not None
    lines = json.loads(transcript.file.content)["lines"]
    assert [line.get("to") for line in lines if line["name"] == "Alma"] == ["Ann", BEN.name]
    assert [caption.to for caption in captions if caption.speaker is Speaker.BOT] == ["Ann", "Ben *Ray* x"]
    assert "**Alma to Ann** (" in to_read.file.content.decode()


@on_stack()
async def test_a_greeting_is_for_nobody(stack: Stack) -> None:
    async with stack.serving():
        await ask(stack, "defaults set", greeting="Hello, everybody!")
        await begin(stack)
        await stack.until(lambda: bool(stack.room.finals))
    assert answers(stack) == [None]


@on_stack(replace(QUICK, pace=10.0))
async def test_an_answer_cut_by_a_crash_keeps_its_addressee(stack: Stack) -> None:
    async with stack.serving():
        await begin(stack)
        await stack.room.say("Tell me a long story, please.", stack.room.thread)
        await stack.until(lambda: bool(stack.room.lines))
        assert not stack.room.finals
        stack.crash()
    async with stack.serving():
        await stack.until(lambda: bool(stack.room.finals))
    (answer,) = answers(stack)
    assert answer is not None
    assert answer.name == "Ann"

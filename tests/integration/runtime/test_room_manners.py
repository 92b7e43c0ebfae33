"""Ten people and one avatar, through the whole core."""

import asyncio
from collections import Counter

from bot.domain.conversations import Accepted, Membership, Person
from tests.unit.runtime.test_room_manners import jain
from tests.world_fixture import Stack, on_stack

FLOODER, *OTHERS = [Person(f"p{number}", name, Membership.MEMBER) for number, name in enumerate("ABCDEFGHIJ")]


async def writes(stack: Stack, person: Person, every: float) -> None:
    while True:
        await stack.room.say(f"I am {person.name} and have something to say.", stack.room.thread, person)
        await asyncio.sleep(every)


def speakers(stack: Stack) -> list[str]:
    return [said.partition(":")[0] for said in stack.spoken]


@on_stack()
async def test_nine_others_get_as_many_turns_as_one_who_floods(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start")
        await stack.live()
        writing = [asyncio.create_task(writes(stack, FLOODER, 0.05))]
        writing += [asyncio.create_task(writes(stack, person, 1.0)) for person in OTHERS]
        await stack.until(lambda: len(stack.spoken) >= 60)
        for task in writing:
            task.cancel()
        await asyncio.wait(writing)
    turns = Counter(speakers(stack))
    assert jain([turns[person.name] for person in (FLOODER, *OTHERS)]) >= 0.95


@on_stack()
async def test_everybody_gets_a_word_in_while_one_floods(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start")
        await stack.live()
        flooding = asyncio.create_task(writes(stack, FLOODER, 0.05))
        await stack.until(lambda: len(stack.spoken) >= 2)
        outcomes = [await stack.room.say("Hello", stack.room.thread, person) for person in OTHERS]
        before = len(stack.spoken)
        await stack.until(lambda: {person.name for person in OTHERS} <= set(speakers(stack)))
        flooding.cancel()
        await asyncio.wait([flooding])
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    assert Counter(speakers(stack)[before:])[FLOODER.name] <= 1

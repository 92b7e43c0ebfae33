"""Whatever people do, and whenever the process dies: nothing accepted is without an outcome, nothing is spoken twice, nothing stays open."""

import asyncio
import os
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from bot.model import Accepted, Inbound, MessageRef, Outcome, Person, Place, Said, Standing
from tests.chat_room import ANN
from tests.stack import QUICK, Stack, run_story

BOB = Person("bob", "Bob")
BOSS = Person("boss", "Boss", Standing.ADMIN)
PLACES = (Place("room", "W1", "C1"), Place("room", "W1", "C2"))


@dataclass(frozen=True)
class Step:
    """`what` happens in `place`, after `wait` seconds."""

    what: str
    place: Place
    person: Person
    wait: float


@dataclass
class Model:
    """What was accepted, and nothing more: the promises are about that."""

    said: dict[str, str] = field(default_factory=dict)  # text -> row id
    last: Inbound | None = None
    numbers: int = 0


steps = st.lists(
    st.builds(
        Step,
        what=st.sampled_from(
            [
                "start",
                "start twice",
                "say",
                "say",
                "say",
                "again",
                "interrupt",
                "stop",
                "crash",
                "kick",
                "break",
                "sleep",
            ]
        ),
        place=st.sampled_from(PLACES),
        person=st.sampled_from((ANN, BOB)),
        wait=st.sampled_from((0.0, 0.05, 0.3, 2.0, 20.0)),
    ),
    min_size=4,
    max_size=14,
)


@given(steps)
@settings(max_examples=100 if "SOAK" in os.environ else 8)
def test_every_promise_holds_after_any_story(story: list[Step]) -> None:
    async def play(stack: Stack) -> None:
        model, left = Model(), list(story)
        while left:
            async with stack.serving():
                while left and await act(stack, model, left.pop(0)):
                    pass
        await settle(stack)
        check(stack, model)

    with tempfile.TemporaryDirectory() as folder:
        run_story(play, Path(folder), QUICK)


async def act(stack: Stack, model: Model, step: Step) -> bool:
    """One step; False when the process died of it."""
    await asyncio.sleep(step.wait)
    match step.what:
        case "crash":
            stack.crash()
            return False
        case "say":
            await say(stack, model, step)
        case "again" if model.last:
            assert stack.room.reception is not None
            outcome = await stack.room.reception.accept(model.last)
            assert not isinstance(outcome, Accepted), "a redelivery was taken for something new"
        case "start twice":
            both = await asyncio.gather(*(stack.room.command("start", step.place, step.person) for _ in range(2)))
            assert sum(isinstance(outcome, Accepted) for outcome in both) <= 1
        case "kick":
            await kick(stack)
        case "break":
            for hosted in stack.hosted[:1]:
                stack.simulator.sessions.close(hosted.id)
        case "sleep":
            await asyncio.sleep(700)
        case "start" | "stop" | "interrupt":
            await stack.room.command(step.what, step.place, step.person)
    return True


async def say(stack: Stack, model: Model, step: Step) -> Outcome:
    model.numbers += 1
    words, stamp = f"Message number {model.numbers}", 1_000_000 + model.numbers
    said = Said(words, MessageRef(step.place, f"said{stamp}"), mentioned=True)
    inbound = Inbound(f"said{stamp}", stamp, step.place, step.person, said)
    assert stack.room.reception is not None
    outcome = await stack.room.reception.accept(inbound)
    if isinstance(outcome, Accepted):
        model.said[words], model.last = outcome.row_id, inbound
    return outcome


async def kick(stack: Stack) -> None:
    """Somebody else takes our seat, and does not give it back for a while."""
    for hosted in stack.hosted[:1]:
        intruder = stack.simulator.seats(hosted.client)
        await intruder.join()
        await asyncio.sleep(1)
        await intruder.leave()


async def settle(stack: Stack) -> None:
    """A last process stops everything and ends in order."""
    async with stack.serving():
        await asyncio.sleep(90)
        for place in PLACES:
            await stack.room.command("stop", place, BOSS)
        await stack.until(lambda: not rows(stack, "SELECT id FROM sessions WHERE status <> 'ended'"))


def rows(stack: Stack, query: str) -> list[tuple[str, ...]]:
    engine = create_engine(stack.url)
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(text(query))]
    engine.dispose()
    return found


def check(stack: Stack, model: Model) -> None:
    outcomes = {row[0]: row[1:] for row in rows(stack, "SELECT id, outcome, sentence, reply_due FROM inbox")}
    spoken = Counter(given.partition(": ")[2] for given in stack.spoken)
    assert all(outcome for outcome, _, _ in outcomes.values()), "something accepted has no outcome"
    assert not [row for row, (_, _, due) in outcomes.items() if due], "somebody was not told"
    for words, row_id in model.said.items():
        outcome, sentence, _ = outcomes[row_id]
        assert spoken[words] <= 1, f"{words} was spoken twice"
        assert spoken[words] == 1 or sentence, f"{words} ({outcome}) was not spoken, and its author not told"
    assert stack.hosted == [], "a session is left that costs money"
    assert rows(stack, "SELECT id FROM provider_sessions WHERE state IN ('open', 'intent')") == []
    assert rows(stack, "SELECT id FROM utterances WHERE NOT shown") == [], "a transcript is not complete"
    keys = Counter(message.key for message in stack.room.messages.values())
    assert all(number == 1 for number in keys.values()), "a line was posted twice"


def test_a_frozen_worker_that_wakes_up_changes_nothing(tmp_path: Path) -> None:
    async def play(stack: Stack) -> None:
        async with stack.serving(alone=False) as first:
            frozen = stack.wire
            await stack.room.command("start")
            await stack.live()
            async with stack.serving(alone=False) as second:
                assert (first.worker.hosted, second.worker.hosted) == (1, 0)
                frozen.cut = True
                await stack.until(lambda: second.worker.hosted == 1)
                await stack.room.say("Who hosts you?", stack.room.thread)
                await stack.until(lambda: len(stack.room.finals) == 1)
                frozen.cut = False
                await asyncio.sleep(10)
                assert (first.worker.hosted, second.worker.hosted) == (0, 1)
                assert first.worker.fresh, "it starts anew, under another name"
                await stack.room.say("And now?", stack.room.thread)
                await stack.until(lambda: len(stack.room.finals) == 2)
                assert len(stack.hosted) == 1
                assert len(list(stack.simulator.sessions)) == 1, "its successor joined the same room"
        assert len(stack.spoken) == 2

    run_story(play, tmp_path, QUICK)

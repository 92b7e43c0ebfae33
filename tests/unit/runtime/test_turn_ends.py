"""A turn ends with what is said under its own `mid`: other voices in the room neither end it nor make it heard."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from adapters.simulator import ChatShape, Control, Ending, FaultScript, NetworkConditions, messages
from adapters.simulator.fixtures import BRIEFINGS
from bot.domain.conversations import MessageRef
from bot.domain.messages import Inbound, MessagePosted
from bot.domain.people import Role
from bot.domain.sessions import Mode
from bot.ports.storage.records import SAY, NewRow
from bot.runtime.turns import BEHIND_AT_MOST
from bot.storage.tables import turns
from bot.testing.chat import ANN, CHANNEL
from tests.session_fixture import SPEC, Staged, active
from tests.stored import accepted
from tests.unit.runtime.test_turns import taking_turns

THREAD = CHANNEL.in_thread("t1")
LONG = "This is a sentence that takes a while to say. " * 60
"""About 18 s at the simulator's pace here; what is asked is cut to 10 s."""
SAID_BY_ITSELF = "prologue-1"

Voice = Callable[[str, str], Awaitable[None]]
RETELLING = replace(SPEC, mode=Mode.RETELLING)


async def asked(staged: Staged, text: str, number: int = 1) -> None:
    ref = MessageRef(THREAD, f"m{number}")
    inbound = Inbound(f"e{number}", number, THREAD, ANN, MessagePosted(text, ref))
    row = NewRow(f"row{number}", "s1", inbound, SAY, {"text": text}, ref, Role.MEMBER)
    await accepted(staged.services.storage, row)
    staged.context.turns.doubt()


async def voice(staged: Staged, mid: str, what: str) -> None:
    """The avatar's voice begins or stops under some `mid`."""
    (session,) = staged.simulator.sessions
    await session.avatar.connection.send(messages.event(mid, what))


async def say(staged: Staged, mid: str, text: str) -> None:
    (session,) = staged.simulator.sessions
    await session.avatar.connection.send(messages.said(mid, text, {"idx": 0, "fin": True}))


async def outcomes(staged: Staged) -> list[tuple[str, timedelta]]:
    """What came of each turn, and how long it took."""

    def work(connection: Connection) -> list[tuple[str, datetime, datetime]]:
        query = select(turns.c.outcome, turns.c.claimed_at, turns.c.ended_at).order_by(turns.c.id)
        return [(row[0], row[1], row[2]) for row in connection.execute(query)]

    return [(outcome, ended - began) for outcome, began, ended in await staged.store.read(work)]


@pytest.mark.parametrize("mid", [SAID_BY_ITSELF, "row1", ""])
def test_the_end_of_something_else_is_not_the_end_of_a_turn(mid: str, tmp_path: Path) -> None:
    @active(spec=RETELLING)
    async def story(staged: Staged) -> None:
        await asked(staged, "Short.", 1)
        async with taking_turns(staged):
            await asyncio.sleep(5)
            await asked(staged, LONG, 2)
            await asyncio.sleep(3)
            await voice(staged, mid, "audio_start")
            await voice(staged, mid, "audio_end")
            await say(staged, mid, "Something else.")
            await asyncio.sleep(60)
        (_, (outcome, took)) = await outcomes(staged)
        assert outcome == "spoken"
        assert took > timedelta(seconds=9)

    story(tmp_path)


def with_knowledge(staged: Staged) -> None:
    """The avatar has a knowledge base; what it says by itself is said by the test."""
    knowledge = staged.simulator.knowledge_bases.create(name="FAQ")
    session = staged.context.session
    staged.context.session = replace(session, spec=replace(session.spec, knowledge_id=knowledge.volume_id))


@pytest.mark.parametrize("mid", [SAID_BY_ITSELF, "row0", ""])
def test_what_is_said_by_itself_makes_nothing_heard(mid: str, tmp_path: Path) -> None:
    @active(spec=RETELLING)
    async def story(staged: Staged) -> None:
        with_knowledge(staged)
        async with taking_turns(staged):
            staged.simulator.rooms.to_avatar.conditions = NetworkConditions(lose=1)
            await asked(staged, "Lost on its way.")
            await asyncio.sleep(1)
            await voice(staged, mid, "audio_start")
            await say(staged, mid, "Welcome!")
            await asyncio.sleep(2)
            await voice(staged, mid, "audio_end")
            await asyncio.sleep(20)
        assert [outcome for outcome, _ in await outcomes(staged)] == ["unheard"]

    story(tmp_path)


@active(spec=RETELLING)
async def test_a_turn_waits_behind_what_the_avatar_says_by_itself(staged: Staged) -> None:
    """An opening line takes longer than a turn is waited for; the turn comes after it, and is heard."""
    async with taking_turns(staged):
        (session,) = staged.simulator.sessions
        session.avatar._plan(SAID_BY_ITSELF, LONG)
        await asyncio.sleep(1)
        await asked(staged, "Good morning.")
        await asyncio.sleep(60)
    ((outcome, took),) = await outcomes(staged)
    assert outcome == "spoken"
    assert timedelta(seconds=10) < took < timedelta(seconds=25)


@active(spec=RETELLING)
async def test_a_voice_without_words_is_waited_for_too(staged: Staged) -> None:
    with_knowledge(staged)
    async with taking_turns(staged):
        staged.simulator.rooms.to_avatar.conditions = NetworkConditions(lose=1)
        await asked(staged, "Good morning.")
        await asyncio.sleep(1)
        for mid, pause in ((SAID_BY_ITSELF, 20), ("row1", 2)):
            await voice(staged, mid, "audio_start")
            await asyncio.sleep(pause)
            await voice(staged, mid, "audio_end")
        await asyncio.sleep(1)
    assert [outcome for outcome, _ in await outcomes(staged)] == ["spoken"]


@active(spec=RETELLING)
async def test_it_does_not_wait_for_ever(staged: Staged) -> None:
    with_knowledge(staged)
    async with taking_turns(staged):
        staged.simulator.rooms.to_avatar.conditions = NetworkConditions(lose=1)
        await asked(staged, "Good morning.")
        for _ in range(100):
            await voice(staged, SAID_BY_ITSELF, "audio_start")
            await asyncio.sleep(3)
    ((outcome, took),) = await outcomes(staged)
    assert outcome == "unheard"
    assert took <= timedelta(seconds=BEHIND_AT_MOST + 1)


@pytest.mark.parametrize("ending", [Ending.LAST, Ending.EVERY])
def test_without_events_a_turn_ends_with_its_own_text(ending: Ending, tmp_path: Path) -> None:
    """Where every part is marked as the last, none of them is."""

    @active(spec=RETELLING)
    async def story(staged: Staged) -> None:
        Control(staged.simulator).script(FaultScript(shape=ChatShape(ending=ending, events=False)))
        await asked(staged, LONG)
        async with taking_turns(staged):
            await asyncio.sleep(60)
        ((outcome, took),) = await outcomes(staged)
        assert outcome == "spoken"
        assert timedelta(seconds=9) < took < timedelta(seconds=13)

    story(tmp_path)


# ---------------------------------------------------------------- where AKOOL does not answer under a turn's own `mid`


def answering_under_mids_of_its_own(staged: Staged, **shape: Any) -> None:
    Control(staged.simulator).script(FaultScript(shape=ChatShape(own_mids=True, **shape)))


@pytest.mark.parametrize("events", [True, False])
def test_an_answer_under_another_mid_is_heard_and_the_next_turn_waits_for_it(events: bool, tmp_path: Path) -> None:
    @active(spec=RETELLING)
    async def story(staged: Staged) -> None:
        answering_under_mids_of_its_own(staged, events=events)
        for number in (1, 2, 3):
            await asked(staged, f"{number}: {LONG}", number)
        async with taking_turns(staged):
            await asyncio.sleep(90)
        found = await outcomes(staged)
        assert [outcome for outcome, _ in found] == ["spoken"] * 3
        assert all(timedelta(seconds=9) < took < timedelta(seconds=13) for _, took in found)

    story(tmp_path)


@active(spec=replace(RETELLING, knowledge_id=BRIEFINGS[0].knowledge_id))
async def test_an_opening_line_answers_nothing(staged: Staged) -> None:
    """It is said first, under a `mid` that is as foreign as the answer's."""
    answering_under_mids_of_its_own(staged)
    await asked(staged, LONG)
    async with taking_turns(staged):
        await asyncio.sleep(60)
    ((outcome, took),) = await outcomes(staged)
    assert outcome == "spoken"
    assert took > timedelta(seconds=10)
    (session,) = staged.simulator.sessions
    assert len(session.avatar.spoken) == 2


@active(spec=RETELLING)
async def test_what_began_before_a_turn_answers_nothing(staged: Staged) -> None:
    async with taking_turns(staged):
        await voice(staged, "mid-1", "audio_start")
        await asyncio.sleep(1)
        staged.simulator.rooms.to_avatar.conditions = NetworkConditions(lose=1)
        await asked(staged, "Lost on its way.")
        await asyncio.sleep(1)
        await say(staged, "mid-1", "Something else.")
        await voice(staged, "mid-1", "audio_end")
        await voice(staged, "mid-2", "audio_end")
        await asyncio.sleep(30)
    assert [outcome for outcome, _ in await outcomes(staged)] == ["unheard"]

"""A turn ends with what is said under its own `mid`: other voices in the room neither end it nor make it heard."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.conversations import Inbound, MessagePosted, MessageRef, Role
from bot.domain.sessions import Mode
from bot.ports.provider import Knowledge
from bot.ports.storage.records import SAY, NewRow
from bot.runtime.turn_order import BEHIND_AT_MOST
from bot.testing.chat import ANN, CHANNEL
from tests.session_fixture import SPEC, Staged, active
from tests.stored import accepted
from tests.unit.runtime.test_turns import taking_turns

THREAD = CHANNEL.in_thread("t1")
LONG = "This is a sentence that takes a while to say. " * 60
"""About 18 s at the avatar's pace; what is asked is cut to 10 s."""
SAID_BY_ITSELF = "prologue-1"

RETELLING = replace(SPEC, mode=Mode.RETELLING)


async def asked(staged: Staged, text: str, number: int = 1) -> None:
    ref = MessageRef(THREAD, f"m{number}")
    inbound = Inbound(f"e{number}", number, THREAD, ANN, MessagePosted(text, ref))
    row = NewRow(f"row{number}", "s1", inbound, SAY, {"text": text}, ref, Role.MEMBER)
    await accepted(staged.services.storage, row)
    staged.context.turns.doubt()


def outcomes(staged: Staged) -> list[tuple[str, timedelta]]:
    """What came of each turn, and how long it took."""
    turns = sorted(staged.storage.data.turns, key=lambda turn: turn.id)
    return [(turn.outcome, turn.ended_at - turn.claimed_at) for turn in turns if turn.ended_at]


def behaves(staged: Staged, **behavior: bool) -> None:
    staged.provider.behavior = replace(staged.provider.behavior, **behavior)  # type: ignore[arg-type]


@pytest.mark.parametrize("mid", [SAID_BY_ITSELF, "row1", ""])
def test_another_ids_end_does_not_end_the_turn(mid: str) -> None:
    @active(spec=RETELLING)
    async def story(staged: Staged) -> None:
        await asked(staged, "Short.", 1)
        async with taking_turns(staged):
            await asyncio.sleep(5)
            await asked(staged, LONG, 2)
            await asyncio.sleep(3)
            staged.avatar.voice(mid, on=True)
            staged.avatar.voice(mid, on=False)
            staged.avatar.utter(mid, "Something else.")
            await asyncio.sleep(60)
        (_, (outcome, took)) = outcomes(staged)
        assert outcome == "spoken"
        assert took > timedelta(seconds=9)

    story()


def with_knowledge(staged: Staged, prologue: str = "") -> None:
    """The avatar has a knowledge base; without a prologue, what it says by itself is said by the test."""
    staged.provider.bases["faq"] = Knowledge("FAQ", "faq", prologue)
    session = staged.context.session
    staged.context.session = replace(session, spec=replace(session.spec, knowledge_id="faq"))


@pytest.mark.parametrize("mid", [SAID_BY_ITSELF, "row0", ""])
def test_what_is_said_by_itself_makes_nothing_heard(mid: str) -> None:
    @active(spec=RETELLING)
    async def story(staged: Staged) -> None:
        with_knowledge(staged)
        async with taking_turns(staged):
            staged.avatar.deaf = True
            await asked(staged, "Lost on its way.")
            await asyncio.sleep(1)
            staged.avatar.voice(mid, on=True)
            staged.avatar.utter(mid, "Welcome!")
            await asyncio.sleep(2)
            staged.avatar.voice(mid, on=False)
            await asyncio.sleep(20)
        assert [outcome for outcome, _ in outcomes(staged)] == ["unheard"]

    story()


@active(spec=RETELLING)
async def test_a_turn_waits_behind_what_the_avatar_says_by_itself(staged: Staged) -> None:
    """An opening line takes longer than a turn is waited for; the turn comes after it, and is heard."""
    async with taking_turns(staged):
        staged.avatar.plan(SAID_BY_ITSELF, LONG)
        await asyncio.sleep(1)
        await asked(staged, "Good morning.")
        await asyncio.sleep(60)
    ((outcome, took),) = outcomes(staged)
    assert outcome == "spoken"
    assert timedelta(seconds=10) < took < timedelta(seconds=25)


@active(spec=RETELLING)
async def test_a_voice_without_words_is_waited_for_too(staged: Staged) -> None:
    with_knowledge(staged)
    async with taking_turns(staged):
        staged.avatar.deaf = True
        await asked(staged, "Good morning.")
        await asyncio.sleep(1)
        for mid, pause in ((SAID_BY_ITSELF, 20), ("row1", 2)):
            staged.avatar.voice(mid, on=True)
            await asyncio.sleep(pause)
            staged.avatar.voice(mid, on=False)
        await asyncio.sleep(1)
    assert [outcome for outcome, _ in outcomes(staged)] == ["spoken"]


@active(spec=RETELLING)
async def test_it_does_not_wait_for_ever(staged: Staged) -> None:
    with_knowledge(staged)
    async with taking_turns(staged):
        staged.avatar.deaf = True
        await asked(staged, "Good morning.")
        for _ in range(100):
            staged.avatar.voice(SAID_BY_ITSELF, on=True)
            await asyncio.sleep(3)
    ((outcome, took),) = outcomes(staged)
    assert outcome == "unheard"
    assert took <= timedelta(seconds=BEHIND_AT_MOST + 1)


@pytest.mark.parametrize("every_part_final", [False, True])
def test_without_events_a_turn_ends_with_its_own_text(every_part_final: bool) -> None:
    """Where every part is marked as the last, none of them is."""

    @active(spec=RETELLING)
    async def story(staged: Staged) -> None:
        behaves(staged, voiced=False, every_part_final=every_part_final)
        await asked(staged, LONG)
        async with taking_turns(staged):
            await asyncio.sleep(60)
        ((outcome, took),) = outcomes(staged)
        assert outcome == "spoken"
        assert timedelta(seconds=9) < took < timedelta(seconds=13)

    story()


# ---------------------------------------------------------------- where the avatar does not answer under a turn's own id


@pytest.mark.parametrize("voiced", [True, False])
def test_an_answer_under_another_mid_delays_the_turn(voiced: bool) -> None:
    @active(spec=RETELLING)
    async def story(staged: Staged) -> None:
        behaves(staged, own_ids=True, voiced=voiced)
        for number in (1, 2, 3):
            await asked(staged, f"{number}: {LONG}", number)
        async with taking_turns(staged):
            await asyncio.sleep(90)
        found = outcomes(staged)
        assert [outcome for outcome, _ in found] == ["spoken"] * 3
        assert all(timedelta(seconds=9) < took < timedelta(seconds=13) for _, took in found)

    story()


@active(spec=RETELLING)
async def test_an_opening_line_answers_nothing(staged: Staged) -> None:
    """It is said first, under a `mid` that is as foreign as the answer's."""
    behaves(staged, own_ids=True)
    with_knowledge(staged, prologue="Welcome! Ask me anything about our house.")
    await asked(staged, LONG)
    async with taking_turns(staged):
        await asyncio.sleep(60)
    ((outcome, took),) = outcomes(staged)
    assert outcome == "spoken"
    assert took > timedelta(seconds=10)
    assert len(staged.avatar.said) == 2


@active(spec=RETELLING)
async def test_what_began_before_a_turn_answers_nothing(staged: Staged) -> None:
    async with taking_turns(staged):
        staged.avatar.voice("mid-1", on=True)
        await asyncio.sleep(1)
        staged.avatar.deaf = True
        await asked(staged, "Lost on its way.")
        await asyncio.sleep(1)
        staged.avatar.utter("mid-1", "Something else.")
        staged.avatar.voice("mid-1", on=False)
        staged.avatar.voice("mid-2", on=False)
        await asyncio.sleep(30)
    assert [outcome for outcome, _ in outcomes(staged)] == ["unheard"]

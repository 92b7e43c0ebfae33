"""What was said in a private thread, a private channel or a direct message is seen from inside it only."""

import asyncio
from pathlib import Path

import pytest

from bot.domain.conversations import A_DIRECT_MESSAGE, Channel, ConversationRef, Person
from bot.testing.chat import ANN, CHANNEL
from tests.integration.queries.asking import ROOT, ask
from tests.world_fixture import Stack, run_story

LOBBY, CAVE = CHANNEL, CHANNEL.in_thread("cave")
BOARD, DIRECT, ELSEWHERE = (ConversationRef("fake", "W1", channel) for channel in ("C3", "D1", "C2"))
KNOWN = {
    LOBBY: Channel("#lobby"),
    ELSEWHERE: Channel("#elsewhere"),
    CAVE: Channel("#lobby", private_thread=True),
    CHANNEL.in_thread("open"): Channel("#lobby"),
    BOARD: Channel("#board", private=True),
    DIRECT: A_DIRECT_MESSAGE,
}
QUESTION = "Who are you?"


async def talked(stack: Stack, place: ConversationRef, *, goes_on: bool = False) -> str:
    """A session in a place, where something was said; its id."""
    stack.room.channels = KNOWN
    await stack.room.command("start", place)
    await stack.live()
    finals = len(stack.room.finals)
    thread = place if place.thread_id else place.in_thread(list(stack.room.cards)[-1])
    await stack.room.say(QUESTION, thread)
    await stack.until(lambda: len(stack.room.finals) > finals)
    session_id = stack.room.card.session_id
    if not goes_on:
        await stack.room.command("stop", place)
        await stack.ended()
    return session_id


async def exported(stack: Stack, place: ConversationRef, person: Person = ANN, **options: str) -> str:
    """What a transcript holds, or why there is none."""
    reply = await ask(stack, "transcript", place, person, **options)
    return reply.file.content.decode() if reply.file else reply.text


@pytest.mark.parametrize("goes_on", [True, False], ids=["live", "ended"])
@pytest.mark.parametrize("place", [CAVE, BOARD, DIRECT], ids=["thread", "channel", "direct"])
def test_a_private_transcript_is_seen_from_inside_only(
    place: ConversationRef, *, goes_on: bool, tmp_path: Path
) -> None:
    async def story(stack: Stack) -> None:
        async with stack.serving():
            session = await talked(stack, place, goes_on=goes_on)
            inside = await exported(stack, place)
            for outside in {LOBBY, ELSEWHERE, LOBBY.in_thread("open")} - {place}:
                for person in (ANN, ROOT):
                    assert "No avatar has talked here yet" in await exported(stack, outside, person)
                    assert "private" in await exported(stack, outside, person, session=session)
        assert QUESTION in inside

    run_story(story, tmp_path)


@pytest.mark.parametrize(
    ("place", "where"),
    [(CAVE, "in a private thread"), (BOARD, "in a private channel"), (DIRECT, "in a direct message")],
)
def test_a_private_session_is_never_here_for_others(place: ConversationRef, where: str, tmp_path: Path) -> None:
    async def story(stack: Stack) -> None:
        async with stack.serving():
            await talked(stack, place, goes_on=True)
            for asked_in, seen in ((LOBBY, where), (place, "here")):
                (item,) = (await ask(stack, "sessions", asked_in)).items
                assert item.detail.startswith(f"{seen}, ")

    run_story(story, tmp_path)


def test_a_thread_that_everybody_sees_is_seen_from_its_channel(tmp_path: Path) -> None:
    async def story(stack: Stack) -> None:
        async with stack.serving():
            await talked(stack, LOBBY.in_thread("open"))
            assert QUESTION in await exported(stack, LOBBY)
            assert QUESTION in await exported(stack, LOBBY.in_thread("another"))

    run_story(story, tmp_path)


def test_the_newest_visible_session_with_a_transcript_is_meant(
    tmp_path: Path,
) -> None:
    async def story(stack: Stack) -> None:
        async with stack.serving():
            first = await talked(stack, LOBBY)
            await talked(stack, CAVE)
            await stack.room.command("start", avatar="Nobody of that name")
            await asyncio.sleep(5)  # refused
            assert f"Session: {first}" in await exported(stack, LOBBY)
            second = await talked(stack, LOBBY, goes_on=True)
            assert f"Session: {second}" in await exported(stack, LOBBY)
            assert f"Session: {first}" in await exported(stack, LOBBY, session=first)

    run_story(story, tmp_path)


def test_where_nothing_was_said_yet_that_is_the_answer(tmp_path: Path) -> None:
    async def story(stack: Stack) -> None:
        async with stack.serving():
            await stack.room.command("start", avatar="Alma")
            await stack.live()
            assert await exported(stack, LOBBY) == "Nothing has been said with Alma yet."

    run_story(story, tmp_path)

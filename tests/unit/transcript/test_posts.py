"""Who reads the avatar's first word is told with it that it is an AI."""

import asyncio

from bot.domain.conversations import Inbound, Membership, MessagePosted, MessageRef, Person, Role
from bot.domain.posts import Speaker
from bot.ports.storage.records import SAY, NewRow
from bot.testing.chat import ANN
from bot.transcript.posts import Encounters
from bot.transcript.publisher import TranscriptPublisher
from tests.disclosing import AI
from tests.session_fixture import Staged, active
from tests.stored import accepted
from tests.unit.transcript.publishing import NOT_ANSWERED, hear, narrow, resumed

BEN = Person("ben", "Ben", Membership.MEMBER)


async def writes(staged: Staged, person: Person) -> None:
    """What somebody writes stands in the inbox, and is handed over."""
    place = staged.context.session.talk
    said = MessagePosted("Hello", MessageRef(place, f"m-{person.id}"))
    row = NewRow(
        f"row-{person.id}",
        staged.context.session.id,
        Inbound(f"e-{person.id}", 1, place, person, said),
        SAY,
        {"text": "Hello"},
        said.message,
        Role.MEMBER,
    )
    await accepted(staged.services.storage, row)
    staged.context.take_in(row.waiting(staged.services.clock.now()))


def disclosed(staged: Staged) -> list[bool]:
    """Of each message, whether it says that the avatar is an AI."""
    return [line.disclosure == AI for line in staged.room.lines]


def test_new_people_and_first_readers_are_untold() -> None:
    encounters = Encounters()
    assert encounters.due([])
    encounters.told(["ann"])
    assert not encounters.due([])
    assert not encounters.due(["ann"])
    assert encounters.due(["ann", "ben"])


@active()
async def test_the_first_words_of_a_run_disclose_and_no_others(staged: Staged) -> None:
    publisher = TranscriptPublisher(staged.context)
    async with staged.playing(publisher.run()):
        for number in range(3):
            hear(publisher, f"Line {number}.", id_=f"u{number}")
        await asyncio.sleep(10)
    assert disclosed(staged) == [True, False, False]


@active()
async def test_a_card_of_this_run_has_told_its_starter(staged: Staged) -> None:
    staged.context.encounters.told({ANN.id})
    publisher = TranscriptPublisher(staged.context)
    async with staged.playing(publisher.run()):
        await writes(staged, ANN)
        hear(publisher, "To Ann.")
        await asyncio.sleep(5)
        await writes(staged, BEN)
        hear(publisher, "To Ben.", id_="u2")
        hear(publisher, "And more.", id_="u3")
        await asyncio.sleep(5)
    assert disclosed(staged) == [False, True, False]


@active()
async def test_words_that_grow_keep_their_disclosure(staged: Staged) -> None:
    publisher = TranscriptPublisher(staged.context)
    async with staged.playing(publisher.run()):
        hear(publisher, "Good", final=False)
        await asyncio.sleep(2)
        assert disclosed(staged) == [True]
        hear(publisher, "Good morning!")
        await asyncio.sleep(2)
    assert disclosed(staged) == [True]
    assert staged.room.finals == ["Good morning!"]


@active(narrow)
async def test_a_long_text_discloses_in_its_first_message(staged: Staged) -> None:
    publisher = TranscriptPublisher(staged.context)
    async with staged.playing(publisher.run()):
        hear(publisher, "la " * 60)
        await asyncio.sleep(10)
    assert disclosed(staged) == [True] + [False] * (len(staged.room.lines) - 1)
    assert len(staged.room.lines) > 2


@active()
async def test_what_could_not_be_posted_has_told_nobody(staged: Staged) -> None:
    staged.room.faults["post"] = [NOT_ANSWERED]
    publisher = TranscriptPublisher(staged.context)
    async with staged.playing(publisher.run()):
        hear(publisher, "Lost at first.")
        await asyncio.sleep(0.1)
        assert staged.context.encounters.due([])
        await asyncio.sleep(10)
    assert disclosed(staged) == [True]


@active()
async def test_the_next_run_tells_once_more(staged: Staged) -> None:
    publisher = TranscriptPublisher(staged.context)
    async with staged.playing(publisher.run()):
        hear(publisher, "Before the crash.")
        await asyncio.sleep(5)
    publisher = await resumed(staged)
    async with staged.playing(publisher.run()):
        hear(publisher, "And after it.", id_="u2")
        await asyncio.sleep(5)
    assert disclosed(staged) == [True, True]


@active()
async def test_peoples_own_words_carry_no_disclosure(staged: Staged) -> None:
    publisher = TranscriptPublisher(staged.context)
    async with staged.playing(publisher.run()):
        publisher.announce("row", "Ann", "Said aloud by me.")
        hear(publisher, "Somebody else, aloud.", id_="u2", speaker=Speaker.USER)
        hear(publisher, "The avatar.", id_="u3")
        await asyncio.sleep(5)
    assert disclosed(staged) == [False, False, True]

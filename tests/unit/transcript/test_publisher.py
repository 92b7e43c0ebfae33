"""Everything said is written down, and shown as it grows and as it ends."""

import asyncio
from typing import NoReturn

import pytest

from bot.domain.errors import Throttled
from bot.domain.posts import Delivery, Speaker
from bot.media.events import Caption
from bot.transcript.publisher import TranscriptPublisher
from tests.disclosing import TOLD
from tests.session_fixture import Staged, active
from tests.unit.transcript.publishing import (
    NOT_ANSWERED,
    SlowCalls,
    broken,
    edits,
    hear,
    lines,
    mended,
    narrow,
    resumed,
    texts,
    tight,
    written,
)

# ------------------------------------------------ as it grows


@active()
async def test_an_early_final_text_is_one_call(staged: Staged) -> None:
    publisher = TranscriptPublisher(staged.context)
    async with staged.playing(publisher.run()):
        hear(publisher, "Good", final=False)
        await asyncio.sleep(0.3)
        assert lines(staged) == []
        hear(publisher, "Good morning!")
        await asyncio.sleep(5)
    assert lines(staged) == [("Alma", "Good morning!", Delivery.FINAL)]
    assert edits(staged) == [0]
    assert [(u.text, u.final, u.shown) for u in await written(staged)] == [("Good morning!", True, True)]


@active()
async def test_growing_text_is_edited_with_the_newest(staged: Staged) -> None:
    publisher = TranscriptPublisher(staged.context)
    async with staged.playing(publisher.run()):
        for count in range(1, 31):
            hear(publisher, "la " * count, final=False)
            await asyncio.sleep(0.1)
        await asyncio.sleep(1)
        assert lines(staged) == [("Alma", "la " * 30, Delivery.GROWING)]
        assert edits(staged) == [3]
        hear(publisher, "la la land.")
        await asyncio.sleep(1)
    assert lines(staged) == [("Alma", "la la land.", Delivery.FINAL)]
    assert edits(staged) == [4]


@active()
async def test_a_growing_post_becomes_the_final_text(staged: Staged) -> None:
    publisher = TranscriptPublisher(staged.context)
    async with staged.playing(publisher.run()):
        hear(publisher, "Hello", final=False)
        await asyncio.sleep(1)
        hear(publisher, "Hello")
        await asyncio.sleep(1)
    assert lines(staged) == [("Alma", "Hello", Delivery.FINAL)]
    assert edits(staged) == [1]


@active()
async def test_calls_do_not_overlap_and_carry_the_newest(staged: Staged) -> None:
    publisher, slow = TranscriptPublisher(staged.context), SlowCalls(staged.room)
    async with staged.playing(publisher.run()):
        for count in range(1, 51):
            hear(publisher, f"to {count}", final=count == 50)
            await asyncio.sleep(0.1)
        await asyncio.sleep(10)
    assert slow.most == 1
    assert edits(staged) == [2]
    assert staged.room.finals == ["to 50"]


@active()
async def test_what_does_not_grow_is_not_edited(staged: Staged) -> None:
    publisher = TranscriptPublisher(staged.context)
    async with staged.playing(publisher.run()):
        hear(publisher, "Hm", final=False)
        await asyncio.sleep(60)
    assert edits(staged) == [0]


@active()
async def test_onlookers_see_every_step(staged: Staged) -> None:
    publisher = TranscriptPublisher(staged.context)
    with staged.services.events.watch("s1", TOLD) as seen:
        hear(publisher, "Good", final=False)
        hear(publisher, "Good day")
        captions = [await anext(seen), await anext(seen)]
    assert [(c.text, c.final) for c in captions if isinstance(c, Caption)] == [("Good", False), ("Good day", True)]


@active()
async def test_late_parts_continue_in_the_same_post(staged: Staged) -> None:
    publisher = TranscriptPublisher(staged.context)
    async with staged.playing(publisher.run()):
        hear(publisher, "Done.")
        hear(publisher, "Next.", id_="u2")
        await asyncio.sleep(20)
        hear(publisher, "Done. And more", final=False)
        await asyncio.sleep(2)
        first = (await written(staged))[0]
        assert (first.text, first.final, first.shown) == ("Done. And more", False, False)
        assert lines(staged)[0] == ("Alma", "Done. And more", Delivery.GROWING)
        hear(publisher, "Done. And more.")
        await asyncio.sleep(2)
        hear(publisher, "Done. And more.")
        await asyncio.sleep(2)
    assert staged.room.finals == await texts(staged) == ["Done. And more.", "Next."]
    assert [u.shown for u in await written(staged)] == [True, True]
    assert edits(staged) == [2, 0]


@active()
async def test_parts_during_the_final_post_are_posted_too(staged: Staged) -> None:
    publisher = TranscriptPublisher(staged.context)
    SlowCalls(staged.room)
    async with staged.playing(publisher.run()):
        hear(publisher, "Done.")
        await asyncio.sleep(1)
        hear(publisher, "Done. And", final=False)
        hear(publisher, "Done. And more.")
        await asyncio.sleep(20)
    assert staged.room.finals == await texts(staged) == ["Done. And more."]
    assert [u.shown for u in await written(staged)] == [True]


@active(narrow)
async def test_parts_after_several_posts_are_shown_when_final(staged: Staged) -> None:
    publisher = TranscriptPublisher(staged.context)
    async with staged.playing(publisher.run()):
        hear(publisher, LONG)
        await asyncio.sleep(2)
        hear(publisher, f"{LONG} Or does it?", final=False)
        await asyncio.sleep(5)
        assert len(staged.room.finals) == 3
        hear(publisher, f"{LONG} Or does it? It does not end here at all.")
        await asyncio.sleep(5)
    assert " ".join(staged.room.finals) == f"{LONG} Or does it? It does not end here at all."


@active()
async def test_people_and_avatar_are_told_apart_even_with_one_id(staged: Staged) -> None:
    publisher = TranscriptPublisher(staged.context)
    async with staged.playing(publisher.run()):
        hear(publisher, "Who are you?", speaker=Speaker.USER)
        hear(publisher, "Alma.")
        await asyncio.sleep(2)
    assert [(who, text) for who, text, _ in lines(staged)] == [
        ("Somebody in the room", "Who are you?"),
        ("Alma", "Alma."),
    ]


@active()
async def test_what_began_first_stands_first_although_it_ends_last(staged: Staged) -> None:
    publisher = TranscriptPublisher(staged.context)
    async with staged.playing(publisher.run()):
        hear(publisher, "Once upon", final=False)
        hear(publisher, "Hey!", id_="u2", speaker=Speaker.USER)
        await asyncio.sleep(2)
        hear(publisher, "Once upon a time.")
        await asyncio.sleep(2)
    assert staged.room.finals == ["Once upon a time.", "Hey!"]


@active()
async def test_what_has_no_words_yet_is_waited_for_at_rest(staged: Staged) -> None:
    publisher = TranscriptPublisher(staged.context)
    async with staged.playing(publisher.run()):
        hear(publisher, " ", final=False)
        await asyncio.sleep(3)
        assert lines(staged) == []
        hear(publisher, " \n")
        hear(publisher, "Now.", id_="u2")
        await asyncio.sleep(2)
    assert staged.room.finals == ["Now."]
    assert all(utterance.shown for utterance in await written(staged))


@active(tight)
async def test_without_budget_only_the_final_text_is_posted(staged: Staged) -> None:
    publisher = TranscriptPublisher(staged.context)
    async with staged.playing(publisher.run()):
        hear(publisher, "One", final=False)
        await asyncio.sleep(5)
        assert len(lines(staged)) == 1
        assert staged.context.limiter.edits.grow() is False, "one grows, so there is no room for another"
        hear(publisher, "One.")
        await asyncio.sleep(5)
        assert staged.context.limiter.edits.grow() is True, "its room is given back"
        hear(publisher, "Two", final=False, id_="u2")
        await asyncio.sleep(20)
        assert len(lines(staged)) == 1
        hear(publisher, "Two.", id_="u2")
        await asyncio.sleep(5)
    assert staged.room.finals == ["One.", "Two."]


@active(tight)
async def test_an_ended_run_returns_its_edit_budget(staged: Staged) -> None:
    publisher = TranscriptPublisher(staged.context)
    async with staged.playing(publisher.run()):
        hear(publisher, "One", final=False)
        await asyncio.sleep(5)
    assert staged.context.limiter.edits.grow() is True


# ------------------------------------------------ in retelling, and words that stand nowhere


@active()
async def test_what_is_posted_already_is_recorded_not_repeated(staged: Staged) -> None:
    publisher = TranscriptPublisher(staged.context)
    async with staged.playing(publisher.run()):
        hear(publisher, "As you", final=False, silent=True)
        await asyncio.sleep(3)
        assert await texts(staged) == ["As you"]
        hear(publisher, "As you wrote.", silent=True)
        await asyncio.sleep(3)
    await resumed(staged)
    assert lines(staged) == []
    assert [(u.text, u.shown) for u in await written(staged)] == [("As you wrote.", True)]


@active()
async def test_words_that_stand_nowhere_are_posted_before_their_answer(staged: Staged) -> None:
    publisher = TranscriptPublisher(staged.context)
    async with staged.playing(publisher.run()):
        publisher.announce("row1", "Ann, from the viewer", "Who are you?")
        hear(publisher, "Alma.")
        await asyncio.sleep(2)
    assert [(who, text) for who, text, _ in lines(staged)] == [
        ("Ann, from the viewer", "Who are you?"),
        ("Alma", "Alma."),
    ]
    assert await texts(staged) == ["Alma."], "what was asked stands in the turns"


# ------------------------------------------------ too long for one message


LONG = "The first sentence is here. The second one is longer. And the third one ends it."


@active(narrow)
async def test_an_overlong_text_continues_at_a_sentence(staged: Staged) -> None:
    publisher = TranscriptPublisher(staged.context)
    async with staged.playing(publisher.run()):
        hear(publisher, LONG[:-1], final=False)
        await asyncio.sleep(2)
        ((_, growing, _),) = lines(staged)
        assert growing.endswith("…")
        assert len(growing) <= 60
        hear(publisher, LONG)
        await asyncio.sleep(2)
    assert staged.room.finals == [
        "The first sentence is here.",
        "The second one is longer.",
        "And the third one ends it.",
    ]


@active(narrow)
async def test_a_part_that_fails_does_not_write_the_others_again(staged: Staged) -> None:
    publisher = TranscriptPublisher(staged.context)
    staged.room.faults["post"] = [NOT_ANSWERED]
    async with staged.playing(publisher.run()):
        hear(publisher, LONG[:20], final=False)
        await asyncio.sleep(3)
        staged.room.faults["post"] = [NOT_ANSWERED, NOT_ANSWERED]
        hear(publisher, LONG)
        await asyncio.sleep(20)
    assert len(staged.room.finals) == 3
    assert edits(staged) == [1, 0, 0]


# ------------------------------------------------ what is saved


@active()
async def test_what_grows_is_saved_every_second(staged: Staged) -> None:
    publisher = TranscriptPublisher(staged.context)
    async with staged.playing(publisher.run()):
        await _grows(staged, publisher)


async def _grows(staged: Staged, publisher: TranscriptPublisher) -> None:
    for count in range(1, 100):
        hear(publisher, "x" * count, final=False)
        await asyncio.sleep(0.1)
        assert count - len("".join(await texts(staged))) <= 11


async def _keeps_up(staged: Staged, publisher: TranscriptPublisher) -> None:
    """What grows is saved every second, and what is final at once."""
    await _grows(staged, publisher)
    hear(publisher, "x" * 100)
    await asyncio.sleep(0.1)
    assert [(u.text, u.final) for u in await written(staged)] == [("x" * 100, True)]


@active()
async def test_it_is_saved_while_the_platform_wants_us_to_wait(staged: Staged) -> None:
    publisher = TranscriptPublisher(staged.context)
    staged.room.faults["post"] = [Throttled(60)]
    async with staged.playing(publisher.run()):
        await _keeps_up(staged, publisher)
        assert lines(staged) == []


@active()
async def test_it_is_saved_while_the_platform_does_not_answer(staged: Staged) -> None:
    publisher = TranscriptPublisher(staged.context)
    staged.room.faults["post"] = [NOT_ANSWERED] * 100
    async with staged.playing(publisher.run()):
        await _keeps_up(staged, publisher)
        assert lines(staged) == []


@active()
async def test_it_is_saved_while_a_call_takes_long(staged: Staged) -> None:
    publisher = TranscriptPublisher(staged.context)
    SlowCalls(staged.room)
    async with staged.playing(publisher.run()):
        await _keeps_up(staged, publisher)


@active()
async def test_what_answered_a_turn_is_kept_on_request(staged: Staged) -> None:
    publisher = TranscriptPublisher(staged.context)
    hear(publisher, "Alma.", id_="row1")
    hear(publisher, "Another", id_="row2")
    await publisher.keep(["row1"], lambda run: run.shown("other"))
    assert await texts(staged) == ["Alma."]


@active()
async def test_an_answer_and_its_outcome_are_one_transaction(staged: Staged) -> None:
    publisher = TranscriptPublisher(staged.context)
    hear(publisher, "Alma.", id_="row1")

    def fails(_: object) -> NoReturn:
        raise KeyError

    with pytest.raises(KeyError):
        await publisher.keep(["row1"], lambda run: run.settle(fails))
    assert await texts(staged) == []


@active()
async def test_a_repetition_is_saved_within_a_second_and_not_posted(staged: Staged) -> None:
    publisher = TranscriptPublisher(staged.context)
    async with staged.playing(publisher.run()):
        hear(publisher, "Hello", silent=True)
        await asyncio.sleep(1.1)
        assert [(u.text, u.shown) for u in await written(staged)] == [("Hello", True)]
        await asyncio.sleep(60)
    assert lines(staged) == []


@active()
async def test_a_final_text_is_committed_before_its_post(staged: Staged) -> None:
    await _posted_once_written(staged, final=True)


@active()
async def test_a_growing_text_is_committed_before_its_post(staged: Staged) -> None:
    await _posted_once_written(staged, final=False)


async def _posted_once_written(staged: Staged, *, final: bool) -> None:
    publisher = TranscriptPublisher(staged.context)
    broken(staged.storage.data.utterances, inserts=True)
    async with staged.playing(publisher.run()):
        hear(publisher, "Hello", final=final)
        await asyncio.sleep(10)
        assert lines(staged) == []
        mended(staged.storage.data.utterances)
        await asyncio.sleep(40)
    assert [text for _, text, _ in lines(staged)] == await texts(staged) == ["Hello"]

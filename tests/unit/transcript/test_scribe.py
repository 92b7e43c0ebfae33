"""Everything said is written down and shown once, whatever the platform, the database or the process does meanwhile."""

import asyncio
import sqlite3
from dataclasses import dataclass
from datetime import datetime

import pytest

from bot.errors import MessageGone, PlaceGone, PlatformError, Throttled
from bot.model import Delivery, Line, MessageRef, Place, Speaker
from bot.ports.avatar import Utterance
from bot.ports.chat import Pace
from bot.session.feed import Caption
from bot.store import transcripts
from bot.store.records import UtteranceRecord
from bot.store.sessions import LeaseLost
from bot.transcript.scribe import LOST, Scribe
from tests.chat_room import ChatRoom
from tests.staged import Staged, on_stage

NOT_ANSWERED = PlatformError("The chat platform did not answer.")


@dataclass
class BlindRoom(ChatRoom):
    """A platform that does not let us look."""

    finds: bool = False


@dataclass
class SearchedRoom(ChatRoom):
    searches: int = 0

    async def find(self, thread: Place, key: str, since: datetime) -> MessageRef | None:
        self.searches += 1
        return await super().find(thread, key, since)


@dataclass
class SlowRoom(ChatRoom):
    """Every call takes three seconds; `most` counts those under way at once."""

    under_way: int = 0
    most: int = 0

    async def post(self, thread: Place, line: Line, key: str) -> MessageRef:
        await self._take_time()
        return await super().post(thread, line, key)

    async def edit(self, ref: MessageRef, line: Line) -> None:
        await self._take_time()
        await super().edit(ref, line)

    async def _take_time(self) -> None:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(3)
        self.under_way -= 1


def narrow() -> ChatRoom:
    return ChatRoom(text_limit=60)


def tight() -> ChatRoom:
    """So slow a pace that a single message may grow at once."""
    return ChatRoom(pace=Pace(calls_per_second=0.3, edit_interval=1.0, first_post=0.4))


def hear(
    scribe: Scribe,
    text: str,
    *,
    final: bool = True,
    id_: str = "u1",
    speaker: Speaker = Speaker.BOT,
    silent: bool = False,
) -> None:
    scribe.take("p1", Utterance(id_, speaker, text, final), silent=silent)


async def written(staged: Staged) -> list[UtteranceRecord]:
    return await staged.house.store.read(lambda c: transcripts.of_session(c, staged.stage.session.id))


async def texts(staged: Staged) -> list[str]:
    return [utterance.text for utterance in await written(staged)]


def lines(staged: Staged) -> list[tuple[str | None, str, Delivery]]:
    return [(m.line.speaker, m.line.text, m.line.delivery) for m in staged.room.messages.values()]


def edits(staged: Staged) -> list[int]:
    return [message.edits for message in staged.room.messages.values()]


def broken(staged: Staged, table: str, event: str) -> None:
    """The database refuses to change a table, until `mended`."""
    path = staged.house.store.path
    assert path is not None
    with sqlite3.connect(path) as database:
        database.execute(f"CREATE TRIGGER trouble BEFORE {event} ON {table} BEGIN SELECT RAISE(ABORT, 'no'); END")


def mended(staged: Staged) -> None:
    path = staged.house.store.path
    assert path is not None
    with sqlite3.connect(path) as database:
        database.execute("DROP TRIGGER trouble")


# ------------------------------------------------ as it grows


@on_stage()
async def test_what_is_final_before_its_first_post_is_due_is_one_call(staged: Staged) -> None:
    scribe = Scribe(staged.stage)
    async with staged.playing(scribe.run()):
        hear(scribe, "Good", final=False)
        await asyncio.sleep(0.3)
        assert lines(staged) == []
        hear(scribe, "Good morning!")
        await asyncio.sleep(5)
    assert lines(staged) == [("Alma", "Good morning!", Delivery.FINAL)]
    assert edits(staged) == [0]
    assert [(u.text, u.final, u.shown) for u in await written(staged)] == [("Good morning!", True, True)]


@on_stage()
async def test_what_grows_is_posted_when_due_and_edited_with_the_newest_text(staged: Staged) -> None:
    scribe = Scribe(staged.stage)
    async with staged.playing(scribe.run()):
        for count in range(1, 31):
            hear(scribe, "la " * count, final=False)
            await asyncio.sleep(0.1)
        await asyncio.sleep(1)
        assert lines(staged) == [("Alma", "la " * 30, Delivery.GROWING)]
        assert edits(staged) == [3]
        hear(scribe, "la la land.")
        await asyncio.sleep(1)
    assert lines(staged) == [("Alma", "la la land.", Delivery.FINAL)]
    assert edits(staged) == [4]


@on_stage()
async def test_a_final_text_that_was_shown_growing_is_shown_as_final(staged: Staged) -> None:
    scribe = Scribe(staged.stage)
    async with staged.playing(scribe.run()):
        hear(scribe, "Hello", final=False)
        await asyncio.sleep(1)
        hear(scribe, "Hello")
        await asyncio.sleep(1)
    assert lines(staged) == [("Alma", "Hello", Delivery.FINAL)]
    assert edits(staged) == [1]


@on_stage(SlowRoom)
async def test_one_call_is_under_way_and_the_next_one_carries_the_newest_text(staged: Staged) -> None:
    scribe, room = Scribe(staged.stage), staged.room
    assert isinstance(room, SlowRoom)
    async with staged.playing(scribe.run()):
        for count in range(1, 51):
            hear(scribe, f"to {count}", final=count == 50)
            await asyncio.sleep(0.1)
        await asyncio.sleep(10)
    assert room.most == 1
    assert edits(staged) == [2]
    assert room.finals == ["to 50"]


@on_stage()
async def test_what_does_not_grow_is_not_edited(staged: Staged) -> None:
    scribe = Scribe(staged.stage)
    async with staged.playing(scribe.run()):
        hear(scribe, "Hm", final=False)
        await asyncio.sleep(60)
    assert edits(staged) == [0]


@on_stage()
async def test_onlookers_see_every_step(staged: Staged) -> None:
    scribe = Scribe(staged.stage)
    with staged.house.feed.watch("s1") as seen:
        hear(scribe, "Good", final=False)
        hear(scribe, "Good day")
        captions = [await anext(seen), await anext(seen)]
    assert [(c.text, c.final) for c in captions if isinstance(c, Caption)] == [("Good", False), ("Good day", True)]


@on_stage()
async def test_what_comes_after_the_end_of_an_utterance_changes_nothing(staged: Staged) -> None:
    scribe = Scribe(staged.stage)
    async with staged.playing(scribe.run()):
        hear(scribe, "Done.")
        hear(scribe, "Done. And more", final=False)
        await asyncio.sleep(2)
        hear(scribe, "Done. And more")
        await asyncio.sleep(2)
    assert staged.room.finals == await texts(staged) == ["Done."]


@on_stage()
async def test_people_and_avatar_are_told_apart_even_with_one_id(staged: Staged) -> None:
    scribe = Scribe(staged.stage)
    async with staged.playing(scribe.run()):
        hear(scribe, "Who are you?", speaker=Speaker.USER)
        hear(scribe, "Alma.")
        await asyncio.sleep(2)
    assert [(who, text) for who, text, _ in lines(staged)] == [
        ("Somebody in the room", "Who are you?"),
        ("Alma", "Alma."),
    ]


@on_stage()
async def test_what_began_first_stands_first_although_it_ends_last(staged: Staged) -> None:
    scribe = Scribe(staged.stage)
    async with staged.playing(scribe.run()):
        hear(scribe, "Once upon", final=False)
        hear(scribe, "Hey!", id_="u2", speaker=Speaker.USER)
        await asyncio.sleep(2)
        hear(scribe, "Once upon a time.")
        await asyncio.sleep(2)
    assert staged.room.finals == ["Once upon a time.", "Hey!"]


@on_stage()
async def test_what_has_no_words_yet_is_waited_for_at_rest(staged: Staged) -> None:
    scribe = Scribe(staged.stage)
    async with staged.playing(scribe.run()):
        hear(scribe, " ", final=False)
        await asyncio.sleep(3)
        assert lines(staged) == []
        hear(scribe, " \n")
        hear(scribe, "Now.", id_="u2")
        await asyncio.sleep(2)
    assert staged.room.finals == ["Now."]
    assert all(utterance.shown for utterance in await written(staged))


@on_stage(tight)
async def test_where_there_is_no_room_to_grow_only_the_final_text_is_posted(staged: Staged) -> None:
    scribe = Scribe(staged.stage)
    async with staged.playing(scribe.run()):
        hear(scribe, "One", final=False)
        await asyncio.sleep(5)
        assert len(lines(staged)) == 1
        assert staged.stage.pacer.edits.grow() is False, "one grows, so there is no room for another"
        hear(scribe, "One.")
        await asyncio.sleep(5)
        assert staged.stage.pacer.edits.grow() is True, "its room is given back"
        hear(scribe, "Two", final=False, id_="u2")
        await asyncio.sleep(20)
        assert len(lines(staged)) == 1
        hear(scribe, "Two.", id_="u2")
        await asyncio.sleep(5)
    assert staged.room.finals == ["One.", "Two."]


@on_stage(tight)
async def test_a_run_that_ends_gives_back_the_room_of_what_grew(staged: Staged) -> None:
    scribe = Scribe(staged.stage)
    async with staged.playing(scribe.run()):
        hear(scribe, "One", final=False)
        await asyncio.sleep(5)
    assert staged.stage.pacer.edits.grow() is True


# ------------------------------------------------ in retelling, and words that stand nowhere


@on_stage()
async def test_what_the_channel_holds_already_is_written_down_and_not_posted(staged: Staged) -> None:
    scribe = Scribe(staged.stage)
    async with staged.playing(scribe.run()):
        hear(scribe, "As you", final=False, silent=True)
        await asyncio.sleep(3)
        assert await texts(staged) == ["As you"]
        hear(scribe, "As you wrote.", silent=True)
        await asyncio.sleep(3)
    await resumed(staged)
    assert lines(staged) == []
    assert [(u.text, u.shown) for u in await written(staged)] == [("As you wrote.", True)]


@on_stage()
async def test_words_that_stand_nowhere_are_posted_before_their_answer(staged: Staged) -> None:
    scribe = Scribe(staged.stage)
    async with staged.playing(scribe.run()):
        scribe.announce("row1", "Ann, from the viewer", "Who are you?")
        hear(scribe, "Alma.")
        await asyncio.sleep(2)
    assert [(who, text) for who, text, _ in lines(staged)] == [
        ("Ann, from the viewer", "Who are you?"),
        ("Alma", "Alma."),
    ]
    assert await texts(staged) == ["Alma."], "what was asked stands in the turns"


# ------------------------------------------------ too long for one message


LONG = "The first sentence is here. The second one is longer. And the third one ends it."


@on_stage(narrow)
async def test_what_is_too_long_goes_on_in_the_next_message_at_a_sentence(staged: Staged) -> None:
    scribe = Scribe(staged.stage)
    async with staged.playing(scribe.run()):
        hear(scribe, LONG[:-1], final=False)
        await asyncio.sleep(2)
        ((_, growing, _),) = lines(staged)
        assert growing.endswith("…")
        assert len(growing) <= 60
        hear(scribe, LONG)
        await asyncio.sleep(2)
    assert staged.room.finals == [
        "The first sentence is here.",
        "The second one is longer.",
        "And the third one ends it.",
    ]


@on_stage(narrow)
async def test_a_part_that_fails_does_not_write_the_others_again(staged: Staged) -> None:
    scribe = Scribe(staged.stage)
    staged.room.faults["post"] = [NOT_ANSWERED]
    async with staged.playing(scribe.run()):
        hear(scribe, LONG[:20], final=False)
        await asyncio.sleep(3)
        staged.room.faults["post"] = [NOT_ANSWERED, NOT_ANSWERED]
        hear(scribe, LONG)
        await asyncio.sleep(20)
    assert len(staged.room.finals) == 3
    assert edits(staged) == [1, 0, 0]


# ------------------------------------------------ what is saved


@on_stage()
async def test_what_grows_is_saved_every_second(staged: Staged) -> None:
    scribe = Scribe(staged.stage)
    async with staged.playing(scribe.run()):
        for count in range(1, 100):
            hear(scribe, "x" * count, final=False)
            await asyncio.sleep(0.1)
            (text,) = await texts(staged)
            assert count - len(text) <= 11


async def _keeps_up(staged: Staged, scribe: Scribe) -> None:
    """What grows is saved every second, and what is final at once."""
    for count in range(1, 100):
        hear(scribe, "x" * count, final=False)
        await asyncio.sleep(0.1)
        (text,) = await texts(staged)
        assert count - len(text) <= 11
    hear(scribe, "x" * 100)
    await asyncio.sleep(0.1)
    assert [(u.text, u.final) for u in await written(staged)] == [("x" * 100, True)]


@on_stage()
async def test_it_is_saved_while_the_platform_wants_us_to_wait(staged: Staged) -> None:
    scribe = Scribe(staged.stage)
    staged.room.faults["post"] = [Throttled(60)]
    async with staged.playing(scribe.run()):
        await _keeps_up(staged, scribe)
        assert lines(staged) == []


@on_stage()
async def test_it_is_saved_while_the_platform_does_not_answer(staged: Staged) -> None:
    scribe = Scribe(staged.stage)
    staged.room.faults["post"] = [NOT_ANSWERED] * 100
    async with staged.playing(scribe.run()):
        await _keeps_up(staged, scribe)
        assert lines(staged) == []


@on_stage(SlowRoom)
async def test_it_is_saved_while_a_call_takes_long(staged: Staged) -> None:
    scribe = Scribe(staged.stage)
    async with staged.playing(scribe.run()):
        await _keeps_up(staged, scribe)


@on_stage()
async def test_what_was_said_to_a_turn_is_kept_when_asked_for(staged: Staged) -> None:
    scribe = Scribe(staged.stage)
    hear(scribe, "Alma.", id_="row1")
    hear(scribe, "Another", id_="row2")
    await scribe.keep("row1")
    assert await texts(staged) == ["Alma."]


@on_stage()
async def test_a_final_text_is_posted_once_the_database_has_taken_it(staged: Staged) -> None:
    await _posted_once_written(staged, final=True)


@on_stage()
async def test_a_growing_text_is_posted_once_the_database_has_taken_it(staged: Staged) -> None:
    await _posted_once_written(staged, final=False)


async def _posted_once_written(staged: Staged, *, final: bool) -> None:
    scribe = Scribe(staged.stage)
    broken(staged, "utterances", "INSERT")
    async with staged.playing(scribe.run()):
        hear(scribe, "Hello", final=final)
        await asyncio.sleep(10)
        assert lines(staged) == []
        mended(staged)
        await asyncio.sleep(40)
    assert [text for _, text, _ in lines(staged)] == await texts(staged) == ["Hello"]


# ------------------------------------------------ posts that fail


@on_stage()
async def test_a_post_that_was_certainly_not_made_is_made_again_later(staged: Staged) -> None:
    scribe = Scribe(staged.stage)
    staged.room.faults["post"] = [Throttled(7), NOT_ANSWERED, NOT_ANSWERED]
    async with staged.playing(scribe.run()):
        hear(scribe, "Hello.")
        await asyncio.sleep(6.9)
        assert len(staged.room.faults["post"]) == 2, "not before the platform allows it"
        await asyncio.sleep(10)
    assert staged.room.finals == ["Hello."]


@on_stage()
async def test_a_post_that_arrived_although_it_failed_is_found(staged: Staged) -> None:
    scribe = Scribe(staged.stage)
    staged.room.faults["post after"] = [NOT_ANSWERED, NOT_ANSWERED]
    async with staged.playing(scribe.run()):
        hear(scribe, "Hel", final=False)
        await asyncio.sleep(10)
        hear(scribe, "Hello.")
        await asyncio.sleep(10)
    assert lines(staged) == [("Alma", "Hello.", Delivery.FINAL)]


@on_stage()
async def test_what_is_found_is_brought_up_to_date(staged: Staged) -> None:
    scribe = Scribe(staged.stage)
    staged.room.faults["post after"] = [NOT_ANSWERED]
    async with staged.playing(scribe.run()):
        hear(scribe, "Hel", final=False)
        await asyncio.sleep(0.6)
        hear(scribe, "Hello.")
        await asyncio.sleep(10)
    assert lines(staged) == [("Alma", "Hello.", Delivery.FINAL)]


@on_stage(SearchedRoom)
async def test_what_the_platform_certainly_did_not_take_is_not_looked_for(staged: Staged) -> None:
    """Looking is dear: Slack counts it in calls per minute."""
    scribe, room = Scribe(staged.stage), staged.room
    assert isinstance(room, SearchedRoom)
    staged.room.faults["post"] = [Throttled(2)]
    async with staged.playing(scribe.run()):
        hear(scribe, "Hello.")
        await asyncio.sleep(10)
    assert (room.finals, room.searches) == (["Hello."], 0)


@on_stage(BlindRoom)
async def test_where_we_cannot_look_it_is_posted_again_rather_than_lost(staged: Staged) -> None:
    scribe = Scribe(staged.stage)
    staged.room.faults["post after"] = [NOT_ANSWERED]
    async with staged.playing(scribe.run()):
        hear(scribe, "Hello.")
        await asyncio.sleep(10)
    assert staged.room.finals == ["Hello.", "Hello."]


@on_stage()
async def test_an_edit_that_fails_is_made_again(staged: Staged) -> None:
    scribe = Scribe(staged.stage)
    async with staged.playing(scribe.run()):
        hear(scribe, "Hel", final=False)
        await asyncio.sleep(1)
        staged.room.faults["edit"] = [Throttled(3), NOT_ANSWERED]
        hear(scribe, "Hello.")
        await asyncio.sleep(10)
    assert lines(staged) == [("Alma", "Hello.", Delivery.FINAL)]


@on_stage()
async def test_a_message_that_somebody_deleted_is_posted_anew(staged: Staged) -> None:
    scribe = Scribe(staged.stage)
    async with staged.playing(scribe.run()):
        hear(scribe, "Hel", final=False)
        await asyncio.sleep(1)
        staged.room.messages.clear()
        hear(scribe, "Hello.")
        await asyncio.sleep(10)
    assert lines(staged) == [("Alma", "Hello.", Delivery.FINAL)]


@on_stage()
async def test_what_is_posted_anew_is_looked_up_too_when_that_fails(staged: Staged) -> None:
    scribe = Scribe(staged.stage)
    async with staged.playing(scribe.run()):
        hear(scribe, "Hel", final=False)
        await asyncio.sleep(1)
        staged.room.messages.clear()
        staged.room.faults["post after"] = [NOT_ANSWERED]
        hear(scribe, "Hello.")
        await asyncio.sleep(10)
    assert lines(staged) == [("Alma", "Hello.", Delivery.FINAL)]


@on_stage(BlindRoom)
async def test_a_post_whose_place_could_not_be_written_down_is_not_made_twice(staged: Staged) -> None:
    scribe = Scribe(staged.stage)
    broken(staged, "posts", "UPDATE")
    async with staged.playing(scribe.run()):
        hear(scribe, "Hello.")
        await asyncio.sleep(3)
        mended(staged)
        await asyncio.sleep(10)
    assert staged.room.finals == ["Hello."]
    assert (await written(staged))[0].shown


@on_stage()
async def test_a_place_that_is_gone_ends_it_and_what_was_said_is_kept(staged: Staged) -> None:
    scribe = Scribe(staged.stage)
    staged.room.faults["post"] = [PlaceGone("The channel was deleted.")]
    hear(scribe, "Hello.")
    hear(scribe, "And so", final=False, id_="u2")
    with pytest.raises(PlaceGone):
        await scribe.run()
    hear(scribe, "And so on", final=False, id_="u2")
    await scribe.close()
    assert await texts(staged) == ["Hello.", "And so on" + LOST]
    assert all(utterance.final for utterance in await written(staged))


@on_stage()
async def test_a_run_that_was_replaced_writes_nothing_more(staged: Staged) -> None:
    scribe = Scribe(staged.stage)
    await staged.taken_over()
    hear(scribe, "Hello.")
    with pytest.raises(LeaseLost):
        await scribe.run()
    assert lines(staged) == []
    assert await texts(staged) == []


# ------------------------------------------------ the end, and what the next run takes up


@on_stage()
async def test_closed_it_ends_when_all_is_posted(staged: Staged) -> None:
    scribe = Scribe(staged.stage)
    running = asyncio.create_task(scribe.run())
    hear(scribe, "One.")
    hear(scribe, "Two", final=False, id_="u2")
    await scribe.close()
    assert await texts(staged) == ["One.", "Two" + LOST], "all is written down, whatever becomes of its posts"
    await running
    assert staged.room.finals == ["One.", "Two" + LOST]


@on_stage()
async def test_closed_with_nothing_to_do_it_ends(staged: Staged) -> None:
    scribe = Scribe(staged.stage)
    async with staged.playing(scribe.run()):
        await asyncio.sleep(1)
        await scribe.close()
    running = asyncio.create_task(scribe.run())
    await asyncio.wait_for(running, 1)


async def resumed(staged: Staged) -> Scribe:
    """The scribe of the next run, once it has done what was left to do."""
    scribe = Scribe(await staged.taken_over())
    await scribe.resume()
    async with staged.playing(scribe.run()):
        await asyncio.sleep(10)
    return scribe


async def crashes(staged: Staged, text: str, *, final: bool, after: float = 1.5) -> None:
    """A run hears a text and is killed."""
    scribe = Scribe(staged.stage)
    async with staged.playing(scribe.run()):
        hear(scribe, text, final=final)
        await asyncio.sleep(after)


@on_stage()
async def test_after_a_crash_what_grew_has_lost_its_end(staged: Staged) -> None:
    await crashes(staged, "It was", final=False)
    scribe = await resumed(staged)
    assert lines(staged) == [("Alma", "It was" + LOST, Delivery.FINAL)]
    assert [(u.text, u.final, u.shown) for u in await written(staged)] == [("It was" + LOST, True, True)]
    async with staged.playing(scribe.run()):
        hear(scribe, "It was a straggler.")
        hear(scribe, "Next.", id_="u2")
        await asyncio.sleep(2)
    assert staged.room.finals == ["It was" + LOST, "Next."]


@on_stage()
async def test_a_second_crash_changes_nothing(staged: Staged) -> None:
    await crashes(staged, "It was", final=False)
    await resumed(staged)
    await resumed(staged)
    assert staged.room.finals == ["It was" + LOST]
    assert edits(staged) == [1]


@on_stage()
async def test_a_final_text_that_was_not_posted_is_posted_by_the_next_run(staged: Staged) -> None:
    staged.room.faults["post"] = [NOT_ANSWERED]
    await crashes(staged, "Hello.", final=True, after=0.5)
    assert lines(staged) == []
    await resumed(staged)
    assert lines(staged) == [("Alma", "Hello.", Delivery.FINAL)]


@on_stage()
async def test_a_post_of_which_the_last_run_never_heard_is_found_by_the_next(staged: Staged) -> None:
    staged.room.faults["post after"] = [NOT_ANSWERED]
    await crashes(staged, "Hello.", final=True, after=0.5)
    await resumed(staged)
    assert staged.room.finals == ["Hello."]


@on_stage(BlindRoom)
async def test_where_the_next_run_cannot_look_it_posts_again(staged: Staged) -> None:
    staged.room.faults["post after"] = [NOT_ANSWERED]
    await crashes(staged, "Hello.", final=True, after=0.5)
    await resumed(staged)
    assert staged.room.finals == ["Hello.", "Hello."]


@on_stage()
async def test_words_announced_before_a_crash_are_not_announced_again(staged: Staged) -> None:
    scribe = Scribe(staged.stage)
    async with staged.playing(scribe.run()):
        scribe.announce("row1", "Ann", "Hi")
        await asyncio.sleep(1)
    scribe = Scribe(await staged.taken_over())
    async with staged.playing(scribe.run()):
        scribe.announce("row1", "Ann", "Hi")
        await asyncio.sleep(1)
    assert staged.room.finals == ["Hi"]


@on_stage()
async def test_a_message_deleted_between_two_runs_is_posted_anew(staged: Staged) -> None:
    await crashes(staged, "It was", final=False)
    staged.room.messages.clear()
    await resumed(staged)
    assert staged.room.finals == ["It was" + LOST]


@on_stage()
async def test_an_edit_that_says_gone_and_a_fault_on_the_way_lose_nothing(staged: Staged) -> None:
    scribe = Scribe(staged.stage)
    async with staged.playing(scribe.run()):
        hear(scribe, "Hel", final=False)
        await asyncio.sleep(1)
        staged.room.faults["edit"] = [MessageGone("It can no longer be edited.")]
        staged.room.faults["post"] = [Throttled(2)]
        hear(scribe, "Hello.")
        await asyncio.sleep(10)
    assert staged.room.finals == ["Hello."]

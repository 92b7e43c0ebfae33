"""Nothing said is lost or doubled, whatever the platform, the database or the process does meanwhile."""

import asyncio

import pytest
from structlog.testing import capture_logs

from bot.domain.errors import MessageGone, PlaceGone, Throttled
from bot.domain.posts import Delivery
from bot.ports.storage.records import LeaseLost
from bot.transcript.publisher import LOST, TranscriptPublisher
from tests.session_fixture import Staged, active
from tests.unit.transcript.publishing import (
    NOT_ANSWERED,
    blind,
    broken,
    edits,
    hear,
    lines,
    mended,
    resumed,
    texts,
    written,
)

# ------------------------------------------------ posts that fail


@active()
async def test_a_post_certainly_not_made_is_repeated(staged: Staged) -> None:
    publisher = TranscriptPublisher(staged.context)
    staged.room.faults["post"] = [Throttled(7), NOT_ANSWERED, NOT_ANSWERED]
    async with staged.playing(publisher.run()):
        hear(publisher, "Hello.")
        await asyncio.sleep(6.9)
        assert len(staged.room.faults["post"]) == 2, "not before the platform allows it"
        await asyncio.sleep(10)
    assert staged.room.finals == ["Hello."]


@active()
async def test_a_post_that_arrived_although_it_failed_is_found(staged: Staged) -> None:
    publisher = TranscriptPublisher(staged.context)
    staged.room.late_faults["post"] = [NOT_ANSWERED, NOT_ANSWERED]
    async with staged.playing(publisher.run()):
        hear(publisher, "Hel", final=False)
        await asyncio.sleep(10)
        hear(publisher, "Hello.")
        await asyncio.sleep(10)
    assert lines(staged) == [("Alma", "Hello.", Delivery.FINAL)]


@active()
async def test_what_is_found_is_brought_up_to_date(staged: Staged) -> None:
    publisher = TranscriptPublisher(staged.context)
    staged.room.late_faults["post"] = [NOT_ANSWERED]
    async with staged.playing(publisher.run()):
        hear(publisher, "Hel", final=False)
        await asyncio.sleep(0.6)
        hear(publisher, "Hello.")
        await asyncio.sleep(10)
    assert lines(staged) == [("Alma", "Hello.", Delivery.FINAL)]


@active()
async def test_a_post_certainly_refused_is_not_looked_for(staged: Staged) -> None:
    """Looking is dear: Slack counts it in calls per minute."""
    publisher, room = TranscriptPublisher(staged.context), staged.room
    staged.room.faults["post"] = [Throttled(2)]
    async with staged.playing(publisher.run()):
        hear(publisher, "Hello.")
        await asyncio.sleep(10)
    assert (room.finals, room.calls["find"]) == (["Hello."], 0)


@active(blind)
async def test_an_unfindable_post_is_repeated_rather_than_lost(staged: Staged) -> None:
    publisher = TranscriptPublisher(staged.context)
    staged.room.late_faults["post"] = [NOT_ANSWERED]
    async with staged.playing(publisher.run()):
        hear(publisher, "Hello.")
        await asyncio.sleep(10)
    assert staged.room.finals == ["Hello.", "Hello."]


@active()
async def test_an_edit_that_fails_is_made_again(staged: Staged) -> None:
    publisher = TranscriptPublisher(staged.context)
    async with staged.playing(publisher.run()):
        hear(publisher, "Hel", final=False)
        await asyncio.sleep(1)
        staged.room.faults["edit"] = [Throttled(3), NOT_ANSWERED]
        hear(publisher, "Hello.")
        await asyncio.sleep(10)
    assert lines(staged) == [("Alma", "Hello.", Delivery.FINAL)]


@active()
async def test_a_message_that_somebody_deleted_is_posted_anew(staged: Staged) -> None:
    publisher = TranscriptPublisher(staged.context)
    async with staged.playing(publisher.run()):
        hear(publisher, "Hel", final=False)
        await asyncio.sleep(1)
        staged.room.messages.clear()
        hear(publisher, "Hello.")
        await asyncio.sleep(10)
    assert lines(staged) == [("Alma", "Hello.", Delivery.FINAL)]


@active()
async def test_a_repeated_post_that_fails_is_looked_up(staged: Staged) -> None:
    publisher = TranscriptPublisher(staged.context)
    async with staged.playing(publisher.run()):
        hear(publisher, "Hel", final=False)
        await asyncio.sleep(1)
        staged.room.messages.clear()
        staged.room.late_faults["post"] = [NOT_ANSWERED]
        hear(publisher, "Hello.")
        await asyncio.sleep(10)
    assert lines(staged) == [("Alma", "Hello.", Delivery.FINAL)]


@active(blind)
async def test_a_post_with_unrecorded_place_is_not_repeated(staged: Staged) -> None:
    publisher = TranscriptPublisher(staged.context)
    broken(staged.storage.data.posts, updates=True)
    async with staged.playing(publisher.run()):
        hear(publisher, "Hello.")
        await asyncio.sleep(3)
        mended(staged.storage.data.posts)
        await asyncio.sleep(10)
    assert staged.room.finals == ["Hello."]
    assert (await written(staged))[0].shown


@active()
async def test_a_lost_place_ends_posting_and_keeps_words(staged: Staged) -> None:
    publisher = TranscriptPublisher(staged.context)
    staged.room.faults["post"] = [PlaceGone("The channel was deleted.")]
    hear(publisher, "Hello.")
    hear(publisher, "And so", final=False, id_="u2")
    with pytest.raises(PlaceGone):
        await publisher.run()
    hear(publisher, "And so on", final=False, id_="u2")
    await publisher.close()
    assert await texts(staged) == ["Hello.", "And so on" + LOST]
    assert all(utterance.final for utterance in await written(staged))


@active()
async def test_a_run_that_was_replaced_writes_nothing_more(staged: Staged) -> None:
    publisher = TranscriptPublisher(staged.context)
    await staged.taken_over()
    hear(publisher, "Hello.")
    with pytest.raises(LeaseLost):
        await publisher.run()
    assert lines(staged) == []
    assert await texts(staged) == []


# ------------------------------------------------ the end, and what the next run takes up


@active()
async def test_closed_it_ends_when_all_is_posted(staged: Staged) -> None:
    publisher = TranscriptPublisher(staged.context)
    running = asyncio.create_task(publisher.run())
    hear(publisher, "One.")
    hear(publisher, "Two", final=False, id_="u2")
    await publisher.close()
    assert await texts(staged) == ["One.", "Two" + LOST], "all is written down, whatever becomes of its posts"
    await running
    assert staged.room.finals == ["One.", "Two" + LOST]


@active()
async def test_closed_with_nothing_to_do_it_ends(staged: Staged) -> None:
    publisher = TranscriptPublisher(staged.context)
    async with staged.playing(publisher.run()):
        await asyncio.sleep(1)
        await publisher.close()
    running = asyncio.create_task(publisher.run())
    await asyncio.wait_for(running, 1)


async def crashes(staged: Staged, text: str, *, final: bool, after: float = 1.5) -> None:
    """A run hears a text and is killed."""
    publisher = TranscriptPublisher(staged.context)
    async with staged.playing(publisher.run()):
        hear(publisher, text, final=final)
        await asyncio.sleep(after)


@active()
async def test_after_a_crash_what_grew_has_lost_its_end(staged: Staged) -> None:
    await crashes(staged, "It was", final=False)
    publisher = await resumed(staged)
    assert lines(staged) == [("Alma", "It was" + LOST, Delivery.FINAL)]
    assert [(u.text, u.final, u.shown) for u in await written(staged)] == [("It was" + LOST, True, True)]
    async with staged.playing(publisher.run()):
        hear(publisher, "a long", final=False)
        await asyncio.sleep(2)
        hear(publisher, "a long time ago.")
        hear(publisher, "Next.", id_="u2")
        await asyncio.sleep(2)
    assert staged.room.finals == await texts(staged) == [f"It was{LOST} a long time ago.", "Next."]


@active()
async def test_parts_after_a_crash_behind_the_end_survive(staged: Staged) -> None:
    await crashes(staged, "It was.", final=True)
    publisher = await resumed(staged)
    async with staged.playing(publisher.run()):
        hear(publisher, "It really was.")
        await asyncio.sleep(2)
    assert staged.room.finals == await texts(staged) == ["It was. It really was."]
    assert all(utterance.shown for utterance in await written(staged))


@active()
async def test_a_second_crash_changes_nothing(staged: Staged) -> None:
    await crashes(staged, "It was", final=False)
    await resumed(staged)
    await resumed(staged)
    assert staged.room.finals == ["It was" + LOST]
    assert edits(staged) == [1]


@active()
async def test_an_unposted_final_text_is_posted_by_the_next_run(staged: Staged) -> None:
    staged.room.faults["post"] = [NOT_ANSWERED]
    await crashes(staged, "Hello.", final=True, after=0.5)
    assert lines(staged) == []
    await resumed(staged)
    assert lines(staged) == [("Alma", "Hello.", Delivery.FINAL)]


@active()
async def test_an_unacknowledged_post_is_found_by_the_next_run(staged: Staged) -> None:
    staged.room.late_faults["post"] = [NOT_ANSWERED]
    await crashes(staged, "Hello.", final=True, after=0.5)
    await resumed(staged)
    assert staged.room.finals == ["Hello."]


@active(blind)
async def test_where_the_next_run_cannot_look_it_posts_again(staged: Staged) -> None:
    staged.room.late_faults["post"] = [NOT_ANSWERED]
    await crashes(staged, "Hello.", final=True, after=0.5)
    await resumed(staged)
    assert staged.room.finals == ["Hello.", "Hello."]


@active()
async def test_a_message_deleted_between_two_runs_is_posted_anew(staged: Staged) -> None:
    await crashes(staged, "It was", final=False)
    staged.room.messages.clear()
    await resumed(staged)
    assert staged.room.finals == ["It was" + LOST]


@active()
async def test_an_edit_answered_gone_loses_nothing(staged: Staged) -> None:
    publisher = TranscriptPublisher(staged.context)
    async with staged.playing(publisher.run()):
        hear(publisher, "Hel", final=False)
        await asyncio.sleep(1)
        staged.room.faults["edit"] = [MessageGone("It can no longer be edited.")]
        staged.room.faults["post"] = [Throttled(2)]
        hear(publisher, "Hello.")
        await asyncio.sleep(10)
    assert staged.room.finals == ["Hello."]


@active()
async def test_what_fails_for_a_while_is_logged_once(staged: Staged) -> None:
    publisher = TranscriptPublisher(staged.context)
    staged.room.faults["post"] = [NOT_ANSWERED] * 4
    with capture_logs() as lines:
        async with staged.playing(publisher.run()):
            hear(publisher, "Hello.")
            await asyncio.sleep(60)
            broken(staged.storage.data.utterances, inserts=True)
            hear(publisher, "Again.", id_="u2")
            await asyncio.sleep(60)
            mended(staged.storage.data.utterances)
            await asyncio.sleep(60)
    assert staged.room.finals == ["Hello.", "Again."]
    warned = [line["event"] for line in lines if line["log_level"] == "warning"]
    assert [warned.count(f"what is said is not {done} yet") for done in ("posted", "saved")] == [2, 1]

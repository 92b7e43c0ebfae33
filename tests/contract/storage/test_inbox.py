"""What waits, in which order, what comes of it, and who is to be told."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.clock import new_id
from bot.commands.options import ChannelSettings
from bot.domain.conversations import ReplyTo, Suggestion
from bot.ports.storage import Storage
from bot.ports.storage.records import (
    SAY,
    Conclusion,
    InboxOutcome,
    InboxRecord,
    InboxState,
    Lease,
    ProcessProfile,
    UnfinishedRow,
)
from bot.ports.storage.transactions import Settlement
from bot.testing.virtual_time import ManualClock
from tests.contract.storage.conftest import NOON
from tests.contract.storage.seeds import ANN, BEN, PLACE, accept, claim_turn, enlist, hosted, said, start, waiting

HOUR = timedelta(hours=1)


async def due(storage: Storage, most: int = 10) -> list[InboxRecord]:
    """Looked at, not taken."""
    return await storage.inbox.claim_replies(["room"], most, new_id(), lasts=timedelta())


async def finished(
    storage: Storage,
    outcome: InboxOutcome,
    sentence: str,
    *,
    handle: str = "",
    suggestions: tuple[Suggestion, ...] = (),
) -> None:
    lease = await hosted(storage)
    await accept(storage, said(1, handle=handle))
    async with storage.fenced(lease) as run:
        run.finish("row1", outcome, sentence, suggestions)


async def test_a_row_is_read_as_it_was_accepted(storage: Storage) -> None:
    await start(storage, "s")
    await accept(storage, said(1, "Hello 👋", handle="secret"))
    (row,) = await waiting(storage)
    assert (row.id, row.session_id, row.sequence, row.text, row.verb) == ("row1", "s", 1, "Hello 👋", "say")
    assert (row.state, row.outcome, row.created_at) == (InboxState.WAITING, InboxOutcome.NONE, NOON)
    assert row.message is not None
    assert row.message.message_id == "m1"
    assert row.author == ReplyTo(row.place, ANN, "secret", NOON + timedelta(days=1), 5)


async def test_words_and_names_with_nul_are_taken(storage: Storage) -> None:
    await start(storage, "s")
    await accept(storage, said(1, "Hel\0lo", person=replace(BEN, name="B\0en")))
    (row,) = await waiting(storage)
    assert row.person_name.replace("\0", "") == "Ben"


@pytest.mark.parametrize("verb", [SAY, "stop"])
@pytest.mark.parametrize("channel", ["s", "another"])
async def test_a_row_is_read_as_it_was_handed_over(storage: Storage, verb: str, channel: str) -> None:
    await start(storage, "s")
    row = said(1, session_id=channel, verb=verb)
    row = replace(row, session_id="s", inbound=replace(row.inbound, place=row.inbound.place.in_thread("t")))
    await accept(storage, row)
    assert [*await waiting(storage), *await storage.inbox.waiting_controls("s")] == [row.waiting(NOON)]


async def test_the_lowest_sequence_comes_first_whenever_it_came(storage: Storage) -> None:
    await start(storage, "s")
    await accept(storage, said(3), said(1))
    await accept(storage, said(2), said(5, verb="set"), said(4, verb="stop"))
    assert [row.id for row in await waiting(storage)] == ["row1", "row2", "row3"]
    assert [row.verb for row in await storage.inbox.waiting_controls("s")] == ["stop", "set"]
    assert await storage.inbox.count_waiting("s") == 3


async def test_a_worker_is_told_what_waits_for_its_sessions(storage: Storage) -> None:
    await enlist(storage, "A")
    for session_id in ("s", "t"):
        await start(storage, session_id)
    await storage.workers.claim("A", room=2)
    await start(storage, "u")
    await accept(storage, said(1), said(2, session_id="t", verb="stop"), said(3, session_id="u"))
    assert set(await storage.inbox.waiting_ids("A")) == {("s", "row1"), ("t", "row2")}
    assert list(await storage.inbox.waiting_ids("B")) == []
    assert await storage.inbox.count_all_waiting() == 3


async def test_a_message_is_claimed_once_and_as_read(storage: Storage) -> None:
    lease = await hosted(storage)
    await accept(storage, said(1))
    (row,) = await waiting(storage)
    async with storage.fenced(lease) as run:
        edited = claim_turn(run, said_otherwise(row), "Hello")
        first, second = claim_turn(run, row, "Ann: Hello"), claim_turn(run, row, "Hello")
    assert (edited.value, first.value, second.value) == (False, True, False)
    assert await waiting(storage) == []
    (given,) = await storage.transcripts.given("s")
    assert (given.id, given.name, given.text, given.at, given.outcome) == (
        "row1",
        "Ann",
        "Hello",
        NOON,
        InboxOutcome.NONE,
    )
    assert await storage.transcripts.conversation("s", 10, "") == [("Ann", "Ann: Hello")]


def said_otherwise(row: InboxRecord) -> InboxRecord:
    return replace(row, body={"text": "Goodbye"})


async def test_a_message_is_claimed_by_the_channels_settings_of_now(storage: Storage) -> None:
    lease = await hosted(storage)
    await accept(storage, said(1))
    (row,) = await waiting(storage)
    earlier, now = ChannelSettings(), ChannelSettings(words=("teapot",))
    await storage.channels.save_settings(PLACE, now)
    async with storage.fenced(lease) as run:
        judged_before, judged_now = claim_turn(run, row, "Hello", earlier), claim_turn(run, row, "Hello", now)
    assert (judged_before.value, judged_now.value) == (False, True)


async def test_an_outcome_is_given_once(storage: Storage) -> None:
    lease = await hosted(storage)
    await accept(storage, said(1))
    (row,) = await waiting(storage)
    async with storage.fenced(lease) as run:
        claim_turn(run, row, "Hello")
        run.finish("row1", InboxOutcome.INTERRUPTED)
        run.finish("row1", InboxOutcome.UNHEARD, "That may not have been heard.")
    assert [given.outcome for given in await storage.transcripts.given("s")] == [InboxOutcome.INTERRUPTED]
    assert await due(storage) == []


async def test_bad_news_is_due_to_its_author(storage: Storage) -> None:
    await finished(storage, InboxOutcome.UNHEARD, "That may not have been heard.")
    (row,) = await due(storage)
    assert (row.sentence, row.outcome, row.state) == (
        "That may not have been heard.",
        InboxOutcome.UNHEARD,
        InboxState.DONE,
    )
    assert await storage.inbox.claim_replies(["another"], 10, "B", lasts=HOUR) == []


async def test_good_news_is_due_to_whoever_waits_for_an_answer(storage: Storage) -> None:
    await finished(storage, InboxOutcome.DONE, "Set.")
    assert await due(storage) == []


async def test_an_unknown_name_is_told_with_its_suggestion_and_handle(storage: Storage) -> None:
    await finished(storage, InboxOutcome.DONE, "Set.", handle="h", suggestions=(Suggestion("voice", "Alma"),))
    (row,) = await due(storage)
    assert row.suggestions == (Suggestion("voice", "Alma"),)


async def test_without_a_sentence_nothing_is_due(storage: Storage) -> None:
    await finished(storage, InboxOutcome.UNHEARD, "", handle="h")
    assert await due(storage) == []


async def test_telling_an_outcome_deletes_its_reply_handle(storage: Storage) -> None:
    await finished(storage, InboxOutcome.UNHEARD, "Say it again.", handle="h")
    await storage.inbox.reply_sent("row1")
    assert await due(storage) == []


async def test_the_oldest_outcome_is_told_first(storage: Storage, clock: ManualClock) -> None:
    lease = await hosted(storage)
    await accept(storage, said(1), said(2), said(3))
    for row_id in ("row2", "row3", "row1"):
        clock.advance(1)
        async with storage.fenced(lease) as run:
            run.finish(row_id, InboxOutcome.UNHEARD, "Say it again.")
    assert [row.id for row in await due(storage, 2)] == ["row2", "row3"]


async def test_all_without_an_outcome_is_settled_together(storage: Storage) -> None:
    lease = await hosted(storage)
    await accept(storage, said(1), said(2), said(3, verb="stop"))
    (row, _) = await waiting(storage)
    seen: list[UnfinishedRow] = []

    def decide(unfinished: Sequence[UnfinishedRow]) -> Settlement:
        seen.extend(unfinished)
        return Settlement(
            [Conclusion("row3", InboxOutcome.DONE, "Stopped."), Conclusion("row9", InboxOutcome.LEFT, "It has left.")],
            [said(9, verb="leave")],
        )

    async with storage.fenced(lease) as run:
        claim_turn(run, row, "Hello")
        run.settle(decide)
    assert {(each.id, each.verb, each.state) for each in seen} == {
        ("row1", "say", InboxState.CLAIMED),
        ("row2", "say", InboxState.WAITING),
        ("row3", "stop", InboxState.WAITING),
    }
    assert [row.id for row in await due(storage)] == ["row9"]
    assert [row.id for row in await waiting(storage)] == ["row2"]


async def test_of_what_is_refused_no_word_is_kept(storage: Storage) -> None:
    lease = await hosted(storage)
    for number, outcome in enumerate((InboxOutcome.MODERATED, InboxOutcome.UNCHECKED)):
        await accept(storage, said(number))
        async with storage.fenced(lease) as run:
            run.finish(f"row{number}", outcome, "That was not spoken.")
    assert [row.text for row in await due(storage)] == ["", ""]
    counts = await storage.inbox.count_outcomes("room", "W1", NOON, tuple(InboxOutcome))
    assert counts == {InboxOutcome.MODERATED: 1, InboxOutcome.UNCHECKED: 1}
    assert await storage.inbox.count_outcomes("room", "W2", NOON, tuple(InboxOutcome)) == {}


async def test_what_has_another_outcome_keeps_its_words(storage: Storage) -> None:
    await finished(storage, InboxOutcome.UNHEARD, "Say it again.")
    async with storage.fenced(Lease("s", "w", 1)) as run:
        run.finish("row1", InboxOutcome.MODERATED, "That was not spoken.")
    assert [(row.outcome, row.text) for row in await due(storage)] == [(InboxOutcome.UNHEARD, "Hello")]


async def test_everybody_who_has_written_is_an_author(storage: Storage) -> None:
    await start(storage, "s")
    await accept(storage, said(1), said(2, person=BEN), said(3, verb="stop", person=BEN))
    assert await storage.inbox.authors("s") == {"ann", "ben"}


async def test_who_asked_for_the_end_is_known_afterwards(storage: Storage) -> None:
    await start(storage, "s")
    assert (await storage.sessions.past("s")).stopped_by == ""
    await accept(storage, said(1, verb="stop"), said(2, verb="stop", person=BEN))
    assert (await storage.sessions.past("s")).stopped_by == "Ben"


# ---------------------------------------------------------------- who tells what is due


async def claimed(storage: Storage, by: str, lasts: timedelta = HOUR, most: int = 10) -> list[str]:
    return [row.id for row in await storage.inbox.claim_replies(["room"], most, by, lasts=lasts)]


async def two_due(storage: Storage) -> None:
    lease = await hosted(storage)
    await accept(storage, said(1), said(2))
    async with storage.fenced(lease) as run:
        for row in ("row1", "row2"):
            run.finish(row, InboxOutcome.UNHEARD, "That may not have been heard.")


async def test_a_reply_is_told_by_whoever_claims_it(storage: Storage) -> None:
    await two_due(storage)
    assert await claimed(storage, "A", most=1) == ["row1"]
    assert await claimed(storage, "B") == ["row2"]
    assert await claimed(storage, "C") == []


async def test_a_claim_that_is_run_twice_answers_the_same(storage: Storage) -> None:
    await two_due(storage)
    assert await claimed(storage, "A") == await claimed(storage, "A") == ["row1", "row2"]


async def test_a_claim_that_ran_out_is_anybodys(storage: Storage) -> None:
    await two_due(storage)
    assert await claimed(storage, "A", timedelta()) == ["row1", "row2"]
    assert await claimed(storage, "B") == ["row1", "row2"]


async def test_what_is_put_off_is_claimed_again_then(storage: Storage) -> None:
    await two_due(storage)
    await claimed(storage, "A")
    await storage.inbox.put_off_replies(["row1"], lasts=timedelta())
    await storage.inbox.put_off_replies(["row2"], lasts=HOUR)
    assert await claimed(storage, "B") == ["row1"]


async def test_whoever_is_alone_tells_what_the_dead_had_claimed(storage: Storage) -> None:
    await two_due(storage)
    assert await claimed(storage, "the dead", most=1) == ["row1"]
    await storage.inbox.put_off_replies(["row2"], lasts=HOUR)
    await storage.workers.enlist("A", ProcessProfile(), lasts=HOUR)
    assert await claimed(storage, "A") == []
    await storage.workers.enlist("A", ProcessProfile(), lasts=None)
    assert await claimed(storage, "A") == ["row1", "row2"]

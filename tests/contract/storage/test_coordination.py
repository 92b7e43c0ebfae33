"""What several processes agree on. `A` and `B` are two of them; on a server the clock is the server's, so nothing here waits."""

from datetime import timedelta

import pytest

from bot.ports.storage import Storage
from bot.ports.storage.coordination import Reading
from bot.ports.storage.transactions import EventKey
from tests.contract.storage.seeds import PLACE, accept, known, said, situation, start

EVENT: EventKey = (PLACE.platform, PLACE.workspace_id, "e1")
HOUR, NO_TIME = timedelta(hours=1), timedelta()
SLOT = timedelta(minutes=1)
"""Between two calls of a budget; more than any test takes."""


# ---------------------------------------------------------------- who answers


async def answers(storage: Storage, by: str, lasts: timedelta = HOUR) -> bool:
    return await storage.coordination.first_to_answer(PLACE, "e1", by, lasts=lasts)


async def test_one_answers_what_reaches_two(storage: Storage) -> None:
    assert [await answers(storage, "A"), await answers(storage, "B")] == [True, False]


async def answered(storage: Storage, by: str, lasts: timedelta = HOUR) -> None:
    await storage.coordination.answered(PLACE, "e1", by, lasts=lasts)


async def test_what_was_answered_is_not_admitted(storage: Storage) -> None:
    assert await known(storage, EVENT) == frozenset()
    await answers(storage, "A")
    assert await known(storage, EVENT) == frozenset()
    await answered(storage, "A")
    await answered(storage, "A")
    assert await known(storage, EVENT) == {EVENT}
    assert [await answers(storage, "A"), await answers(storage, "B")] == [False, False]


async def test_admission_knows_what_is_being_answered(storage: Storage) -> None:
    await answers(storage, "A")
    assert (await situation(storage, EVENT)).answering == {EVENT}
    await answered(storage, "B")  # another's: nothing happens
    assert (await situation(storage, EVENT)).answering == {EVENT}
    await answered(storage, "A")
    assert (await situation(storage, EVENT)).answering == frozenset()


async def test_what_was_accepted_is_known_whoever_answers_it_too(storage: Storage) -> None:
    await start(storage, "s")
    await accept(storage, said(1))
    await answers(storage, "A")
    found = await situation(storage, EVENT)
    assert found.known == {EVENT}
    assert found.answering == frozenset()


async def test_whoever_died_of_an_answer_is_succeeded(storage: Storage) -> None:
    await answers(storage, "A", NO_TIME)
    assert (await situation(storage, EVENT)).answering == frozenset()
    assert [await answers(storage, "B"), await answers(storage, "A")] == [True, False]


async def test_whoever_answers_hears_so_twice(storage: Storage) -> None:
    assert [await answers(storage, "A"), await answers(storage, "A")] == [True, True]


async def test_an_event_of_another_workspace_is_another(storage: Storage) -> None:
    elsewhere = type(PLACE)(PLACE.platform, "elsewhere", PLACE.channel_id)
    await answers(storage, "A")
    assert await storage.coordination.first_to_answer(elsewhere, "e1", "B", lasts=HOUR)


async def test_what_was_answered_is_forgotten_in_time(storage: Storage) -> None:
    await answered(storage, "A", NO_TIME)
    assert await known(storage, EVENT) == frozenset()
    assert await storage.coordination.forget_passed() == 1
    assert [await answers(storage, "B"), await storage.coordination.forget_passed()] == [True, 0]


# ---------------------------------------------------------------- who does a job


async def holds(storage: Storage, holder: str, lasts: timedelta = HOUR, job: str = "sweep") -> bool:
    return await storage.coordination.hold(job, holder, lasts=lasts)


async def test_a_job_has_one_holder(storage: Storage) -> None:
    assert [await holds(storage, "A"), await holds(storage, "B"), await holds(storage, "A")] == [True, False, True]
    assert await holds(storage, "B", job="tidy")


async def test_a_job_is_anybodys_once_it_ran_out(storage: Storage) -> None:
    assert await holds(storage, "A", NO_TIME)
    assert [await holds(storage, "B"), await holds(storage, "A")] == [True, False]


async def test_jobs_that_are_let_go_are_free(storage: Storage) -> None:
    await holds(storage, "A")
    await storage.coordination.let_go("B")
    assert not await holds(storage, "B")
    await storage.coordination.let_go("A")
    assert await holds(storage, "B")


# ---------------------------------------------------------------- budgets


async def slot(storage: Storage, calls: int = 1, *, key: str = "calls", burst: int = 1) -> int:
    """In how many slots the first of the calls may be made."""
    due = await storage.coordination.reserve(key, calls=calls, interval=SLOT, burst=burst)
    return round(due / SLOT)


async def test_calls_are_reserved_one_behind_the_other(storage: Storage) -> None:
    assert [await slot(storage), await slot(storage, 3), await slot(storage)] == [0, 1, 4]
    assert await slot(storage, key="others") == 0


async def test_what_was_not_used_may_be_made_at_once(storage: Storage) -> None:
    assert [await slot(storage, burst=3) for _ in range(4)] == [-2, -1, 0, 1]


async def test_a_paused_budget_lets_nobody_call(storage: Storage) -> None:
    await storage.coordination.pause("calls", lasts=5 * SLOT)
    await storage.coordination.pause("calls", lasts=SLOT)
    assert await slot(storage, burst=3) == 5
    assert round(await storage.coordination.paused("calls") / SLOT) == 6
    assert await storage.coordination.paused("others") == NO_TIME


async def test_a_budget_in_use_is_not_forgotten(storage: Storage) -> None:
    await slot(storage)
    assert await storage.coordination.forget_passed() == 0


# ---------------------------------------------------------------- lists that one reads for all


async def read(storage: Storage, reader: str, fresh_for: timedelta = HOUR, lasts: timedelta = HOUR) -> Reading:
    return await storage.coordination.read("avatars", reader, fresh_for=fresh_for, lasts=lasts)


async def rows(storage: Storage) -> str | None:
    known = (await read(storage, "C", fresh_for=HOUR)).known
    return known.rows if known else None


async def test_one_reads_a_list_for_all(storage: Storage) -> None:
    assert await read(storage, "A") == Reading(None, due=True)
    assert await read(storage, "B") == Reading(None, due=False)
    await storage.coordination.write("avatars", "A", "[1]")
    found = await read(storage, "B")
    assert (found.due, found.known and found.known.rows) == (False, "[1]")


async def test_a_stale_list_is_served_while_one_reads(storage: Storage) -> None:
    await read(storage, "A")
    await storage.coordination.write("avatars", "A", "[1]")
    by_a, by_b = await read(storage, "A", NO_TIME), await read(storage, "B", NO_TIME)
    assert (by_a.due, by_b.due) == (True, False)
    assert by_b.known
    assert by_b.known.rows == "[1]"


async def test_a_reader_that_died_is_succeeded(storage: Storage) -> None:
    await read(storage, "A", lasts=NO_TIME)
    assert (await read(storage, "B")).due


@pytest.mark.parametrize("read_before", [True, False])
async def test_what_was_read_before_a_change_is_not_kept(storage: Storage, read_before: bool) -> None:
    if read_before:
        await read(storage, "B")
        await storage.coordination.write("avatars", "B", "[0]")
    await read(storage, "A", NO_TIME)
    await storage.coordination.expire("avatars")
    await storage.coordination.write("avatars", "A", "[old]")
    assert (await read(storage, "B")).due
    await storage.coordination.write("avatars", "B", "[new]")
    assert await rows(storage) == "[new]"

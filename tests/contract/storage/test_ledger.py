"""The books: what is written of a provider session has its entries in the same transaction, once."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.ledger import CreditReading, LedgerLine
from bot.domain.sessions import EndReason
from bot.ports.storage import Storage
from bot.ports.storage.records import Lease, ProviderSessionStatus
from bot.testing.virtual_time import ManualClock
from tests.contract.storage.conftest import NOON
from tests.contract.storage.seeds import CREDENTIALS, hosted

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
HERE = LedgerLine(NOON.date(), "room", "W1", "")


async def intended(storage: Storage, row_id: str = "p", account: str = "", bought: int = 10) -> Lease:
    lease = await hosted(storage)
    async with storage.fenced(lease) as run:
        run.intend(row_id, lambda _: bought, account)
    return lease


async def opened(storage: Storage) -> Lease:
    lease = await intended(storage)
    await storage.unfenced.opened("p", "akool-1", CREDENTIALS)
    return lease


async def closing(storage: Storage, lease: Lease) -> None:
    async with storage.fenced(lease) as run:
        run.closing("p")


async def booked(storage: Storage) -> LedgerLine | None:
    lines = await storage.ledger.days(NOON)
    assert len(lines) <= 1
    return lines[0] if lines else None


def minutes(line: LedgerLine | None) -> dict[str, float]:
    names = ("bought", "used", "refunded", "leaked", "unknown")
    return {name: span / MINUTE for name in names if line and (span := getattr(line, name))}


async def test_what_is_only_intended_is_in_no_book(storage: Storage) -> None:
    lease = await intended(storage)
    async with storage.fenced(lease) as run:
        run.abandon("p")
    assert await booked(storage) is None


async def test_what_is_used_and_given_back_is_booked(storage: Storage, clock: ManualClock) -> None:
    lease = await opened(storage)
    assert await booked(storage) == replace(HERE, bought=10 * MINUTE)
    clock.advance(180)
    await closing(storage, lease)
    await storage.unfenced.closed("p")
    assert minutes(await booked(storage)) == {"bought": 10, "used": 3, "refunded": 7}


async def test_what_is_paid_after_its_end_was_asked_leaks(storage: Storage, clock: ManualClock) -> None:
    lease = await opened(storage)
    for _ in range(2):
        clock.advance(60)
        await closing(storage, lease)
    clock.advance(60)
    await storage.unfenced.closed("p")
    assert minutes(await booked(storage)) == {"bought": 10, "used": 1, "leaked": 1, "refunded": 8}


async def test_what_was_not_closed_in_time_is_paid_whole(storage: Storage, clock: ManualClock) -> None:
    lease = await opened(storage)
    clock.advance(480)
    await closing(storage, lease)
    clock.advance(600)
    await storage.unfenced.expired("p")
    assert minutes(await booked(storage)) == {"bought": 10, "used": 8, "leaked": 2}


async def lost(storage: Storage) -> Lease:
    lease = await intended(storage)
    async with storage.fenced(lease) as run:
        run.lost("p")
    assert [row.id for row in await storage.provider_sessions.unsettled()] == ["p"]
    assert minutes(await booked(storage)) == {"unknown": 10}
    return lease


async def test_what_nobody_knew_and_runs_was_bought_and_leaks(storage: Storage, clock: ManualClock) -> None:
    await lost(storage)
    clock.advance(30)
    await storage.unfenced.found("p", "akool-1")
    (row,) = await storage.provider_sessions.unclosed("s")
    assert (row.status, row.provider_id) == (ProviderSessionStatus.CLOSING, "akool-1")
    await storage.unfenced.closed("p")
    assert minutes(await booked(storage)) == {"bought": 10, "leaked": 0.5, "refunded": 9.5}
    assert await storage.provider_sessions.unsettled() == []


async def test_what_never_came_to_be_costs_nothing(storage: Storage) -> None:
    await lost(storage)
    await storage.unfenced.refuted("p")
    assert minutes(await booked(storage)) == {}
    assert (await storage.usage.of_session("s")).used == 0


async def test_what_may_have_been_closed_unseen_stays_unknown(storage: Storage, clock: ManualClock) -> None:
    lease = await intended(storage)
    async with storage.fenced(lease) as run:
        run.orphaned("p")
    (row,) = await storage.provider_sessions.unsettled()
    assert row.orphaned
    clock.advance(30)
    for seconds in (30, 30, 40):
        await storage.unfenced.ran_at_most("p", seconds)
    assert minutes(await booked(storage)) == {"unknown": 0.5}
    assert await storage.provider_sessions.unsettled() == []
    assert (await storage.usage.of_session("s")).used == 30


async def test_an_hour_that_was_intended_ends_an_hour_later(storage: Storage) -> None:
    lease = await intended(storage, bought=60)
    async with storage.fenced(lease) as run:
        run.orphaned("p")
    (row,) = await storage.provider_sessions.unsettled()
    assert row.expires_at == row.intended_at + timedelta(hours=1)


async def test_who_missed_an_answer_has_closed_nothing(storage: Storage) -> None:
    await lost(storage)
    (row,) = await storage.provider_sessions.unsettled()
    assert not row.orphaned


async def test_what_was_closed_unwritten_is_booked_until_then(storage: Storage, clock: ManualClock) -> None:
    await intended(storage)
    clock.advance(60)
    for _ in range(2):
        await storage.unfenced.opened("p", "akool-1", CREDENTIALS, MINUTE, closing_ago=MINUTE / 2)
    clock.advance(60)
    await storage.unfenced.closed("p")
    assert minutes(await booked(storage)) == {"bought": 10, "used": 0.5, "refunded": 9.5}


async def test_a_late_answer_turns_the_unknown_into_a_purchase(storage: Storage) -> None:
    await lost(storage)
    await storage.unfenced.opened("p", "akool-1", CREDENTIALS, 30 * timedelta(seconds=1))
    assert minutes(await booked(storage)) == {"bought": 10}
    (row,) = await storage.provider_sessions.unclosed("s")
    assert row.expires_at == NOON + 9.5 * MINUTE


async def test_what_nobody_knows_may_run_until_its_time_is_up(storage: Storage, clock: ManualClock) -> None:
    await lost(storage)
    clock.advance(600)
    assert await storage.provider_sessions.unsettled() == []


WRITES: dict[str, Callable[[Storage, Lease], Awaitable[None]]] = {
    "opened": lambda storage, _: storage.unfenced.opened("p", "akool-1", CREDENTIALS),
    "closing": closing,
    "closed": lambda storage, _: storage.unfenced.closed("p"),
    "expired": lambda storage, _: storage.unfenced.expired("p"),
    "found": lambda storage, _: storage.unfenced.found("p", "akool-2"),
    "refuted": lambda storage, _: storage.unfenced.refuted("p"),
    "bounded": lambda storage, _: storage.unfenced.ran_at_most("p", 1),
}


@pytest.mark.parametrize("again", WRITES)
async def test_nothing_moves_what_is_closed(storage: Storage, clock: ManualClock, again: str) -> None:
    lease = await opened(storage)
    clock.advance(60)
    await closing(storage, lease)
    await storage.unfenced.closed("p")
    before = await booked(storage)
    clock.advance(60)
    await WRITES[again](storage, lease)
    assert await booked(storage) == before
    assert await storage.provider_sessions.unclosed("s") == []


async def test_the_books_count_what_the_day_counts(storage: Storage, clock: ManualClock) -> None:
    lease = await opened(storage)
    clock.advance(100)
    await closing(storage, lease)
    clock.advance(7)
    await closing(storage, lease)
    await storage.unfenced.closed("p")
    line = await booked(storage)
    assert line
    (used,) = await storage.usage.minutes("room", "W1", NOON)
    assert used.minutes * MINUTE == line.used + line.leaked == line.paid


async def test_a_workspaces_own_account_has_its_own_line(storage: Storage, clock: ManualClock) -> None:
    lease = await opened(storage)
    async with storage.fenced(lease) as run:
        run.intend("own", lambda _: 5, "key-1")
    await storage.unfenced.opened("own", "akool-2", replace(CREDENTIALS, account="key-1"))
    assert [(line.account, line.bought / MINUTE) for line in await storage.ledger.days(NOON)] == [
        ("", 10),
        ("key-1", 5),
    ]
    clock.advance(24 * 3_600)
    await storage.unfenced.expired("own")
    days = await storage.ledger.days(NOON, "room", "W1")
    assert [(line.day - NOON.date(), line.account) for line in days] == [
        (0 * DAY, ""),
        (0 * DAY, "key-1"),
        (DAY, "key-1"),
    ]
    assert await storage.ledger.days(NOON, "room", "W2") == []
    assert await storage.ledger.days(NOON + DAY) == days[2:]


async def test_the_books_outlive_the_session_until_forgotten(storage: Storage, clock: ManualClock) -> None:
    lease = await opened(storage)
    await storage.ledger.note_credit(100.0)
    await storage.unfenced.closed("p")
    async with storage.fenced(lease) as run:
        run.end(EndReason.STOPPED)
    assert await storage.sessions.forget(["s"]) == 1
    assert minutes(await booked(storage)) == {"bought": 10, "refunded": 10}
    clock.advance(60)
    assert await storage.ledger.forget_older(2 * MINUTE) == 0
    assert await storage.ledger.forget_older(MINUTE / 2) == 2
    assert await booked(storage) is None
    assert await storage.ledger.credit_since(NOON) is None


async def test_the_first_credit_of_a_day_is_kept(storage: Storage, clock: ManualClock) -> None:
    for credit in (100.0, 90.0):
        await storage.ledger.note_credit(credit)
        clock.advance(60)
    clock.advance(24 * 3_600)
    await storage.ledger.note_credit(80.5)
    assert await storage.ledger.credit_since(NOON) == CreditReading(NOON, 100.0)
    later = await storage.ledger.credit_since(NOON + MINUTE)
    assert later
    assert (later.credit, later.at.date()) == (80.5, (NOON + DAY).date())


async def test_a_block_that_is_refused_books_nothing(storage: Storage) -> None:
    await intended(storage)
    with pytest.raises(Exception, match="hosts this session"):
        await closing(storage, Lease("s", "another", 1))
    assert await booked(storage) is None

"""Entries that cannot but balance, and what is missing between the books and what is known."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.ledger import (
    NOTHING,
    LedgerAccount,
    LedgerLine,
    Transfer,
    balances,
    figures,
    lines,
    outstanding,
    position,
)
from bot.domain.provider import Purchase

CREDIT, PAID, USED, LEAKED, UNKNOWN = LedgerAccount
NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

moments = st.none() | st.integers(-60, 3_600).map(lambda seconds: NOON + timedelta(seconds=seconds))
purchases = st.builds(Purchase, st.just(600), moments, moments, moments, st.booleans(), moments)


@pytest.mark.parametrize(("target", "span"), [(PAID, NOTHING), (PAID, -MINUTE), (CREDIT, MINUTE)])
def test_no_entry_can_be_written_that_does_not_balance(target: LedgerAccount, span: timedelta) -> None:
    with pytest.raises(ValueError, match="no transfer"):
        Transfer(CREDIT, target, span)


@given(st.lists(purchases, max_size=6))
def test_the_books_follow_whatever_becomes_known(known: list[Purchase]) -> None:
    booked: list[Transfer] = []
    for purchase in known:
        booked += outstanding(purchase, booked)
        assert outstanding(purchase, booked) == []
        held = balances(booked)
        assert sum(held.values(), NOTHING) == NOTHING
        assert {account: span for account, span in held.items() if span and account is not CREDIT} == {
            account: span for account, span in position(purchase).items() if span
        }


@given(purchases)
def test_what_came_to_be_is_bought_whole_and_once(purchase: Purchase) -> None:
    line = _line(outstanding(purchase, []))
    assert line.bought == (10 * MINUTE if purchase.opened_at else NOTHING)
    running = line.bought - line.used - line.leaked - line.refunded
    assert running == position(purchase).get(PAID, NOTHING)
    assert line.paid == line.used + line.leaked + running


def test_what_is_known_late_is_not_bought_twice() -> None:
    lost = outstanding(Purchase(600, None, None, NOON), [])
    assert lost == [Transfer(CREDIT, UNKNOWN, 10 * MINUTE)]
    found = Purchase(600, NOON, NOON + 10 * MINUTE, NOON + MINUTE, wanted_until=NOON)
    line = _line([*lost, *outstanding(found, lost)])
    assert (line.bought, line.leaked, line.refunded, line.unknown) == (10 * MINUTE, MINUTE, 9 * MINUTE, NOTHING)


def test_what_is_known_late_may_cost_nothing() -> None:
    lost = outstanding(Purchase(600, None, None, NOON), [])
    refuted = outstanding(Purchase(600, None, None, NOON, refused=True), lost)
    assert refuted == [Transfer(UNKNOWN, CREDIT, 10 * MINUTE)]
    assert _line([*lost, *refuted]) == _line([])


def test_lines_are_summed_up_by_day_workspace_and_account() -> None:
    bought, refunded = Transfer(CREDIT, PAID, 2 * MINUTE), Transfer(PAID, CREDIT, MINUTE)
    here, there = LedgerLine(NOON.date(), "slack", "W1", ""), LedgerLine(date(2026, 11, 27), "slack", "W1", "key")
    assert [
        (line.day.day, line.bought, line.refunded)
        for line in lines([(here, bought), (there, bought), (here, refunded)])
    ] == [
        (27, 2 * MINUTE, NOTHING),
        (28, 2 * MINUTE, MINUTE),
    ]
    assert figures(Transfer(USED, LEAKED, MINUTE)) == {"used": -MINUTE, "leaked": MINUTE}


def _line(transfers: list[Transfer]) -> LedgerLine:
    empty = LedgerLine(NOON.date(), "slack", "W1", "")
    return sum((line for line in lines((empty, transfer) for transfer in transfers)), empty)

"""Whatever goes wrong at whatever moment of a start, a renewal and a stop: the books agree with the bank, and little is paid in vain."""

import os
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import cycle
from random import Random

from bot.domain.ledger import LedgerAccount
from tests.integration.money.bank import AT_PROVIDER, CALLS, IN_DATABASE, Fault, Plan, after, audit, balances_of

MANY = "SOAK" in os.environ
PAIRS = 1_500 if MANY else 12
UNKNOWN_AT_MOST = timedelta(seconds=60)
LATER = 12
"""Points that a fault may add: what is tried again can fail again."""


def faults_at(point: str) -> Sequence[Fault]:
    return AT_PROVIDER if point in CALLS else IN_DATABASE


def single_faults(points: Sequence[str]) -> Iterator[Plan]:
    """Every one at every point; without time for that one at each, another each time."""
    turns: dict[bool, Iterator[Fault]] = {True: cycle(AT_PROVIDER[::-1]), False: cycle(IN_DATABASE)}
    for at, point in enumerate(points):
        for fault in faults_at(point) if MANY else (next(turns[point in CALLS]),):
            yield {at: fault}


def two_faults(points: Sequence[str]) -> Iterator[Plan]:
    dice = Random(19)
    for _ in range(PAIRS):
        first = dice.randrange(len(points))
        second = dice.randrange(first + 1, len(points) + LATER)
        yield {first: dice.choice(faults_at(points[first])), second: dice.choice(list(Fault))}


def wrong(plans: Iterator[Plan], unknown_at_most: timedelta = timedelta()) -> dict[str, list[str]]:
    """By what was done, what the bank says."""
    return {str(plan): found for plan in plans if (found := audit(after(plan), unknown_at_most))}


def test_books_and_bank_agree_where_nothing_goes_wrong() -> None:
    world = after({})
    assert audit(world) == []
    assert [point for point in world.points if point in CALLS - {"session/list"}] == [
        "session/create",
        "session/create",
        "session/close",
        "session/close",
    ]


def test_books_and_bank_agree_after_any_fault() -> None:
    assert wrong(single_faults(after({}).points)) == {}


def test_books_and_bank_agree_after_any_two_faults() -> None:
    """Two may leave nobody who knows whether something was bought: the books say so."""
    assert wrong(two_faults(after({}).points), UNKNOWN_AT_MOST) == {}


def test_what_who_is_gone_has_closed_is_told_as_unknown() -> None:
    """The database was away since `create`, and its process died of the next thing: nobody knows the id of what that one closed."""
    away = {after({}).points.index("opened"): Fault.AWAY}
    world = after(away | {after(away).points.index("session/close"): Fault.CRASH_AFTER})
    (found,) = audit(world)
    assert found.endswith("are unknown")
    assert audit(world, UNKNOWN_AT_MOST) == []
    first = next(iter(world.data.provider_sessions)).record
    assert timedelta(seconds=20) <= balances_of(world, first.id)[LedgerAccount.UNKNOWN] <= UNKNOWN_AT_MOST


def test_what_was_closed_unwritten_is_booked_until_then() -> None:
    """Its process dies between the two."""
    away = {after({}).points.index("opened"): Fault.AWAY}
    written = after(away).points.index("closed") - 1
    assert audit(after(away | {written: Fault.CRASH_AFTER})) == []


def test_what_was_created_is_written_down_however_late() -> None:
    at = after({}).points.index("opened")
    world = after({at: Fault.AWAY})
    assert audit(world) == []
    first = next(iter(world.data.provider_sessions)).record
    assert first.provider_id, "the database was away for longer than that is waited for, and it is known all the same"
    world = after({at: Fault.REFUSED})
    assert not world.alone, "and is gone into"


def test_an_unheard_close_while_the_database_is_away_is_booked() -> None:
    away = {after({}).points.index("opened"): Fault.AWAY}
    closed_at = after(away).points.index("session/close")
    assert audit(after(away | {closed_at: Fault.ANSWER_LOST})) == []


def test_what_ends_before_it_can_be_closed_is_booked_whole() -> None:
    at = after({}).points.index("session/close")
    found = audit(after(dict.fromkeys(range(at, at + 16), Fault.REFUSED)))
    assert [each for each in found if "booked" in each] == []

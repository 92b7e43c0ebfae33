"""What ends a session is said as it is: quiet time, or what is paid where nothing follows; never what renews by itself."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.sessions import Deadlines, EndReason, Outlook

NOW = datetime(2026, 11, 28, 9, tzinfo=UTC)
TEN = timedelta(minutes=10)


def minutes(number: float) -> datetime:
    return NOW + timedelta(minutes=number)


def test_what_renews_by_itself_is_no_end() -> None:
    outlook = Deadlines(minutes(9), minutes(0.75)).outlook(NOW, TEN)
    assert outlook == Outlook("Renews by itself while people talk; falls asleep after 10 quiet minutes.")


def test_who_falls_asleep_soon_has_a_time() -> None:
    outlook = Deadlines(minutes(4), minutes(7)).outlook(NOW, TEN)
    assert outlook == Outlook("Falls asleep unless somebody writes or watches.", minutes(4))


def test_an_unpayable_session_ends_with_what_is_paid() -> None:
    outlook = Deadlines(minutes(9), minutes(3), EndReason.BUDGET).outlook(NOW, TEN)
    assert outlook == Outlook("Ends when the minutes for today are used up.", minutes(3), quiet=False)


def test_whoever_sleeps_well_before_that_sleeps() -> None:
    outlook = Deadlines(minutes(2), minutes(6), EndReason.BUDGET).outlook(NOW, TEN)
    assert (outlook.at, outlook.quiet) == (minutes(2), True)


@given(st.floats(0, 20), st.floats(0, 60), st.sampled_from([None, EndReason.BUDGET, EndReason.NOT_ALLOWED]))
def test_the_shown_time_is_the_first_end(asleep: float, paid: float, last: EndReason | None) -> None:
    outlook = Deadlines(minutes(asleep), minutes(paid), last).outlook(NOW, TEN)
    assert outlook.at in {None, minutes(asleep), minutes(paid)}
    assert outlook.at is None or outlook.at == minutes(asleep) or last
    assert outlook.at or not last

"""One microphone at a time: who has the floor, who waits, and that nobody has it for ever."""

from hypothesis import given
from hypothesis import strategies as st

from bot.media.floor import HELD_AT_MOST_S, LINE_LIMIT, Claimant, Floor

ANN, BEN, CAT = (Claimant(name, f"U{name}", name) for name in ("Ann", "Ben", "Cat"))
ADMIN = Claimant("admin", "Uadmin", "Admin", may_take=True)


def test_the_first_has_it_and_others_wait_in_order() -> None:
    floor = Floor().asked(ANN, 0).asked(BEN, 1).asked(CAT, 2)
    assert floor.holder == ANN
    assert (floor.place("Ben"), floor.place("Cat"), floor.place("Ann")) == (1, 2, 0)


def test_the_next_in_line_has_it_when_it_is_left() -> None:
    floor = Floor().asked(ANN, 0).asked(BEN, 1).left("Ann", 5)
    assert (floor.holder, floor.since, floor.line) == (BEN, 5, ())


def test_who_leaves_the_line_is_not_called() -> None:
    assert Floor().asked(ANN, 0).asked(BEN, 1).asked(CAT, 1).left("Ben", 2).left("Ann", 3).holder == CAT


def test_asking_twice_changes_nothing() -> None:
    floor = Floor().asked(ANN, 0).asked(BEN, 1)
    assert floor.asked(ANN, 30).asked(BEN, 30) == floor


def test_it_is_passed_on_after_a_minute() -> None:
    floor = Floor().asked(ANN, 10).asked(BEN, 11)
    assert floor.at(10 + HELD_AT_MOST_S - 0.1).holder == ANN
    assert floor.at(10 + HELD_AT_MOST_S).holder == BEN
    assert Floor().asked(ANN, 0).at(HELD_AT_MOST_S).holder is None


def test_an_admin_takes_it_and_a_member_waits() -> None:
    floor = Floor().asked(ANN, 0)
    assert floor.taken(BEN, 1).holder == ANN
    assert floor.taken(BEN, 1).place("Ben") == 1
    assert floor.taken(ADMIN, 1).holder == ADMIN


def test_who_takes_it_does_not_wait_any_more() -> None:
    floor = Floor().asked(ANN, 0).asked(BEN, 1).asked(ADMIN, 2).taken(ADMIN, 3)
    assert (floor.holder, floor.line) == (ADMIN, (BEN,))


def test_somebody_takes_it_from_their_own_other_window() -> None:
    window = Claimant("Ann 2", ANN.person_id, "Ann")
    assert Floor().asked(ANN, 0).taken(window, 1).holder == window


def test_a_full_line_takes_nobody_more() -> None:
    floor = Floor().asked(ANN, 0)
    for number in range(LINE_LIMIT):
        floor = floor.asked(Claimant(str(number), str(number), ""), 1)
    assert floor.full
    assert floor.asked(CAT, 2) == floor


Step = tuple[str, Claimant, int]


def after(floor: Floor, step: Step, now: float) -> Floor:
    what, who, _ = step
    floor = floor.at(now)
    match what:
        case "ask":
            return floor.asked(who, now)
        case "take":
            return floor.taken(who, now)
        case _:
            return floor.left(who.id, now)


STEPS = st.tuples(
    st.sampled_from(["ask", "take", "leave"]), st.sampled_from([ANN, BEN, CAT, ADMIN]), st.integers(0, 40)
)


@given(st.lists(STEPS, max_size=30))
def test_one_has_it_and_nobody_waits_twice_or_in_vain(story: list[Step]) -> None:
    floor, now = Floor(), 0.0
    for step in story:
        now += step[2]
        floor = after(floor, step, now)
        here = [floor.holder, *floor.line]
        assert len(set(here)) == len(here)
        assert floor.holder or not floor.line
        assert floor.ends_at is None or floor.ends_at - now <= HELD_AT_MOST_S


def test_a_free_floor_stays_free() -> None:
    assert Floor().at(1_000) == Floor().left("Ann", 1_000) == Floor()

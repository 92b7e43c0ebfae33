"""What may be started, woken and extended: places, minutes, and who pays. What a batch admits counts at once for what comes after it."""

from collections.abc import Callable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bot.commands.policy import FULL, Limits
from bot.domain.conversations import (
    Accepted,
    ConversationRef,
    Inbound,
    Person,
    Refused,
)
from bot.domain.provider import Use
from bot.ports.storage.transactions import Admitted, Situation
from tests.unit.ingress.admitting import (
    ANN,
    ASLEEP,
    BEN,
    BOSS,
    GUEST,
    LEAVING,
    LIVE,
    LOBBY,
    NOTHING,
    THREAD,
    YARD,
    admitted,
    command,
    provider_sessions,
    said,
    session,
)


def test_it_is_woken_once_and_whoever_woke_it_pays() -> None:
    outcomes, written = admitted(ASLEEP, said(person=BEN), said(person=ANN))
    assert [type(o) for o in outcomes] == [Accepted, Accepted]
    assert written.wakes == {"s1": ("ben", 600)}


def test_an_unfunded_workspace_neither_starts_nor_wakes_nor_continues() -> None:
    wants = [(NOTHING, "start"), (LIVE, "keep-going")]
    asked = [(where, command(verb)) for where, verb in wants]
    for situation, incoming in [*asked, (LIVE, command("set", speed="1.1")), (ASLEEP, said())]:
        for allowed in ({("fake", "W1"): False}, {("fake", "W1"): None}, {}):
            (came,), _ = admitted(replace(situation, allowed=allowed), incoming)
            assert isinstance(came, Refused)
            assert came.sentence.endswith("avatarbot workspaces allow fake W1")


def test_extending_needs_no_more_room_where_all_places_are_taken() -> None:
    full = replace(LIVE, running={("fake", "W1"): 5})
    (going, starting_), _ = admitted(full, command("keep-going"), command("start", YARD))
    assert isinstance(going, Accepted)
    assert isinstance(starting_, Refused)


def test_sessions_are_limited_per_workspace_and_in_all() -> None:
    limits = Limits(sessions=2, account_sessions=5)
    crowded = replace(NOTHING, running={("fake", "W2"): 4})
    (first, second), _ = admitted(crowded, command("start"), command("start", YARD), limits=limits)
    assert isinstance(first, Accepted)
    assert isinstance(second, Refused)
    assert second.sentence.startswith("All places for live avatars are taken")
    full = replace(NOTHING, running={("fake", "W1"): 2, ("fake", "W2"): 1})
    (third,), _ = admitted(full, command("start"), limits=limits)
    assert isinstance(third, Refused)
    assert third.sentence.startswith("2 avatars are live in this workspace already")


def test_an_own_account_takes_no_operator_slot() -> None:
    limits = Limits(account_sessions=4)
    theirs = frozenset({("fake", "W2")})
    others = replace(NOTHING, running={("fake", "W2"): 4}, own_accounts=theirs)
    (started,), _ = admitted(others, command("start"), limits=limits)
    assert isinstance(started, Accepted)
    own = replace(NOTHING, running={("fake", "W2"): 4}, own_accounts=frozenset({("fake", "W1")}))
    (started,), _ = admitted(own, command("start"), limits=limits)
    assert isinstance(started, Accepted)


def test_sessions_in_all_are_limited_whoever_pays() -> None:
    theirs = frozenset({("fake", "W2")})
    others = replace(NOTHING, running={("fake", "W2"): 4}, own_accounts=theirs)
    (first, second), _ = admitted(others, command("start"), command("start", YARD), limits=Limits(sessions_in_all=5))
    assert isinstance(first, Accepted)
    assert second == FULL


def test_what_a_person_has_used_today_shortens_what_they_start() -> None:
    used = replace(NOTHING, used={("fake", "W1", "ann"): Use(used=40 * 60, held=15 * 60)})
    _, written = admitted(used, command("start", minutes="30"))
    assert written.starts[0].spec.minutes == 5


def test_reservations_of_a_batch_count_as_used() -> None:
    started, woke = command("start", YARD), said()
    _, written = admitted(ASLEEP, started, woke, limits=Limits(person_minutes=15))
    assert (written.starts[0].spec.minutes, written.wakes) == (10, {"s1": ("ann", 5 * 60)})
    _, written = admitted(ASLEEP, woke, started, limits=Limits(person_minutes=15))
    assert (written.starts[0].spec.minutes, written.wakes) == (5, {"s1": ("ann", 10 * 60)})


# ------------------------------------------------ whatever comes

people = st.sampled_from((ANN, BEN, GUEST, BOSS))
places = st.sampled_from((LOBBY, THREAD, YARD))
kinds: st.SearchStrategy[Callable[[ConversationRef, Person], Inbound]] = st.sampled_from(
    (
        lambda place, person: command("start", place, person),
        lambda place, person: command("start", place, person, minutes="20"),
        lambda place, person: command("stop", place, person),
        lambda place, person: command("keep-going", place, person),
        lambda place, person: command("say", place, person, text="Hello"),
        lambda place, person: said(place=place, person=person, mentioned=True),
    )
)
batches = st.lists(st.tuples(kinds, places, people), max_size=40)
situations = st.sampled_from(
    (NOTHING, LIVE, ASLEEP, LEAVING, provider_sessions(session(), session(place=YARD, id_="s2")))
)
LIMITS = Limits(sessions=2, person_minutes=45, waiting=3, waiting_per_person=2)


@given(situations, batches)
def test_whatever_comes_no_limit_is_passed(
    situation: Situation, batch: list[tuple[Callable[[ConversationRef, Person], Inbound], ConversationRef, Person]]
) -> None:
    inbounds = [kind(place, person) for kind, place, person in batch]
    outcomes, written = admitted(situation, *inbounds, limits=LIMITS)
    taken = [o for o in outcomes if isinstance(o, Accepted)]
    assert [(row.id, row.session_id) for row in written.rows] == [(o.row_id, o.session_id) for o in taken]
    _no_two_in_one_place(situation, written)
    _nobody_spends_more_than_a_day(written)


def _no_two_in_one_place(situation: Situation, written: Admitted) -> None:
    there = [s.place for s in situation.sessions if s.id not in written.ends] + [new.place for new in written.starts]
    assert len(there) == len(set(there))


def _nobody_spends_more_than_a_day(written: Admitted) -> None:
    for person in (ANN, BEN, BOSS):
        started = sum(new.spec.minutes for new in written.starts if new.starter_id == person.id)
        woken = sum(seconds // 60 for payer, seconds in written.wakes.values() if payer == person.id)
        assert started + woken <= LIMITS.person_minutes
    assert not [new for new in written.starts if new.starter_id == GUEST.id]


@given(st.lists(people, max_size=20))
def test_what_waits_leaves_room_for_those_with_nothing_waiting(authors: list[Person]) -> None:
    """Who has nothing waiting is kept out by the number of others only; who has, by all that waits and by their own."""
    outcomes, _ = admitted(LIVE, *(command("say", person=who, text="Hello") for who in authors), limits=LIMITS)
    waiting: list[Person] = []
    for who, outcome in zip(authors, outcomes, strict=True):
        before = waiting if who in waiting else set(waiting)
        fits = len(before) < LIMITS.waiting and waiting.count(who) < LIMITS.waiting_per_person
        assert isinstance(outcome, Accepted) == fits
        waiting += [who] * fits

"""Nobody is written to faster than they allow, and what must arrive goes first."""

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.model import Place
from bot.ports.chat import Pace
from bot.transcript.pacer import CARD_WITHIN_S, PREVIEW_SHARE, RECOVERY_S, Pacer, Pacers, Urgency
from tests.virtual_time import run_virtual, virtual

EPSILON = 1e-6
rates = st.sampled_from((0.5, 1.0, 5.0, 50.0))
calls = st.lists(
    st.tuples(st.floats(0, 10), st.sampled_from(Urgency), st.sampled_from(("wait", "at once", "give up"))),
    min_size=1,
    max_size=40,
)


def now() -> float:
    return asyncio.get_running_loop().time()


async def call(pacer: Pacer, made: list[tuple[float, Urgency]], after: float, urgency: Urgency, manner: str) -> None:
    await asyncio.sleep(after)
    if manner == "at once":
        if pacer.turn_at_once():
            made.append((now(), urgency))
        return
    try:
        async with asyncio.timeout(0.3 if manner == "give up" else None):
            await pacer.turn(urgency)
    except TimeoutError:
        return
    made.append((now(), urgency))


def made_in(rate: float, wanted: list[tuple[float, Urgency, str]]) -> list[tuple[float, Urgency]]:
    made: list[tuple[float, Urgency]] = []

    async def main() -> None:
        pacer = Pacer(Pace(rate))
        await asyncio.gather(*(call(pacer, made, *each) for each in wanted))

    run_virtual(main())
    return made


@given(rates, calls)
def test_no_sliding_second_holds_more_than_the_budget(rate: float, wanted: list[tuple[float, Urgency, str]]) -> None:
    made = made_in(rate, wanted)
    for (earlier, _), (later, _) in pairwise(made):
        assert later - earlier >= 1 / rate - EPSILON


@given(rates, calls)
def test_whoever_waits_gets_their_turn_although_others_give_up(
    rate: float, wanted: list[tuple[float, Urgency, str]]
) -> None:
    waiting = sum(manner == "wait" for _, _, manner in wanted)
    assert len(made_in(rate, wanted)) >= waiting


@given(st.permutations([*Urgency] * 3))
def test_of_those_who_wait_the_most_urgent_goes_first(order: list[Urgency]) -> None:
    made = made_in(1.0, [(0.0, Urgency.PREVIEW, "wait"), *((0.5, urgency, "wait") for urgency in order)])
    assert [urgency for _, urgency in made[1:]] == sorted(order)


@virtual
async def test_equally_urgent_ones_go_in_their_order() -> None:
    pacer, order = Pacer(Pace(1.0)), []

    async def wait(name: str) -> None:
        await pacer.turn(Urgency.FINAL)
        order.append(name)

    await asyncio.gather(*(wait(name) for name in "abcd"))
    assert order == ["a", "b", "c", "d"]


@virtual
async def test_what_may_be_left_out_never_takes_the_turn_of_what_waits() -> None:
    pacer, got_it = Pacer(Pace(1.0)), []
    asyncio.get_running_loop().call_at(
        1.0, lambda: got_it.append(pacer.turn_at_once())
    )  # due, just before the other wakes
    await pacer.turn(Urgency.FINAL)
    await pacer.turn(Urgency.PREVIEW)
    assert now() == pytest.approx(1.0)
    assert got_it == [False]


@virtual
async def test_a_card_takes_only_turns_that_no_live_text_wants() -> None:
    pacer, previews = Pacer(Pace(1.0)), 0
    pacer.grow()
    await pacer.turn(Urgency.FINAL)
    waiting = asyncio.create_task(pacer.turn(Urgency.CARD))
    for _ in range(5):
        await asyncio.sleep(1.0)
        previews += pacer.turn_at_once()
        assert not waiting.done()
    assert previews == 5
    await waiting
    assert now() == pytest.approx(7.0)  # a whole turn went by unused


@virtual
async def test_where_no_text_grows_a_card_takes_the_next_turn() -> None:
    pacer = Pacer(Pace(1.0))
    await pacer.turn(Urgency.FINAL)
    await pacer.turn(Urgency.CARD)
    assert now() == pytest.approx(1.0)


@virtual
async def test_a_card_does_not_wait_for_ever() -> None:
    pacer = Pacer(Pace(1.0))
    pacer.grow()
    waiting = asyncio.create_task(pacer.turn(Urgency.CARD))
    while not waiting.done():
        pacer.turn_at_once()
        await asyncio.sleep(0.25)
    assert CARD_WITHIN_S <= now() <= CARD_WITHIN_S + 2.0


@virtual
async def test_told_to_wait_nobody_calls_until_then_and_all_are_slower_for_a_while() -> None:
    pacer = Pacer(Pace(2.0))
    pacer.throttled(7.0)
    moments = []
    for _ in range(3):
        await pacer.turn(Urgency.FINAL)
        moments.append(now())
    assert moments == pytest.approx([7.0, 8.0, 9.0])
    await asyncio.sleep(RECOVERY_S)
    began = now()
    for _ in range(3):
        await pacer.turn(Urgency.FINAL)
    assert now() - began == pytest.approx(1.0)


@virtual
async def test_a_rebuke_for_posts_does_not_stop_edits_nor_one_for_edits_posts() -> None:
    pacer = Pacer(Pace(1.0, edits_per_second=4.0))
    await pacer.turn(Urgency.FINAL)
    pacer.throttled(3.0)
    assert pacer.edits.turn_at_once()
    pacer.edits.throttled(30.0)
    await pacer.turn(Urgency.FINAL)
    assert now() == pytest.approx(3.0)
    assert not pacer.edits.turn_at_once()


@virtual
async def test_the_more_messages_grow_the_rarer_each_is_edited_until_there_is_no_room() -> None:
    pacer = Pacer(Pace(2.0, edit_interval=1.0))
    assert pacer.edit_interval == 1.0
    grown = 0
    while pacer.grow():
        grown += 1
        assert grown / pacer.edit_interval <= 2.0 * PREVIEW_SHARE + EPSILON
    assert grown == 10  # whose finals take five seconds
    pacer.grown()
    assert pacer.grow()


@virtual
async def test_a_budget_is_a_workspaces_or_the_whole_bots() -> None:
    pacers, mine, yours = Pacers(), Place("slack", "W1", "C"), Place("slack", "W2", "C")
    assert pacers.of(mine, Pace(1.0)) is pacers.of(mine.in_thread("t"), Pace(1.0))
    assert pacers.of(mine, Pace(1.0)) is not pacers.of(yours, Pace(1.0))
    shared = Pace(1.0, shared_by_bot=True)
    assert Pacers().of(mine, shared) is not pacers.of(mine, shared)
    assert pacers.of(mine, shared) is pacers.of(yours, shared)

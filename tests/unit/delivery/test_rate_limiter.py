"""Nobody is written to faster than they allow, and what must arrive goes first."""

import asyncio
from datetime import timedelta
from itertools import pairwise
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.delivery.rate_limiter import (
    CARD_WITHIN_S,
    COUNT_EVERY_S,
    PREVIEW_SHARE,
    RECOVERY_S,
    Priority,
    RateLimiter,
    RateLimiters,
)
from bot.domain.conversations import ConversationRef
from bot.domain.errors import StoreAway
from bot.ports.chat import RateLimits
from bot.ports.storage.coordination import CoordinationRepository
from bot.storage.memory import MemoryStorage
from bot.storage.memory.rows import Data
from bot.tasks import cancel_and_wait
from bot.testing.virtual_time import LoopClock, run_virtual, virtual

EPSILON = 1e-6
rates = st.sampled_from((0.5, 1.0, 5.0, 50.0))
calls = st.lists(
    st.tuples(st.floats(0, 10), st.sampled_from(Priority), st.sampled_from(("wait", "at once", "give up"))),
    min_size=1,
    max_size=40,
)


def now() -> float:
    return asyncio.get_running_loop().time()


async def call(
    limiter: RateLimiter, made: list[tuple[float, Priority]], after: float, urgency: Priority, params: str
) -> None:
    await asyncio.sleep(after)
    if params == "at once":
        if limiter.turn_at_once():
            made.append((now(), urgency))
        return
    try:
        async with asyncio.timeout(0.3 if params == "give up" else None):
            await limiter.turn(urgency)
    except TimeoutError:
        return
    made.append((now(), urgency))


def made_in(rate: float, wanted: list[tuple[float, Priority, str]]) -> list[tuple[float, Priority]]:
    made: list[tuple[float, Priority]] = []

    async def main() -> None:
        limiter = RateLimiter(RateLimits(rate))
        await asyncio.gather(*(call(limiter, made, *each) for each in wanted))

    run_virtual(main())
    return made


@given(rates, calls)
def test_no_sliding_second_holds_more_than_the_budget(rate: float, wanted: list[tuple[float, Priority, str]]) -> None:
    made = made_in(rate, wanted)
    for (earlier, _), (later, _) in pairwise(made):
        assert later - earlier >= 1 / rate - EPSILON


@given(rates, calls)
def test_whoever_waits_gets_their_turn_although_others_give_up(
    rate: float, wanted: list[tuple[float, Priority, str]]
) -> None:
    waiting = sum(params == "wait" for _, _, params in wanted)
    assert len(made_in(rate, wanted)) >= waiting


@given(st.permutations([*Priority] * 3))
def test_of_those_who_wait_the_most_urgent_goes_first(order: list[Priority]) -> None:
    made = made_in(1.0, [(0.0, Priority.PREVIEW, "wait"), *((0.5, urgency, "wait") for urgency in order)])
    assert [urgency for _, urgency in made[1:]] == sorted(order)


@virtual
async def test_equally_urgent_ones_go_in_their_order() -> None:
    limiter, order = RateLimiter(RateLimits(1.0)), []

    async def wait(name: str) -> None:
        await limiter.turn(Priority.FINAL)
        order.append(name)

    await asyncio.gather(*(wait(name) for name in "abcd"))
    assert order == ["a", "b", "c", "d"]


@virtual
async def test_optional_calls_never_overtake_waiting_ones() -> None:
    limiter, got_it = RateLimiter(RateLimits(1.0)), []
    asyncio.get_running_loop().call_at(
        1.0, lambda: got_it.append(limiter.turn_at_once())
    )  # due, just before the other wakes
    await limiter.turn(Priority.FINAL)
    await limiter.turn(Priority.PREVIEW)
    assert now() == pytest.approx(1.0)
    assert got_it == [False]


@virtual
async def test_a_card_takes_only_turns_that_no_live_text_wants() -> None:
    limiter, previews = RateLimiter(RateLimits(1.0)), 0
    limiter.grow()
    await limiter.turn(Priority.FINAL)
    waiting = asyncio.create_task(limiter.turn(Priority.CARD))
    for _ in range(5):
        await asyncio.sleep(1.0)
        previews += limiter.turn_at_once()
        assert not waiting.done()
    assert previews == 5
    await waiting
    assert now() == pytest.approx(7.0)  # a whole turn went by unused


@virtual
async def test_where_no_text_grows_a_card_takes_the_next_turn() -> None:
    limiter = RateLimiter(RateLimits(1.0))
    await limiter.turn(Priority.FINAL)
    await limiter.turn(Priority.CARD)
    assert now() == pytest.approx(1.0)


@virtual
async def test_a_card_does_not_wait_for_ever() -> None:
    limiter = RateLimiter(RateLimits(1.0))
    limiter.grow()
    waiting = asyncio.create_task(limiter.turn(Priority.CARD))
    while not waiting.done():
        limiter.turn_at_once()
        await asyncio.sleep(0.25)
    assert CARD_WITHIN_S <= now() <= CARD_WITHIN_S + 2.0


@virtual
async def test_retry_after_pauses_everybody_and_slows_the_rest() -> None:
    limiter = RateLimiter(RateLimits(2.0))
    limiter.throttled(7.0)
    moments = []
    for _ in range(3):
        await limiter.turn(Priority.FINAL)
        moments.append(now())
    assert moments == pytest.approx([7.0, 8.0, 9.0])
    await asyncio.sleep(RECOVERY_S)
    began = now()
    for _ in range(3):
        await limiter.turn(Priority.FINAL)
    assert now() - began == pytest.approx(1.0)


@virtual
async def test_limits_on_posts_and_edits_are_separate() -> None:
    limiter = RateLimiter(RateLimits(1.0, edits_per_second=4.0))
    await limiter.turn(Priority.FINAL)
    limiter.throttled(3.0)
    assert limiter.edits.turn_at_once()
    limiter.edits.throttled(30.0)
    await limiter.turn(Priority.FINAL)
    assert now() == pytest.approx(3.0)
    assert not limiter.edits.turn_at_once()


@virtual
async def test_more_growing_messages_mean_fewer_edits_each() -> None:
    limiter = RateLimiter(RateLimits(2.0, edit_interval=1.0))
    assert limiter.edit_interval == 1.0
    grown = 0
    while limiter.grow():
        grown += 1
        assert grown / limiter.edit_interval <= 2.0 * PREVIEW_SHARE + EPSILON
    assert grown == 10  # whose finals take five seconds
    limiter.grown()
    assert limiter.grow()


@virtual
async def test_a_budget_is_a_workspaces_or_the_whole_bots() -> None:
    limiters, mine, yours = (
        limiters_of(Data()),
        ConversationRef("slack", "W1", "C"),
        ConversationRef("slack", "W2", "C"),
    )
    assert limiters.of(mine, RateLimits(1.0)) is limiters.of(mine.in_thread("t"), RateLimits(1.0))
    assert limiters.of(mine, RateLimits(1.0)) is not limiters.of(yours, RateLimits(1.0))
    shared = RateLimits(1.0, shared_by_bot=True)
    assert limiters_of(Data()).of(mine, shared) is not limiters.of(mine, shared)
    assert limiters.of(mine, shared) is limiters.of(yours, shared)


def limiters_of(data: Data) -> RateLimiters:
    """A process's, on a storage that others share."""
    return RateLimiters(MemoryStorage(LoopClock(), data).coordination)


@virtual
async def test_a_successor_waits_as_long_as_slack_asked() -> None:
    data, place, pace = Data(), ConversationRef("slack", "W1", "C"), RateLimits(3.0, edits_per_second=0.8)
    dies, follows, began = limiters_of(data), limiters_of(data), asyncio.get_running_loop().time()
    writing = asyncio.create_task(dies.run())
    dies.of(place, pace).throttled(5.0)
    dies.of(place, pace).edits.throttled(20.0)
    await asyncio.sleep(1.0)
    await cancel_and_wait(writing)

    await follows.recall(place, pace)

    limiter = follows.of(place, pace)
    await limiter.turn(Priority.FINAL)
    assert asyncio.get_running_loop().time() - began == pytest.approx(5.0, abs=0.1)
    await limiter.edits.turn(Priority.FINAL)
    assert asyncio.get_running_loop().time() - began == pytest.approx(20.0, abs=0.1)


@virtual
async def test_nobody_waits_for_another_workspaces_pause() -> None:
    data, pace = Data(), RateLimits(3.0)
    dies, follows, began = limiters_of(data), limiters_of(data), asyncio.get_running_loop().time()
    writing = asyncio.create_task(dies.run())
    dies.of(ConversationRef("slack", "W1", "C"), pace).throttled(5.0)
    await asyncio.sleep(0.1)
    await cancel_and_wait(writing)
    yours = ConversationRef("slack", "W2", "C")
    await follows.recall(yours, pace)
    await follows.of(yours, pace).turn(Priority.FINAL)
    assert asyncio.get_running_loop().time() - began < 1.0


@virtual
async def test_growing_texts_of_all_processes_take_one_share() -> None:
    pace, place, writers = RateLimits(35.0, shared_by_bot=True), ConversationRef("discord", "G1", "C"), [3]

    async def count() -> int:
        return writers[0]

    limiters = RateLimiters(MemoryStorage(LoopClock()).coordination, count)
    counting = asyncio.create_task(limiters.run())
    await asyncio.sleep(1.0)
    limiter, grown = limiters.of(place, pace), 0
    while limiter.grow():
        grown += 1
    assert grown == 35 * 5 // 3
    assert limiter.edit_interval == pytest.approx(grown * 3 / (35.0 * PREVIEW_SHARE))
    writers[0] = 1
    await asyncio.sleep(COUNT_EVERY_S)
    assert limiter.grow()
    await cancel_and_wait(counting)


class Away:
    """A storage that is away, until it is back."""

    def __init__(self, coordination: CoordinationRepository) -> None:
        self._coordination = coordination
        self.is_away = True

    def __getattr__(self, name: str) -> object:
        return getattr(self._coordination, name)

    async def pause(self, key: str, *, lasts: timedelta) -> None:
        if self.is_away:
            raise StoreAway("Not reached.")
        await self._coordination.pause(key, lasts=lasts)


@virtual
async def test_a_storage_that_is_away_holds_up_no_writer() -> None:
    pace, place, counted = RateLimits(35.0, shared_by_bot=True), ConversationRef("discord", "G1", "C"), [0]
    away = Away(MemoryStorage(LoopClock()).coordination)

    async def count() -> int:
        counted[0] += 1
        if away.is_away:
            raise StoreAway("Not reached.")
        return 35

    limiters = RateLimiters(cast("CoordinationRepository", away), count)
    writing = asyncio.create_task(limiters.run())
    limiters.of(place, pace).throttled(1.0)
    await asyncio.sleep(1.0)
    assert limiters.of(place, pace).grow()
    away.is_away = False
    limiters.of(place, pace).throttled(60.0)
    await asyncio.sleep(COUNT_EVERY_S)
    assert counted == [2]
    follows = RateLimiters(cast("CoordinationRepository", away))
    await follows.recall(place, pace)
    began = now()
    await follows.of(place, pace).turn(Priority.FINAL)
    assert now() - began > 60.0 - COUNT_EVERY_S - 1.0
    await cancel_and_wait(writing)

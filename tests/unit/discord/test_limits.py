"""Discord's limits are kept: of a bucket, of the whole bot, and of a day's sessions, even in a crash loop."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import discord
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.discord.limits import (
    CALLS,
    SESSIONS_APART,
    SESSIONS_OF_A_DAY,
    SESSIONS_SPARED,
    Bucket,
    IdentifyLimiter,
    calls_of_bot,
    counted,
    looks_at_commands,
)
from adapters.discord.publisher import DiscordPublisher
from bot.ports.processes import LocalBudgets
from bot.testing.virtual_time import run_virtual
from tests.integration.discord.fake.limits import Window

DISCORDS_LIMIT = 50


@dataclass
class Vendor:
    """One fixed window, as Discord keeps it. A call takes 50 ms."""

    limit: int
    seconds: float
    bucket: Bucket = field(default_factory=Bucket)
    refused: int = 0
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.window = Window(self.limit, self.seconds)

    async def call(self) -> float:
        """When it was answered."""
        loop = asyncio.get_running_loop()
        async with self.bucket as bucket:
            await asyncio.sleep(0.05)
            self.refused += not self.window.take(loop.time())
            left, after = max(0, self.limit - self.window.used), self.window.left(loop.time())
            self.headers = {"X-RateLimit-Limit": str(self.limit), "X-RateLimit-Remaining": str(left)}
            self.headers["X-RateLimit-Reset-After"] = f"{after:.3f}"
            answer: Any = self
            bucket.update(answer)
        return loop.time()


def test_the_call_that_empties_a_bucket_succeeds() -> None:
    async def main() -> list[float]:
        vendor = Vendor(2, 300.0)
        return [await vendor.call(), await vendor.call()]

    assert run_virtual(main()) == pytest.approx([0.05, 0.1], abs=0.01)


def test_a_bucket_that_is_empty_for_minutes_says_so() -> None:
    async def main() -> float:
        vendor = Vendor(1, 300.0)
        await vendor.call()
        with pytest.raises(discord.RateLimited) as told:
            await vendor.call()
        return told.value.retry_after

    assert run_virtual(main()) == pytest.approx(300, abs=1)


def test_a_call_that_is_cancelled_while_it_waits_takes_nothing() -> None:
    async def main() -> float:
        vendor = Vendor(1, 5.0)
        await vendor.call()
        waiting = asyncio.create_task(vendor.call())
        await asyncio.sleep(1)
        waiting.cancel()
        return await vendor.call()

    assert run_virtual(main()) == pytest.approx(5.1, abs=0.1)


def test_a_first_call_that_fails_lets_the_next_through() -> None:
    async def main() -> None:
        bucket = Bucket()
        with pytest.raises(ValueError, match="broken"):
            async with bucket:
                raise ValueError("broken")
        async with bucket:
            pass

    run_virtual(main())


@given(
    st.integers(1, 6),
    st.sampled_from([0.25, 2.0, 5.0]),
    st.lists(st.sampled_from([0.0, 0.0, 0.02, 0.3, 2.0, 6.0]), min_size=1, max_size=40),
)
def test_bursts_are_answered_and_never_refused(limit: int, seconds: float, pauses: list[float]) -> None:
    async def main() -> int:
        vendor = Vendor(limit, seconds)
        async with asyncio.timeout(1_000), asyncio.TaskGroup() as calls:
            for pause in pauses:
                await asyncio.sleep(pause)
                calls.create_task(vendor.call())
        return vendor.refused

    assert run_virtual(main()) == 0


async def begun(pauses: list[float]) -> list[tuple[int, float]]:
    """When calls began that came after these pauses."""
    loop = asyncio.get_running_loop()
    throughput, found = calls_of_bot(LocalBudgets()), []

    async def call(number: int) -> None:
        await throughput.turn()
        found.append((number, loop.time()))

    async with asyncio.TaskGroup() as calls:
        for number, pause in enumerate(pauses):
            await asyncio.sleep(pause)
            calls.create_task(call(number))
    return found


@given(st.lists(st.sampled_from([0.0, 0.0, 0.0, 0.01, 0.3, 2.0]), max_size=200))
def test_calls_per_second_are_bounded_and_in_order(pauses: list[float]) -> None:
    found = run_virtual(begun(pauses))

    assert [number for number, _ in found] == list(range(len(pauses)))
    times = [at for _, at in found]
    assert all(sum(start <= at <= start + 1 for at in times) <= DISCORDS_LIMIT for start in times)


def test_what_is_paced_leaves_room_for_other_calls() -> None:
    assert DiscordPublisher.pace.calls_per_second < 1 / CALLS.interval


def test_a_few_calls_do_not_wait() -> None:
    found = run_virtual(begun([0.0] * CALLS.burst))

    assert {at - found[0][1] for _, at in found} == {0.0}


def test_what_waits_for_a_bucket_is_counted_when_made() -> None:
    """Thirty calls wait for a bucket to fill up again; others are made all the time."""

    async def main() -> list[float]:
        budget, times = calls_of_bot(LocalBudgets()), list[float]()

        async def call(vendor: Vendor) -> None:
            with counted(budget):
                times.append(await vendor.call())

        full = Vendor(30, 5.0)
        async with asyncio.TaskGroup() as calls:
            for _ in range(60):
                calls.create_task(call(full))
            await asyncio.sleep(3)
            for _ in range(150):
                calls.create_task(call(Vendor(5, 5.0)))
        return times

    times = run_virtual(main())
    assert len(times) == 210
    assert max(sum(start <= at <= start + 1 for at in times) for start in times) <= DISCORDS_LIMIT


def test_who_gives_up_holds_no_place_in_its_bucket() -> None:
    async def main() -> None:
        bucket, budget = Bucket(), calls_of_bot(LocalBudgets())
        await budget.pause(60)
        with counted(budget), pytest.raises(TimeoutError):
            async with asyncio.timeout(1), bucket:
                raise AssertionError
        async with asyncio.timeout(1), bucket:
            pass

    run_virtual(main())


def test_many_that_start_look_ten_times_a_minute() -> None:
    async def main() -> bool:
        looks, window = looks_at_commands(LocalBudgets()), Window(10, 60.0)
        await asyncio.sleep(60)
        taken = []
        for _ in range(40):
            await looks.turn()
            taken.append(window.take(asyncio.get_running_loop().time()))
        return all(taken)

    assert run_virtual(main())


def test_a_day_of_crashing_stays_under_the_limit() -> None:
    async def day() -> int:
        identify_limiter, count = IdentifyLimiter(LocalBudgets()), 0
        loop = asyncio.get_running_loop()
        end = loop.time() + 86_400
        while loop.time() < end:
            await identify_limiter.turn(0)
            count += 1
        return count

    assert 800 < run_virtual(day()) < 900


def test_the_first_call_is_immediate_the_next_spaced() -> None:
    async def two() -> tuple[float, float]:
        identify_limiter = IdentifyLimiter(LocalBudgets())
        began = asyncio.get_running_loop().time()
        await identify_limiter.turn(0)
        first = asyncio.get_running_loop().time() - began
        await identify_limiter.turn(0)
        return first, asyncio.get_running_loop().time() - began

    assert run_virtual(two()) == (0, SESSIONS_APART.interval)


def test_twenty_sessions_begin_without_waiting_for_more() -> None:
    async def twenty() -> float:
        identify_limiter = IdentifyLimiter(LocalBudgets())
        began = asyncio.get_running_loop().time()
        for _ in range(20):
            await identify_limiter.turn(0)
        return asyncio.get_running_loop().time() - began

    assert run_virtual(twenty()) == pytest.approx(19 * SESSIONS_APART.interval)


def limit(*, remaining: int = 999, max_concurrency: int = 1) -> discord.SessionStartLimits:
    return discord.SessionStartLimits(
        total=1000, remaining=remaining, reset_after=7_200_000, max_concurrency=max_concurrency
    )


async def begun_at(limiter: IdentifyLimiter, shards: Iterable[int]) -> list[float]:
    """When each of these shards may begin, all asking at once."""
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def turn(shard: int) -> float:
        await limiter.turn(shard)
        return loop.time() - began

    return await asyncio.gather(*map(turn, shards))


def test_shards_of_other_keys_begin_at_once() -> None:
    async def four() -> list[float]:
        limiter = IdentifyLimiter(LocalBudgets())
        await limiter.learn(limit(max_concurrency=2))
        return await begun_at(limiter, range(4))

    assert run_virtual(four()) == pytest.approx([0, 0, 5, 5])


def test_discords_last_sessions_are_left_alone() -> None:
    async def late() -> list[float]:
        limiter = IdentifyLimiter(LocalBudgets())
        await limiter.learn(limit(remaining=SESSIONS_SPARED - 1))
        return await begun_at(limiter, [0])

    assert run_virtual(late()) == pytest.approx([7200])


def test_sessions_given_up_by_discord_py_still_come() -> None:
    """It waits a minute for a connection and asks anew; the burst is used up, so that one waits longer."""

    async def retried() -> float:
        limiter = IdentifyLimiter(LocalBudgets())
        await begun_at(limiter, [0] * SESSIONS_OF_A_DAY.burst)
        began = asyncio.get_running_loop().time()

        async def patiently(shard: int) -> None:
            while True:
                try:
                    return await asyncio.wait_for(limiter.turn(shard), 60)
                except TimeoutError:
                    await asyncio.sleep(1)

        async with asyncio.timeout(10 * SESSIONS_OF_A_DAY.interval):
            await asyncio.gather(*map(patiently, range(3)))
        return asyncio.get_running_loop().time() - began

    assert run_virtual(retried()) <= 3 * SESSIONS_OF_A_DAY.interval

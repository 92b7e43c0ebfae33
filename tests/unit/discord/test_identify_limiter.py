"""A crash loop never spends the day's thousand sessions."""

import asyncio

from adapters.discord.limits import APART, IdentifyLimiter
from bot.testing.virtual_time import run_virtual


def test_a_day_of_crashing_stays_under_the_limit() -> None:
    async def day() -> int:
        identify_limiter, count = IdentifyLimiter(), 0
        loop = asyncio.get_running_loop()
        end = loop.time() + 86_400
        while loop.time() < end:
            await identify_limiter.turn()
            count += 1
        return count

    assert 800 < run_virtual(day()) < 900


def test_the_first_call_is_immediate_the_next_spaced() -> None:
    async def two() -> tuple[float, float]:
        identify_limiter = IdentifyLimiter()
        began = asyncio.get_running_loop().time()
        await identify_limiter.turn()
        first = asyncio.get_running_loop().time() - began
        await identify_limiter.turn()
        return first, asyncio.get_running_loop().time() - began

    assert run_virtual(two()) == (0, APART)

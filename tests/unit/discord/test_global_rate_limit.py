"""Whatever happens at once, Discord's limit for all of a bot is kept."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from adapters.discord.limits import AT_ONCE, GlobalRateLimit
from bot.testing.virtual_time import run_virtual

DISCORDS_LIMIT = 50


async def begun(pauses: list[float]) -> list[tuple[int, float]]:
    """When calls began that came after these pauses."""
    loop = asyncio.get_running_loop()
    throughput, found = GlobalRateLimit(loop.time), []

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


def test_a_few_calls_do_not_wait() -> None:
    found = run_virtual(begun([0.0] * AT_ONCE))

    assert {at - found[0][1] for _, at in found} == {0.0}

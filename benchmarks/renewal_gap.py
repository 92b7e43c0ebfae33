"""How long nobody can be heard while a provider session is renewed, both ways: `python -m benchmarks.renewal_gap`.

A message always waits, so the first packets of turn after turn show when the avatar could be given something. The gap is the
longest time between two of them around the renewal; beside it the usual time between two. With room for two the new room is
joined before the old is closed; with room for one (or where AKOOL is busy) the old is closed first. The simulator's avatar comes
into its room so many seconds after `create`, as its options say; real ones take their own time, so the floor is measured in the
same run: `create`, join, and the avatar's arrival, through the same client and nothing else.
"""

import asyncio
import contextlib
import itertools
import statistics
import time
from dataclasses import replace

from adapters.simulator.options import Options
from benchmarks.table import load
from benchmarks.world import FAST, FirstPackets, World, running
from bot.domain.conversations import Inbound, Membership, MessagePosted, MessageRef, Person
from bot.domain.sessions import SessionSpec
from bot.ports.avatar import AvatarArrived

ROUNDS = 3
ARRIVES_AFTER = 1.5
"""Seconds from `create` until the simulator's avatar is in its room."""

STRETCH_MINUTES, RENEWED_BY = 1, 58.0
"""The shortest stretch: renewed 15 s before its end."""

ROOMY = replace(FAST, join_delay=ARRIVES_AFTER)
ONE_SLOT = replace(ROOMY, concurrency=1)


async def renewed(options: Options, opening: asyncio.Lock) -> list[float]:
    """Seconds between the first packets of turn after turn, over one renewal."""
    packets = FirstPackets()
    async with contextlib.AsyncExitStack() as stack:
        async with opening:  # migrations bear only one thread
            world = await stack.enter_async_context(running(options, packets.watch))
        await world.start(1, STRETCH_MINUTES)
        began = time.perf_counter()
        while time.perf_counter() - began < RENEWED_BY:
            await said_and_sent(world, packets)
        assert len(list(world.simulator.sessions)) == 2, "not renewed"
    return [later - earlier for earlier, later in itertools.pairwise(sorted(packets.sent.values()))]


async def said_and_sent(world: World, packets: FirstPackets) -> None:
    """One message, until its first packet is on its way."""
    number = len(packets.sent)
    (thread,) = world.threads
    said = MessagePosted("Yes.", MessageRef(thread, f"m{number}"))
    inbound = Inbound(f"e{number}", time.time_ns() // 1000, thread, Person("ann", "Ann", Membership.MEMBER), said)
    await world.service.core.accept(inbound)
    async with asyncio.timeout(20):
        while len(packets.sent) <= number:
            await asyncio.sleep(0.005)


async def floor() -> float:
    """Seconds for `create`, join and the avatar's arrival, bare."""
    async with running(ROOMY) as world:
        provider = world.service.services.provider
        assert provider.capabilities.avatars
        avatars = await provider.capabilities.avatars.avatars()
        began = time.perf_counter()
        created = await provider.create(SessionSpec(avatars[0].id), 60, "floor")
        avatar = provider.avatar(created)
        await avatar.join()
        async for event in avatar.events():
            if isinstance(event, AvatarArrived):
                break
        took = time.perf_counter() - began
        await avatar.leave()
        await provider.close(created.id)
    return took


def line(name: str, gap: float, usual: float | None = None) -> None:
    print(f"{name:44}{gap * 1000:>12.0f}{f'{usual * 1000:.0f}' if usual else '':>18}")


async def measure() -> None:
    bare = [await floor() for _ in range(ROUNDS)]
    opening = asyncio.Lock()
    roomy, one_slot = await asyncio.gather(renewed(ROOMY, opening), renewed(ONE_SLOT, opening))
    print(f"{'':44}{'longest ms':>12}{'usually ms':>18}   {load()}")
    line("floor: create, join, arrival", statistics.median(bare))
    line("gap: new room joined before the old closes", max(roomy), statistics.median(roomy))
    line("gap: old closed first (one slot, or busy)", max(one_slot), statistics.median(one_slot))


if __name__ == "__main__":
    asyncio.run(measure())

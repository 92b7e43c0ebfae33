"""What a live session costs while nobody talks: `python -m benchmarks.idle_sessions`.

500 sessions in one process with the simulator. The floor, in the same process: as many avatars that are hosted, joined and listened
to, without a service.
"""

import asyncio
import contextlib
import gc
import os
import sys
import time
from collections.abc import Awaitable, Callable

import psutil

from benchmarks.table import Limit, judged, load
from benchmarks.world import FAST, World, running
from bot.domain.sessions import SessionSpec
from bot.ports.avatar import Avatar

SESSIONS, IDLE_S = 500, 5
MOST_KB, MOST_START, MOST_IDLE = 8, 30, 4
"""Times the floor."""

Cost = tuple[float, float, float]
"""kB a session, ms of CPU to start one, % of a core while all are idle."""


async def cost(start: Callable[[int], Awaitable[None]]) -> Cost:
    await start(10)
    before, began = resident(), time.process_time()
    await start(SESSIONS)
    kb, cpu = (resident() - before) / SESSIONS / 1024, (time.process_time() - began) / SESSIONS
    began = time.process_time()
    await asyncio.sleep(IDLE_S)
    return kb, cpu * 1000, (time.process_time() - began) / IDLE_S * 100


def resident() -> int:
    gc.collect()
    return int(psutil.Process(os.getpid()).memory_info().rss)


async def avatars_alone() -> Cost:
    async with running(FAST) as world, contextlib.AsyncExitStack() as stack:
        return await cost(lambda count: host(world, count, stack))


async def host(world: World, count: int, stack: contextlib.AsyncExitStack) -> None:
    """So many avatars, joined and listened to until the stack ends."""
    provider = world.service.services.provider
    assert provider.capabilities.avatars
    spec = SessionSpec((await provider.capabilities.avatars.avatars())[0].id)
    for _ in range(count):
        avatar = provider.avatar(await provider.create(spec, 3600, "floor"))
        await avatar.join()
        listening = asyncio.create_task(listen(avatar))
        stack.callback(listening.cancel)
        stack.push_async_callback(avatar.leave)


async def listen(avatar: Avatar) -> None:
    async for _ in avatar.events():
        pass


async def sessions() -> Cost:
    async with running(FAST) as world:
        return await cost(world.start)


def main() -> int:
    floor, ours = asyncio.run(avatars_alone()), asyncio.run(sessions())
    print(f"{SESSIONS:>6} of each; {load()}\n{'':34}{'kB each':>10}{'ms to start':>14}{'% of a core':>14}")
    for name, (kb, start, idle) in (("floor: avatars, joined, alone", floor), ("live idle sessions", ours)):
        print(f"{name:34}{kb:>10.1f}{start:>14.2f}{idle:>14.1f}")
    return judged(
        Limit("kB a session", ours[0], floor[0], MOST_KB),
        Limit("CPU to start one", ours[1], floor[1], MOST_START),
        Limit("CPU while idle", ours[2], floor[2], MOST_IDLE),
    )


if __name__ == "__main__":
    sys.exit(main())

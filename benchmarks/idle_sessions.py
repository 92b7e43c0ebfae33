"""What a live session costs while nobody talks: `python -m benchmarks.idle_sessions`.

500 sessions in one process with the simulator, whose own part is measured apart (its hosted sessions without a service).
"""

import asyncio
import gc
import os
import time
from collections.abc import Sequence

import psutil

from benchmarks.table import load
from benchmarks.world import FAST, running

SESSIONS = 500
LIMIT_KB = 150


def resident() -> int:
    gc.collect()
    return int(psutil.Process(os.getpid()).memory_info().rss)


async def measure() -> Sequence[tuple[str, float, float]]:
    async with running(FAST) as world:
        await world.start(10)
        before, began = resident(), time.process_time()
        await world.start(SESSIONS)
        kb = (resident() - before) / SESSIONS / 1024
        started = time.process_time() - began
        began = time.process_time()
        await asyncio.sleep(10)
        idle = (time.process_time() - began) / 10 * 100
    return [
        ("kB a session, the simulator's part included", kb, LIMIT_KB),
        ("% of a core while idle", idle, 100),
        ("ms of CPU to start one", started / SESSIONS * 1000, 0),
    ]


def main() -> None:
    print(f"{SESSIONS} live idle sessions; {load()}\n")
    for name, figure, limit in asyncio.run(measure()):
        print(f"{name:48}{figure:8.1f}" + (f"   limit {limit:.0f}" if limit else ""))


if __name__ == "__main__":
    main()

"""A job is done by one process at a time, goes on in another when that one is gone, and leaves no figures behind."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from bot.jobs.scheduler import HELD_FOR, Gauges, Job, JobHolder, run_periodically
from bot.storage.memory import MemoryStorage
from bot.storage.memory.rows import Data
from bot.tasks import cancel_and_wait
from bot.telemetry import new_metrics
from bot.testing.virtual_time import LoopClock, run_virtual
from tests.stored import started

EVERY = 5.0
LONG = 10 * HELD_FOR


@dataclass
class Processes:
    """Some that do the same job on the same storage, and which of them did it when."""

    takes: float = 0.0
    data: Data = field(default_factory=Data)
    did: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    at_once: int = 0
    running: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    holders: dict[str, JobHolder] = field(default_factory=dict)

    def begin(self, name: str) -> None:
        enlisted = asyncio.Event()
        enlisted.set()
        holder = self.holders[name] = JobHolder(MemoryStorage(LoopClock(), self.data).coordination, enlisted)

        async def work() -> None:
            self.did.append(name)
            self.at_once += 1
            assert self.at_once == 1
            await asyncio.sleep(self.takes)
            self.at_once -= 1

        job = Job("sweep", work, EVERY, lost=lambda: self.lost.append(name))
        self.running[name] = asyncio.create_task(run_periodically(holder, job))

    async def die(self, name: str) -> None:
        await cancel_and_wait(self.running.pop(name))

    async def end(self) -> None:
        await cancel_and_wait(*self.running.values())


Story = Callable[[Processes], Coroutine[Any, Any, None]]


def play(story: Story, takes: float = 0.0) -> None:
    async def main() -> None:
        processes = Processes(takes)
        for name in ("A", "B"):
            processes.begin(name)
        await story(processes)
        await processes.end()

    run_virtual(main())


def test_one_of_two_processes_does_a_job() -> None:
    async def story(processes: Processes) -> None:
        await asyncio.sleep(3 * EVERY + 1)
        assert processes.did == ["A"] * 3
        assert processes.lost == ["B"] * 3

    play(story)


def test_a_dead_holders_job_goes_on_elsewhere() -> None:
    async def story(processes: Processes) -> None:
        await asyncio.sleep(EVERY + 1)
        await processes.die("A")
        await asyncio.sleep(HELD_FOR + 2 * EVERY)
        assert set(processes.did[1:]) == {"B"}

    play(story)


def test_a_job_that_is_let_go_goes_on_at_once() -> None:
    async def story(processes: Processes) -> None:
        await asyncio.sleep(EVERY + 1)
        await processes.die("A")
        await processes.holders["A"].let_go()
        await asyncio.sleep(EVERY)
        assert processes.did == ["A", "B"]

    play(story)


def test_a_job_that_takes_long_is_held_on_to() -> None:
    async def story(processes: Processes) -> None:
        await asyncio.sleep(EVERY + LONG - 1)
        assert processes.did == ["A"]

    play(story, takes=LONG)


@pytest.mark.parametrize("away", [False, True])
def test_figures_are_shown_by_their_holder_only(away: bool) -> None:
    async def main() -> None:
        storage = MemoryStorage(LoopClock())
        await started(storage, "s")
        metrics, enlisted = new_metrics(), asyncio.Event()
        gauges = Gauges(storage.sessions, metrics)
        holder, job = JobHolder(storage.coordination, enlisted), Job("count", gauges.count, EVERY, lost=gauges.clear)
        enlisted.set()
        counting = asyncio.create_task(run_periodically(holder, job))
        await asyncio.sleep(EVERY + 1)
        assert 'avatarbot_sessions{status="starting"} 1.0' in metrics.exposition().decode()
        if away:
            storage.data.jobs.updates_fail = True
        else:
            await holder.let_go()
            await storage.coordination.hold("count", "another", lasts=timedelta(hours=1))
        await asyncio.sleep(EVERY)
        assert "avatarbot_sessions{" not in metrics.exposition().decode()
        await cancel_and_wait(counting)

    run_virtual(main())

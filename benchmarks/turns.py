"""From what is said to the first packet to the avatar, in 50 live sessions: `python -m benchmarks.turns [--tree PATH]`.

Measured from the call of `accept` until `RoomConnection.send` gets the first packet of that turn, in one process with the simulator. The
avatars speak at once and a message comes to the next session in turn, so nothing waits for a voice or for the stream's budget. CPU is
that of the whole process, the simulator included, from the first message until a second after the last.

The floor is bare aiosqlite with synchronous=FULL: two commits of one row before the first packet (accepted, claimed) and one after it
(over). Its CPU is measured before the run, its time beside the service's, in the same loop. `--tree` runs another checkout's
`benchmarks.turns` at the same time as this one, each in its own `.venv`, and shows the CPU of a message in each, and their ratio.
"""

import argparse
import asyncio
import contextlib
import statistics
import sys
import tempfile
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from pathlib import Path

import aiosqlite

from benchmarks.table import Limit, judged, load, percentile
from benchmarks.world import FirstPackets, World, running
from bot.domain.conversations import Accepted, ConversationRef, Inbound, Membership, MessagePosted, Person

SESSIONS, SECONDS = 50, 4
RATES = (10, 25, 50, 100, 200)
JUDGED = 50
"""Messages a second at which the limits hold: well below what saturates a slow machine."""

MOST_CPU, MOST_MEDIAN = 8, 8
"""Times the floor."""

BESIDE_EVERY_S = 0.2
"""Between two messages of the floor beside those of the service."""

HERE = Path(__file__).parents[1]
PAIRS, PAIRED_SECONDS = 5, 8
PAIRED_WITHIN_S = 180
"""For one pair: both begin their sessions, then both talk."""

ALONE = f"""
import asyncio, sys, time
import benchmarks.turns as turns
from benchmarks.world import running
async def measure():
    async with running() as world:
        await world.start(turns.SESSIONS)
        await turns.Talk(world, "warm").run(10)
        turns.SECONDS = {PAIRED_SECONDS}
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        process, loop = time.process_time(), time.thread_time()
        await turns.Talk(world, "paired").run({JUDGED})
        await asyncio.sleep(1)
        spent = (time.process_time() - process, time.thread_time() - loop)
        print("each", *(seconds / ({PAIRED_SECONDS} * {JUDGED}) for seconds in spent), flush=True)
asyncio.run(measure())
"""
"""Runs the messages of the working directory's tree, and nothing beside them: tells that its sessions are live, begins once told to, and
prints the CPU of each message in the process and in the loop's thread.
"""

COMMITS_BEFORE, COMMITS = 2, 3
"""Of one message: before its first packet, and in all."""


class Talk:
    """Messages at an even pace, each to the next session."""

    def __init__(self, world: World, name: str) -> None:
        self._world = world
        self._name = name
        self.began: dict[str, float] = {}
        self.accepted: list[float] = []
        self.refused = 0

    async def run(self, rate: int) -> None:
        async with asyncio.TaskGroup() as group:
            due = time.perf_counter()
            for number in range(SECONDS * rate):
                due += 1 / rate
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                group.create_task(self._say(number, self._world.threads[number % SESSIONS]))

    async def _say(self, number: int, thread: ConversationRef) -> None:
        event = f"{self._name}-{number}"
        person = Person(f"p{number % 7}", "Ann", Membership.MEMBER)
        written = self._world.room.write("What time is it?", thread, person)
        inbound = Inbound(event, time.time_ns() // 1000, thread, person, MessagePosted(written.text, written.ref))
        began = time.perf_counter()
        outcome = await self._world.service.core.accept(inbound)
        self.accepted.append(time.perf_counter() - began)
        if isinstance(outcome, Accepted):
            self.began[outcome.row_id] = began
        else:
            self.refused += 1


class Floor:
    """The commits of a message on bare aiosqlite, and nothing else."""

    def __init__(self, database: aiosqlite.Connection) -> None:
        self._database = database
        self.before: list[float] = []
        """Seconds of those that come before the first packet."""

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls) -> AsyncIterator["Floor"]:
        with tempfile.TemporaryDirectory() as folder:
            async with aiosqlite.connect(Path(folder) / "floor.db", isolation_level=None) as database:
                for pragma in ("journal_mode=WAL", "synchronous=FULL"):
                    await database.execute_fetchall(f"PRAGMA {pragma}")
                await database.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, body TEXT)")
                yield cls(database)

    async def message(self) -> None:
        began = time.perf_counter()
        for number in range(COMMITS):
            await self._database.execute("INSERT INTO rows (body) VALUES (?)", ("x" * 400,))
            if number + 1 == COMMITS_BEFORE:
                self.before.append(time.perf_counter() - began)

    async def cpu(self, messages: int = 300) -> float:
        """Seconds for each of so many, one after the other."""
        began = time.process_time()
        for _ in range(messages):
            await self.message()
        return (time.process_time() - began) / messages

    async def beside(self) -> None:
        """Now and then, until cancelled: what the machine and the loop let anybody have at that time."""
        self.before.clear()
        while True:
            await self.message()
            await asyncio.sleep(BESIDE_EVERY_S)


async def measure() -> int:
    packets = FirstPackets()
    limits: list[Limit] = []
    async with Floor.open() as floor, running(connections=packets.watch) as world:
        bare = await floor.cpu()
        await world.start(SESSIONS)
        await Talk(world, "warm").run(10)
        print(
            f"{'':12}{'accept() ms':>20}{'first packet ms':>22}{'floor ms':>10}{'CPU ms':>10}   floor {bare * 1000:.2f}"
        )
        print(f"{'a second':12}{'median':>10}{'p99':>10}{'median':>12}{'p99':>10}{'median':>10}{'each':>10}", end="")
        print(f"{'refused':>10}{'not sent':>10}")
        for rate in RATES:
            talk, cpu = Talk(world, str(rate)), time.process_time()
            beside = asyncio.create_task(floor.beside())
            await talk.run(rate)
            await asyncio.sleep(1)
            beside.cancel()
            await asyncio.wait([beside])
            each = (time.process_time() - cpu) / (SECONDS * rate)
            took = [packets.sent[row] - began for row, began in talk.began.items() if row in packets.sent]
            line(rate, talk, took, percentile(floor.before, 50), each)
            if rate == JUDGED:
                limits += [
                    Limit(f"CPU of a message at {rate}/s", each, bare, MOST_CPU),
                    Limit(
                        f"first packet, median at {rate}/s",
                        percentile(took, 50),
                        percentile(floor.before, 50),
                        MOST_MEDIAN,
                    ),
                ]
    print(load())
    return judged(*limits)


def line(rate: int, talk: Talk, took: list[float], floor: float, cpu: float) -> None:
    figures = [percentile(values, percent) * 1000 for values in (talk.accepted, took) for percent in (50, 99)]
    figures.append(floor * 1000)
    alone = "".join(f"{figure:{width}.1f}" for figure, width in zip(figures, (10, 10, 12, 10, 10), strict=True))
    print(f"{rate:<12}{alone}{cpu * 1000:10.2f}{talk.refused:10}{len(talk.began) - len(took):10}")


async def paired(tree: Path) -> None:
    """This checkout and another at the same time: the CPU of a message in each, and how often ours goes into theirs."""
    ratios = []
    for _ in range(PAIRS):
        async with asyncio.timeout(PAIRED_WITHIN_S):
            (theirs, their_loop), (ours, our_loop) = await side_by_side(tree.resolve(), HERE)
        ratios.append(ours / theirs)
        print(
            f"{tree}: {theirs * 1000:.2f} ms ({their_loop * 1000:.2f} in the loop), "
            f"here: {ours * 1000:.2f} ms ({our_loop * 1000:.2f}), {ratios[-1]:.2f}",
            flush=True,
        )
    print(
        f"CPU of a message at {JUDGED}/s: {statistics.median(ratios):.2f} of that of {tree}, median of {PAIRS}; {load()}"
    )


async def side_by_side(*trees: Path) -> list[tuple[float, float]]:
    """Seconds of CPU of a message in each, and those of the loop's thread: how fast a core is at that moment is the same for all."""
    async with contextlib.AsyncExitStack() as stack:
        running = [await stack.enter_async_context(alone(tree)) for tree in trees]
        for each in running:
            await told(each, "ready")
        for each in running:
            assert each.stdin is not None
            each.stdin.write(b"go\n")
        figures = [await told(each, "each") for each in running]
    return [(float(process), float(loop)) for process, loop in figures]


@contextlib.asynccontextmanager
async def alone(tree: Path) -> AsyncIterator[Process]:
    """A checkout's benchmark, in a process of its own with its own `.venv`."""
    pipe = asyncio.subprocess.PIPE
    python = str(tree / ".venv" / "bin" / "python")
    process = await asyncio.create_subprocess_exec(python, "-c", ALONE, cwd=tree, stdin=pipe, stdout=pipe)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def told(process: Process, what: str) -> list[str]:
    """The words behind `what`, once it prints that. What went wrong instead stands on its standard error."""
    assert process.stdout is not None
    async for line in process.stdout:
        if line.startswith(what.encode()):
            return line.decode().split()[1:]
    sys.exit(f"it ended before it was {what}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tree", type=Path, help="another checkout with a .venv, for a paired run")
    if asked := parser.parse_args().tree:
        asyncio.run(paired(asked))
    else:
        sys.exit(asyncio.run(measure()))

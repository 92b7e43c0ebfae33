"""From what is said to the first packet to the avatar, in 50 live sessions: `python -m benchmarks.turns [--tree PATH]`.

Measured from the call of `accept` until `RoomConnection.send` gets the first packet of that turn, in one process with the simulator. The
avatars speak at once and a message comes to the next session in turn, so nothing waits for a voice or for the stream's budget. CPU is
that of the whole process, the simulator included, from the first message until a second after the last.

The floor is bare aiosqlite with synchronous=FULL: two commits of one row before the first packet (accepted, claimed) and one after it
(over). Its CPU is measured before the run, its time beside the service's, in the same loop. `--tree` runs another checkout's
`benchmarks.turns` in turn with this one, and shows the CPU of a message in each, and their ratio.
"""

import argparse
import asyncio
import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
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
ALONE = f"""
import asyncio, sys, time
sys.path[:] = ["."] + [path for path in sys.path if path not in ("", {str(HERE)!r})]
import benchmarks.turns as turns
run = turns.Talk.run
async def counted(talk, rate):
    began = time.process_time()
    await run(talk, rate)
    await asyncio.sleep(1)
    if rate == {JUDGED}:
        print("each", (time.process_time() - began) / (turns.SECONDS * rate))
turns.Talk.run, turns.RATES = counted, ({JUDGED},)
asyncio.run(turns.measure())
"""
"""Runs the benchmark of the working directory's tree, whichever tree this interpreter belongs to, and prints the CPU of each message."""

IN_TURN = 5
"""Runs of each tree in a paired run: how fast a busy machine's core is changes from one to the next."""

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


def paired(tree: Path) -> None:
    """This checkout and another in turn: the CPU of a message in each, and how often ours goes into theirs."""
    ours, theirs = [], []
    for _ in range(IN_TURN):
        theirs.append(alone(tree.resolve()))
        ours.append(alone(HERE))
        print(f"{tree}: {theirs[-1] * 1000:.2f} ms, here: {ours[-1] * 1000:.2f} ms", flush=True)
    ratio = statistics.median(ours) / statistics.median(theirs)
    print(f"CPU of a message at {JUDGED}/s: {ratio:.2f} of that of {tree}, by the medians; {load()}")


def alone(tree: Path) -> float:
    """Seconds of CPU of a message, in a process of its own."""
    ran = subprocess.run([sys.executable, "-c", ALONE], cwd=tree, check=False, capture_output=True, text=True)
    each = [line.split()[1] for line in ran.stdout.splitlines() if line.startswith("each ")]
    if not each:
        sys.exit(f"{tree}: no figure\n{ran.stderr}")
    return float(each[-1])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tree", type=Path, help="another checkout, for a paired run")
    if asked := parser.parse_args().tree:
        paired(asked)
    else:
        sys.exit(asyncio.run(measure()))

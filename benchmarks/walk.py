"""What one `/avatar say` goes through: files, functions and transactions, `python -m benchmarks.walk [--functions]`.

From Slack's delivery over HTTP to the first packet that is handed to the room, and from there until the answer stands in the thread
and its author has been answered. Counted is what every one of several turns enters in `bot` and `adapters` (the simulator, which is
AKOOL here, left out), so that what runs by the clock beside them does not count. A transaction is whatever is asked of the store.
"""

import argparse
import asyncio
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from adapters.simulator.options import Options
from adapters.simulator.room import SimulatedConnection
from adapters.simulator.simulator import Simulator
from bot.clock import SystemClock
from bot.storage.engine import Store
from bot.telemetry import configure_logging
from tests.contract.platform.harness import ANN
from tests.integration.slack.fake import FakeSlack
from tests.integration.slack.harness import GENERAL, SlackHarness
from tests.patience import until
from tests.service_fixture import whole_service

TREE = Path(__file__).parents[1]
ROUNDS = 5
CLOCKS = frozenset(
    {
        "worker",
        "missed",
        "lease",
        "balance",
        "lifecycle",
        "job",
        "catalog",
        "connections",
        "database",
        "receivers",
        "limiters",
    }
)
"""Tasks that look around by the clock, whether somebody speaks or not."""
QUIET_S = 0.4
"""After the answer stands in the thread: everybody has been told, and less than a second has gone by, at which clocks tick."""

_thread = threading.local()
"""Whether a thread does what such a task has asked it to do."""

Function = tuple[str, str]
"""A file and the name of a function in it."""

Work = Callable[..., Any]


@dataclass
class Walk:
    """What one turn entered."""

    entered: set[Function] = field(default_factory=set)
    transactions: Counter[str] = field(default_factory=Counter)

    @property
    def files(self) -> set[str]:
        return {file for file, _ in self.entered}


class Tracer:
    """Notes every call of ours, in all threads that begin after it, while a turn is followed."""

    def __init__(self) -> None:
        self.way_in, self.way_out = Walk(), Walk()
        self._walk: Walk | None = None
        threading.setprofile(self._called)
        sys.setprofile(self._called)
        for name, kind, unseen in (("read", "reading", _unseen), ("write_late", "writing", _unseen_once_made)):
            setattr(Store, name, self._counting(getattr(Store, name), kind, unseen))

    @contextmanager
    def following(self) -> Iterator[None]:
        self.way_in, self.way_out = Walk(), Walk()
        self._walk = self.way_in
        try:
            yield
        finally:
            self._walk = None

    def _called(self, frame: FrameType, what: str, _: Any) -> None:
        if what != "call" or self._walk is None or _by_the_clock() or getattr(_thread, "unseen", False):
            return
        code = frame.f_code
        if code is SimulatedConnection.send.__code__:
            self._walk = self.way_out
        file = code.co_filename.removeprefix(f"{TREE}/")
        if file.startswith(("bot/", "adapters/")) and "/simulator/" not in file and code.co_name[0] != "<":
            self._walk.entered.add((file, code.co_qualname))

    def _counting(
        self, asked: Callable[[Store, Work], Awaitable[Any]], kind: str, unseen: Callable[[Work], Work]
    ) -> Callable[[Store, Work], Awaitable[Any]]:
        def counted(store: Store, work: Work) -> Awaitable[Any]:
            if _by_the_clock():
                return asked(store, unseen(work))
            if self._walk is not None and asyncio.current_task():
                self._walk.transactions[kind] += 1
            return asked(store, work)

        return counted


def _unseen(work: Work) -> Work:
    """The same, in whichever thread, and what it calls is not counted."""

    def run(*arguments: Any) -> Any:
        _thread.unseen = True
        try:
            return work(*arguments)
        finally:
            _thread.unseen = False

    return run


def _unseen_once_made(make: Work) -> Work:
    return lambda: _unseen(make())


def _by_the_clock() -> bool:
    try:
        task = asyncio.current_task()
    except RuntimeError:  # another thread, which works for whoever asked
        return False
    return task is not None and task.get_name() in CLOCKS


async def turn(slack: SlackHarness, tracer: Tracer, number: int) -> tuple[Walk, Walk]:
    answer = f"{number} * 7 is {number * 7}"
    with tracer.following():
        await slack.slash(ANN, f"say What is {number} * 7?", GENERAL)
        await until(lambda: any(answer in str(message) for message in slack.fake.workspace.messages), 60)
        await asyncio.sleep(QUIET_S)
    return tracer.way_in, tracer.way_out


async def measure() -> tuple[list[Walk], list[Walk]]:
    """The ways in and the ways out."""
    configure_logging("error")
    tracer = Tracer()
    with tempfile.TemporaryDirectory() as folder:
        async with (
            FakeSlack(limits=False).running() as fake,
            Simulator(SystemClock(), Options.instantly()) as simulator,
            whole_service(Path(folder), simulator) as whole,
        ):
            slack = SlackHarness(fake, socket=False, front=whole.core)
            whole.add(slack.platform)
            async with whole.running():
                await slack.start()
                await slack.slash(ANN, "start", GENERAL)
                await until(
                    lambda: any("run:interrupt" in str(message.blocks) for message in fake.workspace.messages), 60
                )
                await turn(slack, tracer, 10)  # warms what is remembered
                walks = [await turn(slack, tracer, number) for number in range(11, 11 + ROUNDS)]
    return [way_in for way_in, _ in walks], [way_out for _, way_out in walks]


def always(walks: list[Walk]) -> Walk:
    """What each of them entered, and the fewest transactions of each kind."""
    entered = set.intersection(*(walk.entered for walk in walks))
    transactions = {kind: min(walk.transactions[kind] for walk in walks) for kind in ("reading", "writing")}
    return Walk(entered, Counter(transactions))


def line(name: str, walk: Walk) -> None:
    counts = walk.transactions
    print(
        f"{name:36}{len(walk.files):>7}{len(walk.entered):>11}{counts.total():>14}   "
        f"({counts['reading']} reading, {counts['writing']} writing)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--functions", action="store_true", help="name them")
    functions = parser.parse_args().functions
    way_in, way_out = (always(walks) for walks in asyncio.run(measure()))
    both = Walk(way_in.entered | way_out.entered, way_in.transactions + way_out.transactions)
    core = Walk({(file, name) for file, name in way_in.entered if file.startswith("bot/")}, Counter())
    print(f"{'':36}{'files':>7}{'functions':>11}{'transactions':>14}")
    line("a say in, to its first packet", way_in)
    line("  of which in the core", core)
    line("its utterance out, and its answer", way_out)
    line("both", both)
    for name, walk in (("in", way_in), ("out", way_out)):
        print(f"\n{name}")
        for file in sorted(walk.files):
            entered = [function for where, function in walk.entered if where == file]
            print(f"  {file:48}{len(entered):>4}" + (f"  {', '.join(sorted(entered))}" if functions else ""))


if __name__ == "__main__":
    main()

"""accept() until it is committed, 64 at once, on SQLite with synchronous=FULL and on PostgreSQL with fsync: `python -m benchmarks.accept`.

Both engines take turns, round by round. The server is that of TEST_DATABASE_URL, or one of the dev group's wheel.

The floors of the same run are bare sqlite3: a row a commit, and the statements that a message needs (three questions, a row, a
change) for 64 messages a commit.
"""

import asyncio
import contextlib
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, update

from benchmarks.table import Limit, judged, load, percentile
from benchmarks.world import open_storage
from bot.app.wiring import keep_loaded
from bot.commands.policy import Policy
from bot.domain.conversations import Accepted, ConversationRef, Inbound, Membership, MessagePosted, MessageRef, Person
from bot.domain.sessions import SessionSpec, SessionStatus
from bot.ingress.inbox import Inbox
from bot.ports.storage.records import InboxRecord, InboxState
from bot.ports.storage.transactions import AdmissionQuery, Admitted, NewSession
from bot.runtime.funding import Funding
from bot.storage import tables
from bot.storage.sql import SqlStorage
from tests.server import server_with_fsync

AT_ONCE, EACH, ROUNDS = 64, 8, 9
GROUP = 64
MOST_TIME, MOST_P99 = 20, 10
"""Times the floor: of the time that a message takes of the writer, and of the slowest."""


def committed_alone(folder: Path) -> list[float]:
    """Seconds of each of 200 commits of one row."""
    return list(_commits(folder / "alone.db", 200, 1, _insert))


def committed_in_groups(folder: Path) -> list[float]:
    """Seconds of each of 100 commits of what `GROUP` messages need."""
    return list(_commits(folder / "groups.db", 100, GROUP, _take))


def _commits(file: Path, times: int, rows: int, each: Callable[[sqlite3.Connection, int], None]) -> Iterator[float]:
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE rows (event TEXT UNIQUE, session INTEGER, body TEXT)")
    connection.execute("CREATE TABLE sessions (id INTEGER PRIMARY KEY, channel TEXT UNIQUE, active_at TEXT)")
    connection.executemany("INSERT INTO sessions VALUES (?, ?, '')", [(n, f"C{n}") for n in range(AT_ONCE)])
    for time_ in range(times):
        began = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        for row in range(rows):
            each(connection, time_ * rows + row)
        connection.execute("COMMIT")
        yield time.perf_counter() - began
    connection.close()


def _insert(connection: sqlite3.Connection, number: int) -> None:
    connection.execute("INSERT INTO rows VALUES (?, ?, ?)", (f"e{number}", number % AT_ONCE, "x" * 400))


def _take(connection: sqlite3.Connection, number: int) -> None:
    session = number % AT_ONCE
    connection.execute("SELECT 1 FROM rows WHERE event = ?", (f"e{number}",)).fetchone()
    connection.execute("SELECT * FROM sessions WHERE channel = ?", (f"C{session}",)).fetchone()
    connection.execute("SELECT count(*) FROM rows WHERE event = ? AND session = ?", (f"e{number}", session)).fetchone()
    _insert(connection, number)
    connection.execute("UPDATE sessions SET active_at = ? WHERE id = ?", (str(number), session))


async def host(storage: SqlStorage, side: str) -> list[ConversationRef]:
    """One live session for each of those who write; returns their threads."""
    places = [ConversationRef("fake", f"{side}{number}", "C") for number in range(AT_ONCE)]

    starts = [NewSession(place.workspace_id, place, "ann", "Ann", SessionSpec("avatar")) for place in places]
    await storage.admit(AdmissionQuery, lambda _: Admitted(starts=starts))
    live = {"status": SessionStatus.LIVE, "card_message_id": "card", "talk_thread_id": "thread"}

    def work(connection: Connection) -> None:
        connection.execute(update(tables.sessions).values(live))

    await storage.store.write(work)
    return [place.in_thread("thread") for place in places]


async def one_round(
    storage: SqlStorage, intake: Inbox, threads: list[ConversationRef], stamps: Iterator[int]
) -> tuple[list[float], float]:
    """What each accept took, and how many were done in a second; then everything is as if it had been spoken."""
    took: list[float] = []

    async def write(thread: ConversationRef) -> None:
        for number in range(EACH):
            stamp = next(stamps)
            person, said = (
                Person(f"p{number}", "Ann", Membership.MEMBER),
                MessagePosted("What time is it?", MessageRef(thread, f"m{stamp}")),
            )
            began = time.perf_counter()
            outcome = await intake.accept(Inbound(f"e{stamp}", stamp, thread, person, said))
            took.append(time.perf_counter() - began)
            assert isinstance(outcome, Accepted), outcome

    began = time.perf_counter()
    await asyncio.gather(*map(write, threads))
    rate = len(took) / (time.perf_counter() - began)

    def conclude(connection: Connection) -> None:
        done = update(tables.inbox).values(state=InboxState.DONE)
        connection.execute(done.where(tables.inbox.c.workspace_id.in_({thread.workspace_id for thread in threads})))

    await storage.store.write(conclude)
    return took, rate


class NobodyRuns:
    """What is accepted is not spoken."""

    def hand_over(self, row: InboxRecord) -> None:
        pass

    def look_again(self, session_id: str) -> None:
        pass

    def claimable(self) -> None:
        pass

    def hosts(self, channel: ConversationRef) -> bool:  # noqa: ARG002
        return False

    def changed(self, channel: ConversationRef) -> None:
        pass


Rounds = list[tuple[list[float], float]]


@contextlib.asynccontextmanager
async def a_side(
    opened: contextlib.AbstractAsyncContextManager[SqlStorage], side: str = "W"
) -> AsyncIterator[Callable[[], Coroutine[Any, Any, tuple[list[float], float]]]]:
    """An inbox on an engine, and what runs a round of it. Its workspaces begin with `side`."""
    async with opened as storage:
        threads, stamps = await host(storage, side), count(1)
        intake = Inbox(storage, Policy(), Funding(storage.channels, lambda *_: True), NobodyRuns())
        running = asyncio.create_task(intake.run())
        yield partial(one_round, storage, intake, threads, stamps)
        running.cancel()
        await asyncio.wait([running])


async def accepted(folder: str, url: str) -> tuple[Rounds, Rounds]:
    """On SQLite and on PostgreSQL, in turn."""
    async with a_side(open_storage(folder)) as on_file, a_side(open_storage(folder, url)) as on_server:
        keep_loaded()
        await on_file(), await on_server()  # warms what statements are kept in
        both = [(await on_file(), await on_server()) for _ in range(ROUNDS)]
    return [each for each, _ in both], [each for _, each in both]


def summed(rounds: Rounds) -> tuple[float, list[float]]:
    """The median of accepts a second, and what each took."""
    return statistics.median(rate for _, rate in rounds), [seconds for took, _ in rounds for seconds in took]


def line(name: str, per_second: float, took: list[float]) -> None:
    print(f"{name:34}{per_second:>10,.0f}{statistics.median(took) * 1000:>10.2f}{percentile(took, 99) * 1000:>10.2f}")


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        alone, groups = committed_alone(Path(folder)), committed_in_groups(Path(folder))
        with server_with_fsync() as url:
            on_file, on_server = asyncio.run(accepted(folder, url.render_as_string(hide_password=False)))
    (rate, took), floor = summed(on_file), GROUP / statistics.median(groups)
    ratios = sorted(server / file for (_, file), (_, server) in zip(on_file, on_server, strict=True))
    print(f"{'':34}{'per s':>10}{'median ms':>10}{'p99 ms':>10}   {load()}")
    line("floor: sqlite3, a row a commit", len(alone) / sum(alone), alone)
    line(f"floor: sqlite3, {GROUP} messages a commit", floor, groups)
    line(f"accept(), {AT_ONCE} at once, SQLite", rate, took)
    line(f"accept(), {AT_ONCE} at once, PostgreSQL", *summed(on_server))
    print(
        f"PostgreSQL over SQLite, {ROUNDS} rounds in turn: {ratios[0]:.2f}-{ratios[-1]:.2f}, median {statistics.median(ratios):.2f}"
    )
    return judged(
        Limit("time of a message", 1 / rate, 1 / floor, MOST_TIME),
        Limit("p99", percentile(took, 99), percentile(groups, 99), MOST_P99),
    )


if __name__ == "__main__":
    sys.exit(main())

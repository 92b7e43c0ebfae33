"""What waits for a task of a run, and whose turn it is."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from bot.ports.storage.records import InboxRecord

Read = Callable[[], Awaitable[Sequence[InboxRecord]]]

REMEMBERED = 100
"""Rows that are over; one that is handed over later than it was read and dealt with is not dealt with again."""


class WaitingRows:
    """Of one task, which alone takes from it. The rows in the database are the truth: whoever takes a turn claims it there, as it
    was read, and one that was edited or withdrawn meanwhile is refused. Then, at the start and after a missed wakeup they are
    read again.
    """

    def __init__(self, read: Read) -> None:
        self.wakeup = asyncio.Event()
        """Set when there may be something to do. The task clears it before it looks."""
        self._read = read
        self._rows: dict[str, InboxRecord] = {}
        self._over: deque[str] = deque(maxlen=REMEMBERED)
        self._doubted = True

    def knows(self, row_id: str) -> bool:
        """Whether it waits here or was dealt with, or will be seen at the next look."""
        return self._doubted or row_id in self._rows or row_id in self._over

    def put(self, row: InboxRecord) -> None:
        """It was accepted, and is committed."""
        if row.id not in self._over:
            self._rows[row.id] = row
            self.wakeup.set()

    def doubt(self) -> None:
        """There may be others, or they may have changed: they are read before the next is taken."""
        self._doubted = True
        self.wakeup.set()

    def over(self, row: InboxRecord) -> None:
        """It waits no longer."""
        self._over.append(row.id)
        self._rows.pop(row.id, None)

    async def all(self) -> list[InboxRecord]:
        """What waits, lowest sequence first. Raises `StoreUnavailable`, and then they are still in doubt."""
        while self._doubted:
            await self._read_again()
        return sorted(self._rows.values(), key=lambda row: (row.sequence, row.id))

    async def _read_again(self) -> None:
        """What is handed over meanwhile may be missing in what is read, and stays."""
        self._doubted, before = False, set(self._rows)
        try:
            found = await self._read()
        except BaseException:
            self._doubted = True
            raise
        put = [row for row in self._rows.values() if row.id not in before]
        self._rows = {row.id: row for row in (*put, *found) if row.id not in self._over}


AUTHORS_REMEMBERED = 200
"""Authors of whom it is known when they had their turn; whoever is forgotten counts as new."""


class RoundRobin:
    """Of one run. Who never had a turn comes first, then who has waited longest since the last one; in doubt the lowest sequence."""

    def __init__(self) -> None:
        self._served: dict[str, None] = {}  # the last at the end

    def next(self, waiting: Sequence[InboxRecord]) -> InboxRecord:
        """`waiting` is not empty, the lowest sequence first."""
        first = {row.person_id: row for row in reversed(waiting)}
        rank = {person: place for place, person in enumerate(self._served, 1)}
        return min(reversed(first.values()), key=lambda row: (rank.get(row.person_id, 0), row.sequence))

    def served(self, person_id: str) -> None:
        """Somebody has a turn now."""
        self._served.pop(person_id, None)
        self._served[person_id] = None
        for forgotten in list(self._served)[:-AUTHORS_REMEMBERED]:
            del self._served[forgotten]

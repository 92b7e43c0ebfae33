"""Whose turn it is among those who wait: authors one after the other, each with the lowest sequence of theirs."""

from collections.abc import Sequence

from bot.ports.storage.records import InboxRecord

REMEMBERED = 200
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
        for forgotten in list(self._served)[:-REMEMBERED]:
            del self._served[forgotten]

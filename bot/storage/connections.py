"""What a `Store` asks of an engine: threads that hold one connection each and run whole transactions.

SQLAlchemy's own asyncio layer changes threads for every statement, which takes longer than the statement itself: measured 0.38 ms
beside 0.01 ms. A whole transaction goes to its connection's thread in one go, and runs there on a plain SQLAlchemy connection.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection

from bot.domain.errors import StoreAway, StoreUnavailable

T = TypeVar("T")
Work = Callable[[Connection], T]
"""Statements of one transaction and what they yield. It runs in another thread, perhaps twice, and changes nothing but the database."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A piece of work that was undone."""

    error: Exception


@dataclass(frozen=True, slots=True)
class PoolSize:
    """How many connections to a server are held."""

    writers: int = 4
    readers: int = 3
    urgent: int = 0
    """One for the lease of a worker, else none."""

    @property
    def total(self) -> int:
        return self.writers + self.readers + self.urgent


STANDARD_SIZE = PoolSize(urgent=1)


Retried = Callable[[str], object]
"""Called, in some thread, for each piece of work that is run again: with its SQLSTATE, or what came of it without one."""


def nobody_counts(_: str) -> None:
    """A `Retried` for where nobody wants to know."""


class TryAgain(Exception):
    """Raised by a piece of work that has to be run again: it would wait in the wrong order."""


class DatabaseAway(StoreAway):
    """Nobody gets in at the moment: what queued behind would wait as long for the same."""


class ConnectionThread(Protocol):
    """Runs one transaction after the other. Cancelling a caller stops nothing."""

    async def transaction(self, work: Work[T]) -> T:
        """Run `work` and commit, or roll back and raise what it raised. Raises `StoreUnavailable`."""
        ...

    async def together(self, works: Sequence[Work[Any]]) -> Sequence[Any]:
        """Run all and commit; what came of each, `Failed` where it was undone alone. Raises `StoreUnavailable` when nothing was written."""
        ...


@dataclass(frozen=True, slots=True)
class Database:
    """A database, open."""

    writers: Sequence[ConnectionThread]
    readers: Sequence[ConnectionThread]
    batch: int
    """How many pieces of work may share a transaction."""
    urgent: ConnectionThread | None = None
    """Writes what waits for nothing else; None where that would have to wait for a writer all the same."""
    check: Callable[[], None] = lambda: None
    """Raises `SettingsError` when nothing that is written is kept any more."""


NOT_TAKEN = "The database did not take it. Please try again in a moment."


def unavailable(
    detail: str, sentences: Mapping[str, str], kind: type[StoreUnavailable] = StoreUnavailable
) -> StoreUnavailable:
    """The sentence for a database that does not do its part, by what stands in the detail."""
    return kind(next((sentence for sign, sentence in sentences.items() if sign in detail), NOT_TAKEN), detail)

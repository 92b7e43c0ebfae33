"""What several processes on one storage agree on: who answers, who does a job, how much of a budget is left, who reads a list."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from bot.domain.conversations import ConversationRef


@dataclass(frozen=True, slots=True)
class SharedList:
    """A list as one process read it for all; `age` is how long ago. `rows` are as they were written."""

    rows: str
    age: timedelta


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known of a list, and whether whoever asked is to read it anew now: nobody else does before that has come or run out."""

    known: SharedList | None
    due: bool


class CoordinationRepository(Protocol):
    """Rows that one process at a time can have. All times are by one clock, whichever process asks; a row that is had runs out by itself.

    Everything raises `StoreUnavailable`.
    """

    async def first_to_answer(self, place: ConversationRef, event_id: str, by: str, *, lasts: timedelta) -> bool:
        """Whether what came in with this id in the workspace of a place is answered `by` whoever asks, and for so long by nobody else.

        `by` is another for each delivery. Until then admission knows what came in as it knows what it took.
        """
        ...

    async def hold(self, job: str, holder: str, *, lasts: timedelta) -> bool:
        """Whether the job is the holder's, from now on for so long: nobody else's until then."""
        ...

    async def let_go(self, holder: str) -> None:
        """All jobs of a holder are free at once."""
        ...

    async def reserve(self, key: str, *, calls: int, interval: timedelta, burst: int) -> timedelta:
        """Reserve so many calls of a budget, and answer in how long the first may be made: in the past where it might have been already.

        The others follow it, an interval apart each. Up to `burst` calls that nobody made may be made at once.
        """
        ...

    async def pause(self, key: str, *, lasts: timedelta) -> None:
        """Nobody may make a call of a budget for so long."""
        ...

    async def paused(self, key: str) -> timedelta:
        """For how long nobody may make a call of a budget; zero where one may."""
        ...

    async def read(self, kind: str, reader: str, *, fresh_for: timedelta, lasts: timedelta) -> Reading:
        """A list as it stands. Where it is older than that, the reader is told to read it, within `lasts`, unless another is at it."""
        ...

    async def write(self, kind: str, reader: str, rows: str) -> None:
        """A list as the reader read it. Nothing is written where the reader is not the one any more, or the list has `expired`."""
        ...

    async def expire(self, kind: str) -> None:
        """What a list shows has changed at the provider: whoever asks next reads it, also where another is at it."""
        ...

    async def forget_passed(self) -> int:
        """Delete what has run out and says nothing any more. How many rows."""
        ...

"""What several processes on one storage agree on: which of them live and run which sessions, who receives what, answers, does a job or
reads a list, and how much of a budget is left.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from bot.domain.conversations import ConversationRef
from bot.ports.processes import HeldShards
from bot.ports.storage.records import Lease, LivingProcess, Placement, ProcessProfile


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

        `by` is another for each delivery; who asks again has it for longer. Until then admission knows that somebody is `answering`.
        """
        ...

    async def answered(self, place: ConversationRef, event_id: str, by: str, *, lasts: timedelta) -> None:
        """What is answered `by` this one has been: for so long admission knows it as it knows what it took."""
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


# ---------------------------------------------------------------- workers


@dataclass(frozen=True, slots=True)
class Load:
    """What one worker runs of all that needs a run, and how many workers live."""

    hosted: int
    running: int
    workers: int

    @property
    def mean(self) -> float:
        return self.running / max(1, self.workers)

    @property
    def share(self) -> int:
        """How many sessions a worker claims before it leaves workspaces that nobody runs to others: an eighth above the mean, and one."""
        return math.ceil(self.mean * 9 / 8) + 1


SUSPECT_AFTER = 4
"""Deaths in a row of the processes that ran a session, after which it is run with no other that one may have died of."""


class WorkerRepository(Protocol):
    """Who may claim sessions. A lease lasts for some time and is renewed; without a time it lasts as long as its process.

    Times are those of one clock, whichever process asks: the server's, where there is a server. Everything raises `StoreUnavailable`.
    """

    async def enlist(
        self,
        worker_id: str,
        profile: ProcessProfile,
        *,
        lasts: timedelta | None,
        instead_of: str = "",
        spares: timedelta = timedelta(),
    ) -> None:
        """A new lease, instead of an earlier one of the same process. One that `lasts` for ever is had by the only process there is: all
        other workers are known to be dead, and what they held can be claimed at once, their jobs and replies too.

        Where the leases of several others ended together and nobody else lives, the database was away from them: for so long it `spares` them.
        Where somebody lives who spares them (`renew`), it does so for as long.
        """
        ...

    async def renew(
        self, worker_id: str, *, lasts: timedelta, due: timedelta = timedelta(), spares: timedelta = timedelta()
    ) -> bool:
        """Make the lease last for so long from now on, also one that has run out: what others claimed meanwhile is theirs. False for a
        worker that was dismissed.

        With less than `due` left of it this worker is late, and others may be: for so long it `spares` those whose lease is over.
        """
        ...

    async def held(self, worker_id: str) -> frozenset[Lease]:
        """The leases of all sessions that a worker holds."""
        ...

    async def dismiss(self, worker_id: str) -> None:
        """The worker is gone: what it still held can be claimed at once."""
        ...

    async def others_alive(self, worker_id: str) -> bool:
        """Whether another worker that runs sessions has a lease."""
        ...

    async def living(self) -> list[LivingProcess]:
        """All that hold their lease, oldest first."""
        ...

    async def placement(self, session_id: str) -> Placement | None:
        """Where a session runs; None for one that nobody living runs."""
        ...

    async def load(self, worker_id: str) -> Load:
        """How a worker stands beside all others that live."""
        ...

    async def claim(
        self, worker_id: str, *, room: int, but: Collection[str] = (), suspects: bool = True
    ) -> list[Lease]:
        """Take up to `room` sessions that need a run and that no living worker holds; raises each one's epoch.

        All sessions of a workspace are run by one worker: those of workspaces that it runs come first, those of workspaces that
        another living worker runs are left to that one. Of all others, oldest first, it takes no more than its share (`Load.share`).
        What it holds itself and does not run is answered too. A worker whose own lease has run out takes nothing. `but` names those of
        which it still has a run, where an earlier one has to end before the next begins, and those that it gives away. While it
        spares others (`renew`) those whose lease has run out hold what they held until they are dismissed. Of `suspects`, with which `SUSPECT_AFTER`
        processes in a row died, it takes one, and only where it takes nothing else.
        """
        ...


# ---------------------------------------------------------------- receiving


class ReceivingRepository(Protocol):
    """What gateways share among themselves. Everything raises `StoreUnavailable`."""

    async def others_receive(self, worker_id: str) -> bool:
        """Whether other living processes have the role of a gateway."""
        ...

    async def hold_shards(self, worker_id: str, platform: str, count: int) -> HeldShards:
        """The shards of a platform that a process has from now on, as `Receivers.hold` promises.

        Its share is that of one among all living gateways. One that has more gives one back each time it asks, so that those who came
        later get theirs.
        """
        ...

    async def talks(self, platform: str) -> Mapping[ConversationRef, str]:
        """By the place where a session that has not ended is talked to: the id of the last message accepted there, else of what opened it."""
        ...

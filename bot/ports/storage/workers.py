"""Processes that run sessions: their leases, and what each of them claims."""

import math
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from bot.ports.storage.records import Lease, LivingProcess, Placement, ProcessProfile


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


class WorkerRepository(Protocol):
    """Who may claim sessions. A lease lasts for some time and is renewed; without a time it lasts as long as its process.

    Times are those of one clock, whichever process asks: the server's, where there is a server. Everything raises `StoreUnavailable`.
    """

    async def enlist(
        self, worker_id: str, profile: ProcessProfile, *, lasts: timedelta | None, instead_of: str = ""
    ) -> None:
        """A new lease, instead of an earlier one of the same process. One that `lasts` for ever is had by the only process there is: all
        other workers are known to be dead, and what they held can be claimed at once, their jobs and replies too.
        """
        ...

    async def renew(self, worker_id: str, *, lasts: timedelta) -> bool:
        """Make the lease last for so long from now on, also one that has run out: what others claimed meanwhile is theirs. False for a
        worker that was dismissed.
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

    async def claim(self, worker_id: str, *, room: int, but: Collection[str] = ()) -> list[Lease]:
        """Take up to `room` sessions that need a run and that no living worker holds; raises each one's epoch.

        All sessions of a workspace are run by one worker: those of workspaces that it runs come first, those of workspaces that
        another living worker runs are left to that one. Of all others, oldest first, it takes no more than its share (`Load.share`).
        What it holds itself and does not run is answered too. A worker whose own lease has run out takes nothing. `but` names those of
        which it still has a run, where an earlier one has to end before the next begins, and those that it gives away.
        """
        ...

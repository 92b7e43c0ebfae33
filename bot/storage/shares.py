"""How work is shared out among living processes, by one rule for every storage: sessions to workers, shards of a platform to gateways."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot.ports.storage.coordination import Load
from bot.ports.storage.transactions import WorkspaceKey


@dataclass(frozen=True, slots=True)
class FreeSession:
    """`own`: the worker that chooses runs others of its workspace. `suspect`: its processes may have died of it."""

    id: str
    workspace: WorkspaceKey
    own: bool
    suspect: bool


def chosen(free: Sequence[FreeSession], load: Load, *, suspects: bool) -> list[str]:
    """Those that it takes of what is free, in that order: all of workspaces that it runs, and whole workspaces of others until it has its
    share. Of `suspects` it takes one, when nothing else is to be taken: of what its process dies then is known.
    """
    taken = _chosen([session for session in free if not session.suspect], load)
    return taken or (_chosen([session for session in free if session.suspect], load)[:1] if suspects else [])


def _chosen(free: Sequence[FreeSession], load: Load) -> list[str]:
    sizes = Counter(session.workspace for session in free)
    mine = {session.workspace for session in free if session.own}
    hosted = load.hosted + sum(sizes[workspace] for workspace in mine)
    for session in free:
        if session.workspace not in mine and hosted < load.share:
            mine.add(session.workspace)
            hosted += sizes[session.workspace]
    return [session.id for session in free if session.workspace in mine]


TOGETHER = timedelta(seconds=2)
"""Leases that are renewed every second end so close to each other where the database is away."""


def ended_together(over_for: Sequence[timedelta]) -> bool:
    """Whether all leases are over, and the last of them ended together with others. Below zero is one that lasts."""
    last = min(over_for, default=timedelta())
    return last >= timedelta() and sum(each - last <= TOGETHER for each in over_for) > 1


@dataclass(frozen=True, slots=True)
class SharedOut:
    """Which shards one gateway has afterwards, and which of them are new to it or were given back."""

    numbers: frozenset[int]
    taken: frozenset[int]
    given: frozenset[int]


def shared_out(holders: Mapping[int, str], me: str, living: Collection[str], spared: Collection[str] = ()) -> SharedOut:
    """`holders` says by number who had each last, `living` are all gateways whose lease holds; `me` counts as one of them. What those
    have that are `spared` is not free.
    """
    mine = sorted(number for number, holder in holders.items() if holder == me)
    free = sorted(number for number, holder in holders.items() if holder not in {me, *living, *spared})
    share = -(-len(holders) // len({*living, me}))
    taken, given = frozenset(free[: max(0, share - len(mine))]), frozenset(mine[share : share + 1])
    return SharedOut(frozenset(mine) - given | taken, taken, given)

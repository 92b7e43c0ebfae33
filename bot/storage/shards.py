"""How the shards of a platform are shared out among the living gateways: one rule for every storage."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SharedOut:
    """Which shards one gateway has afterwards, and which of them are new to it or were given back."""

    numbers: frozenset[int]
    taken: frozenset[int]
    given: frozenset[int]


def shared_out(holders: Mapping[int, str], me: str, living: Collection[str]) -> SharedOut:
    """`holders` says by number who had each last, `living` are all gateways whose lease holds; `me` counts as one of them."""
    mine = sorted(number for number, holder in holders.items() if holder == me)
    free = sorted(number for number, holder in holders.items() if holder != me and holder not in living)
    share = -(-len(holders) // len({*living, me}))
    taken, given = frozenset(free[: max(0, share - len(mine))]), frozenset(mine[share : share + 1])
    return SharedOut(frozenset(mine) - given | taken, taken, given)

"""Which of several processes is delivered what people write, where a platform gives each a part of it."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class HeldShards:
    """Of the `count` parts (shards) into which a platform divides what it delivers, those that a process has."""

    count: int
    numbers: frozenset[int]


class Receivers(Protocol):
    """The living processes that receive, this one among them."""

    @property
    def others(self) -> bool:
        """Whether other processes receive too, as of some seconds ago."""
        ...

    async def hold(self, platform: str, count: int) -> HeldShards:
        """What this process has from now on: of what it had what is still its own, and its share of what nobody living has.

        There are `count` shards, unless others have some already: then as many as there were for them. Asked again and again; what it does
        not have any more is to be given up at once. Raises `StoreUnavailable`: then it has what it had.
        """
        ...

    async def run(self) -> None:
        """Look for others until cancelled."""
        ...


class OnlyReceiver:
    """`Receivers` where there is one process."""

    others = False

    async def hold(self, _platform: str, count: int) -> HeldShards:
        return HeldShards(count, frozenset(range(count)))

    async def run(self) -> None:
        """There is nobody to look for."""


ONLY_RECEIVER = OnlyReceiver()

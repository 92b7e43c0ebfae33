"""Which part of all servers a process serves."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shards:
    """Shards `first` to `last` of `count`, all counted from 0. Written `0-3/16`, or `0/1`."""

    first: int
    last: int
    count: int

    def __str__(self) -> str:
        return f"{self.first}-{self.last}/{self.count}"

    @property
    def ids(self) -> list[int]:
        return list(range(self.first, self.last + 1))

    @classmethod
    def parse(cls, text: str) -> "Shards":
        """Raises `ValueError` with what is wrong."""
        found = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?/(\d{1,5})", text.strip())
        if found is None:
            raise ValueError(
                "has to look like 0-3/16: the first and the last shard of this process, and how many there are"
            )
        first, count = int(found[1]), int(found[3])
        last = int(found[2] or first)
        if not first <= last < count:
            raise ValueError(f"names shards that do not exist: they go from 0 to {max(0, count - 1)}")
        return cls(first, last, count)

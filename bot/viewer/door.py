"""Sockets that have not shown a grant yet: few per address, and not for long."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

AT_ONCE = 20
"""Unauthenticated sockets per address."""
GRANT_WITHIN_S = 2.0


class Door:
    def __init__(self) -> None:
        self._waiting: Counter[str] = Counter()

    @contextmanager
    def waiting(self, address: str) -> Iterator[bool]:
        """Stand at the door within the block; False when too many from this address do already."""
        if self._waiting[address] >= AT_ONCE:
            yield False
            return
        self._waiting[address] += 1
        try:
            yield True
        finally:
            self._waiting[address] -= 1
            if not self._waiting[address]:
                del self._waiting[address]

"""Sockets of one address that have not shown a grant yet, sockets of one link, and how often a link may be joined."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

AT_ONCE = 20
"""Unauthenticated sockets per address."""
GRANT_WITHIN_S = 2.0

SOCKETS_PER_LINK = 5
JOIN_EVERY_S = 1.0
"""Between two times that sockets of one link begin to watch: each reads the transcript and is told to everybody."""


class ConnectionLimit:
    """Sockets that have not shown a grant. When too many of an address have not, the one that says nothing for longest leaves."""

    def __init__(self) -> None:
        self._waiting: defaultdict[str, dict[asyncio.Timeout, None]] = defaultdict(dict)

    @contextmanager
    def waiting(self, address: str, patience: asyncio.Timeout) -> Iterator[None]:
        """Be one of them within the block. Making room ends `patience`, inside of which the block has to stand."""
        waiting = self._waiting[address]
        while len(waiting) >= AT_ONCE:
            oldest = next(iter(waiting))
            del waiting[oldest]
            oldest.reschedule(asyncio.get_running_loop().time())
        waiting[patience] = None
        try:
            yield
        finally:
            self._waiting[address].pop(patience, None)
            if not self._waiting[address]:
                del self._waiting[address]


class LinkSockets:
    """The sockets of each link, by its id."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()
        self._next_join: dict[str, float] = {}

    @contextmanager
    def counted(self, link: str) -> Iterator[bool]:
        """Be one of them within the block; False when there are enough already."""
        if self._open[link] >= SOCKETS_PER_LINK:
            yield False
            return
        self._open[link] += 1
        try:
            yield True
        finally:
            self._open[link] -= 1
            if not self._open[link]:
                del self._open[link]
                self._forget_old_joins()

    async def join(self, link: str) -> None:
        """Wait for the link's turn to begin watching."""
        now = asyncio.get_running_loop().time()
        at = max(now, self._next_join.get(link, 0.0))
        self._next_join[link] = at + JOIN_EVERY_S
        await asyncio.sleep(at - now)

    def _forget_old_joins(self) -> None:
        now = asyncio.get_running_loop().time()
        self._next_join = {link: at for link, at in self._next_join.items() if at > now}

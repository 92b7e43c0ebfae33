"""Who watches which session at the moment, in this process."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bot.viewer.wire import Audience

Told = Callable[[Audience], None]


class Audiences:
    """Everybody in an audience is told whenever it changes."""

    def __init__(self) -> None:
        self._seats: defaultdict[str, dict[object, tuple[str, Told]]] = defaultdict(dict)

    @contextmanager
    def seated(self, session_id: str, name: str, told: Told) -> Iterator[None]:
        """Be seen watching within the block."""
        seat = object()
        self._seats[session_id][seat] = (name, told)
        self._announce(session_id)
        try:
            yield
        finally:
            del self._seats[session_id][seat]
            self._announce(session_id)

    def _announce(self, session_id: str) -> None:
        seats = self._seats[session_id]
        audience = Audience(len(seats), tuple(sorted({name for name, _ in seats.values() if name})))
        for _, told in seats.values():
            told(audience)
        if not seats:
            del self._seats[session_id]

"""Who watches which session at the moment, in this process."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bot.web.viewer.wire import Audience

Told = Callable[[Audience], None]


class Presence:
    """Everybody in an audience is told whenever it changes. Whoever watches in several windows counts once."""

    def __init__(self) -> None:
        self._present: defaultdict[str, dict[object, tuple[str, str, Told]]] = defaultdict(dict)

    @contextmanager
    def present(self, session_id: str, viewer: str, name: str, told: Told) -> Iterator[None]:
        """Be seen watching within the block. `viewer` is who it is, `name` what people call them, if anything."""
        place = object()
        self._present[session_id][place] = (viewer, name, told)
        self._announce(session_id)
        try:
            yield
        finally:
            del self._present[session_id][place]
            self._announce(session_id)

    def _announce(self, session_id: str) -> None:
        there = self._present[session_id]
        people = {viewer: name for viewer, name, _ in there.values()}
        audience = Audience(len(people), tuple(sorted(filter(None, people.values()))))
        for _, _, told in there.values():
            told(audience)
        if not there:
            del self._present[session_id]

"""Who watches which session at the moment: pages of this process, and other processes for theirs."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from bot.web.viewer.wire import Audience

Told = Callable[[Audience], None]
People = Mapping[str, str]
"""Who watches, by who they are: what people call them, if anything."""


@dataclass(slots=True)
class _Place:
    """A page, or a process."""

    people: People
    told: Told


class Presence:
    """Everybody in an audience is told whenever it changes. Whoever watches in several windows counts once."""

    def __init__(self) -> None:
        self._present: defaultdict[str, dict[object, _Place]] = defaultdict(dict)
        self._summed: dict[str, Callable[[People], None]] = {}

    @contextmanager
    def present(self, session_id: str, viewer: str, name: str, told: Told) -> Iterator[None]:
        """Be seen watching within the block. `viewer` is who it is, `name` what people call them, if anything."""
        with self.standing_for(session_id, told) as stand:
            stand({viewer: name})
            yield

    @contextmanager
    def standing_for(self, session_id: str, told: Told) -> Iterator[Callable[[People], None]]:
        """Within the block the people that what is given was last called with are seen watching."""
        key = object()
        place = self._present[session_id][key] = _Place({}, told)

        def stand(people: People) -> None:
            place.people = people
            self._announce(session_id)

        try:
            yield stand
        finally:
            del self._present[session_id][key]
            self._announce(session_id)

    @contextmanager
    def summed_by(self, session_id: str, report: Callable[[People], None]) -> Iterator[Told]:
        """Within the block another process says who watches in all: it is told of the people here, and what is given tells those."""
        self._summed[session_id] = report
        report(self._people(session_id))
        try:
            yield lambda audience: self._tell(session_id, audience)
        finally:
            del self._summed[session_id]
            self._announce(session_id)

    def _people(self, session_id: str) -> People:
        return {who: name for place in self._there(session_id) for who, name in place.people.items()}

    def _there(self, session_id: str) -> list[_Place]:
        return list(self._present.get(session_id, {}).values())

    def _announce(self, session_id: str) -> None:
        people = self._people(session_id)
        if report := self._summed.get(session_id):
            report(people)
        else:
            self._tell(session_id, Audience(len(people), tuple(sorted(filter(None, people.values())))))
        if not self._there(session_id):
            self._present.pop(session_id, None)

    def _tell(self, session_id: str, audience: Audience) -> None:
        for place in self._there(session_id):
            place.told(audience)

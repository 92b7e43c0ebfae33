"""Who was told that the avatar of a session is an AI, among those who read its thread."""

from collections.abc import Iterable


class Encounters:
    """The one place that decides "not yet told". One for each run: what an earlier run told is told again, rather than not at all."""

    def __init__(self) -> None:
        self._anybody = False
        self._people: set[str] = set()

    def due(self, people: Iterable[str]) -> bool:
        """Whether the next word of the avatar is somebody's first: of those who read along, or of these people, who wrote to it."""
        return not (self._anybody and self._people.issuperset(people))

    def told(self, people: Iterable[str]) -> None:
        """A message that discloses stands in the thread; these people wrote before it."""
        self._anybody = True
        self._people.update(people)

"""Who was told that the avatar of a session is an AI, among those who read its thread."""

from collections.abc import Awaitable, Callable, Collection, Iterable


class Encounters:
    """The one place that decides "not yet told". One for each run: what an earlier run told is told again, rather than not at all."""

    def __init__(self) -> None:
        self._anybody = False
        self._people: set[str] = set()
        self._authors: set[str] = set()
        self._doubted = True

    def wrote(self, person_id: str) -> None:
        """Somebody wrote to the avatar; `''` is nobody."""
        self._authors |= {person_id} - {""}

    def doubt(self) -> None:
        """Others may have written."""
        self._doubted = True

    async def authors(self, read: Callable[[], Awaitable[Collection[str]]]) -> frozenset[str]:
        """Everybody who wrote to the avatar, read where that is in doubt. Raises `StoreUnavailable`."""
        if self._doubted:
            self._doubted = False
            try:
                self._authors |= set(await read())
            except BaseException:
                self._doubted = True
                raise
        return frozenset(self._authors)

    def due(self, people: Iterable[str]) -> bool:
        """Whether the next word of the avatar is somebody's first: of those who read along, or of these people, who wrote to it."""
        return not (self._anybody and self._people.issuperset(people))

    def told(self, people: Iterable[str]) -> None:
        """A message that discloses stands in the thread; these people wrote before it."""
        self._anybody = True
        self._people.update(people)

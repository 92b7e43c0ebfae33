"""A database that goes away and comes back, under one process."""

from collections.abc import Callable

from bot.storage.connections import DatabaseAway, Work
from tests.world_fixture import CuttableStore, Stack, T


class Reachable(CuttableStore):
    """A store that may be away."""

    away = False

    async def read(self, work: Work[T]) -> T:
        return await super().read(self._unless_away(work))

    async def write_late(self, make: Callable[[], Work[T]]) -> T:
        return await super().write_late(lambda: self._unless_away(make()))

    def _unless_away(self, work: Work[T]) -> Work[T]:
        def reached(connection: object) -> T:
            if self.away:
                raise DatabaseAway("The database does not answer. Please try again in a moment.")
            return work(connection)  # type: ignore[arg-type] # as it was given

        return reached


def store_of(stack: Stack) -> Reachable:
    store = stack.stores[-1]
    assert isinstance(store, Reachable)
    return store

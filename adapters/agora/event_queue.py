"""The events of one connection, from who hears them to who reads them."""

import asyncio
from typing import Self

from bot.ports.room import ConnectionLost, RoomEvent


class EventQueue:
    """Read once, to its end, by a reader who does not wait between two events: media that cannot be taken in time is left out before
    it comes here. Not a generator: one that is left half read needs somebody to close it.
    """

    def __init__(self) -> None:
        self.over = False
        self._queue: asyncio.Queue[RoomEvent | None] = asyncio.Queue()

    def put(self, event: RoomEvent) -> None:
        """Never waits. Nothing follows a `ConnectionLost`."""
        if self.over:
            return
        self._queue.put_nowait(event)
        if isinstance(event, ConnectionLost):
            self.close()

    def close(self) -> None:
        """Nothing comes any more; what waits can still be read."""
        if not self.over:
            self.over = True
            self._queue.put_nowait(None)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> RoomEvent:
        event = await self._queue.get()
        if event is None:
            self._queue.put_nowait(None)  # the end stays the end
            raise StopAsyncIteration
        return event

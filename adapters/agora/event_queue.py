"""The events of one connection, from who hears them to who reads them."""

import asyncio
from collections.abc import Callable
from typing import Final, Self

from adapters.agora.media import KeyframeGate
from bot.ports.room import ConnectionLost, RoomEvent, VideoFrame

KEY_FRAME_EVERY: Final = 0.5
"""Seconds between two requests for a key frame."""


class EventQueue:
    """Read once, to its end. A reader who falls behind loses media, and `starved` is called with the uid whose key frame it takes
    to go on. Not a generator: one that is left half read needs somebody to close it.
    """

    def __init__(self, starved: Callable[[str], None]) -> None:
        self.over = False
        self._starved = starved
        self._starved_again_at = 0.0
        self._queue: asyncio.Queue[RoomEvent | None] = asyncio.Queue()
        self._gate = KeyframeGate()

    def put(self, event: RoomEvent) -> None:
        """Never waits. Nothing follows a `ConnectionLost`."""
        if self.over:
            return
        if self._gate.admits(event, self._queue.qsize()):
            self._queue.put_nowait(event)
        elif isinstance(event, VideoFrame):
            self._starve(event.uid)
        if isinstance(event, ConnectionLost):
            self.close()

    def close(self) -> None:
        """Nothing comes any more; what waits can still be read."""
        if not self.over:
            self.over = True
            self._queue.put_nowait(None)

    def _starve(self, uid: str) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._starved_again_at:
            self._starved_again_at = now + KEY_FRAME_EVERY
            self._starved(uid)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> RoomEvent:
        event = await self._queue.get()
        if event is None:
            self._queue.put_nowait(None)  # the end stays the end
            raise StopAsyncIteration
        return event

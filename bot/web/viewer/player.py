"""Picture and sound for one page, at the pace at which it takes them."""

import asyncio
from collections import deque
from collections.abc import Callable

from starlette.websockets import WebSocket

from bot.media.events import MediaFanout
from bot.media.keyframes import MediaFrame
from bot.web.viewer.backpressure import FrameBackpressure
from bot.web.viewer.wire import pack


class Player:
    """A `MediaSink`. `wake` is called when there is something to `send`."""

    def __init__(self, media: MediaFanout, wake: Callable[[], None]) -> None:
        self.media = media
        self._wake = wake
        self._flow = FrameBackpressure()
        self._unsent: deque[tuple[int, bytes]] = deque()
        self._sent = 0

    def take(self, frame: MediaFrame) -> None:
        admitted = self._flow.admit(frame, asyncio.get_running_loop().time())
        if admitted is not None:
            self._unsent.append((admitted.number, pack(frame, admitted.number, gap=admitted.gap)))
            self._wake()
        self._ask()

    def discontinuity(self) -> None:
        """The decoder, here or there, has to begin anew."""
        self._flow.discontinuity()
        self._ask()

    def interrupted(self) -> None:
        """What waits here has waited for less than people notice."""

    def acknowledge(self, number: int) -> None:
        """The page has taken what was sent up to `number`."""
        self._flow.acknowledge(min(number, self._sent))
        self._ask()

    async def send(self, socket: WebSocket) -> None:
        """Send what waits: as much as `FrameBackpressure` lets wait."""
        while self._unsent:
            self._sent, packed = self._unsent.popleft()
            await socket.send_bytes(packed)

    def _ask(self) -> None:
        if self._flow.wants_key:
            self.media.want_key_frame()

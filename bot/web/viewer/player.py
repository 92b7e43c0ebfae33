"""Picture and sound for one page, at the pace at which it takes them."""

import asyncio
from collections import deque
from collections.abc import Callable

from starlette.websockets import WebSocket

from bot.media.events import MediaFanout, SharedFrame
from bot.ports.room import VideoFrame
from bot.web.viewer.backpressure import FrameBackpressure
from bot.web.viewer.wire import on_wire, pack


class Player:
    """A `MediaSink`. `write` sends what it is given at once, as it stands on the wire, or says that it cannot; then it waits here, and
    `wake` is called: there is something to `send`. `pictured`, by default the
    session's own, is told how many seconds the first picture took.
    """

    def __init__(
        self,
        media: MediaFanout,
        wake: Callable[[], None],
        write: Callable[[bytes], bool],
        pictured: Callable[[float], object] | None = None,
    ) -> None:
        self.media = media
        self._pictured = pictured or media.pictured
        self._wake = wake
        self._write = write
        self._flow = FrameBackpressure()
        self._unsent: deque[SharedFrame] = deque()
        self._sent = 0
        self._blank_since: float | None = 0.0  # until the first picture

    def take(self, frame: SharedFrame) -> None:
        if not self._flow.admits(frame.media, frame.number, frame.at):
            self._ask()
            return
        if self._blank_since is not None and isinstance(frame.media, VideoFrame):
            self._pictured(frame.at - self._blank_since)
            self._blank_since = None
        if not self._unsent and self._write(frame.made(on_wire)):
            self._sent = frame.number
        else:
            self._unsent.append(frame)
            self._wake()

    def discontinuity(self) -> None:
        """The decoder, here or there, has to begin anew."""
        self._flow.discontinuity()
        if self._blank_since is not None:
            self._blank_since = asyncio.get_running_loop().time()
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
            frame = self._unsent.popleft()
            self._sent = frame.number
            await socket.send_bytes(pack(frame.media, frame.number))

    def _ask(self) -> None:
        if self._flow.wants_key:
            self.media.want_key_frame()

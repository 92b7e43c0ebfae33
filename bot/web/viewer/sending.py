"""What goes to whoever watches over a WebSocket: kept as state, so that who is slow skips instead of filling memory."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from starlette.websockets import WebSocket

from bot.media.events import MediaFanout, SharedFrame
from bot.media.keyframes import BEHIND_S, KeyframeGate, MediaFrame
from bot.ports.room import VideoFrame
from bot.web.http_limits import WRITE_WHOLE
from bot.web.viewer.wire import on_wire, pack


class FrameBackpressure:
    """Which frames are sent to one page: none beyond what it can take, and after a gap none before the next key frame.

    Times are seconds of one clock that never goes back; numbers grow from frame to frame.
    """

    def __init__(self) -> None:
        self._unacknowledged: deque[tuple[int, float]] = deque()
        self._stopped = False  # both tracks, until the viewer has caught up
        self._gate = KeyframeGate()
        self._gate.discontinuity()

    @property
    def wants_key(self) -> bool:
        """Whether no picture can go out before the next key frame."""
        return self._gate.awaits_key and not self._stopped

    def admits(self, frame: MediaFrame, number: int, now: float) -> bool:
        """Whether the viewer gets it; if so, it counts as sent."""
        if self._unacknowledged and now - self._unacknowledged[0][1] > BEHIND_S:
            self._stopped = True
            self.discontinuity()
        if not self._gate.admits(frame, room=not self._stopped):
            return False
        self._unacknowledged.append((number, now))
        return True

    def acknowledge(self, number: int) -> None:
        """The viewer has taken everything up to `number`."""
        while self._unacknowledged and self._unacknowledged[0][0] <= number:
            self._unacknowledged.popleft()
        self._stopped = self._stopped and bool(self._unacknowledged)

    def discontinuity(self) -> None:
        """Begin anew with a key frame, whatever the reason."""
        self._gate.discontinuity()


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


F = TypeVar("F")


class NewestFrames(Generic[F]):
    """Sends what changed since it last sent: of frames of one name the newest, then what its `player` has."""

    def __init__(
        self,
        socket: WebSocket,
        media: MediaFanout,
        encode: Callable[[F], str],
        *,
        sent: Callable[[F], None] = lambda _: None,
        pictured: Callable[[float], object] | None = None,
    ) -> None:
        """`sent` is called with each frame that was sent; `pictured` is the player's."""
        self._socket = socket
        self._encode = encode
        self._sent = sent
        self._unsent: dict[str, F] = {}
        self._woken = asyncio.Event()
        self._rests = False
        self._write = socket.scope.get("extensions", {}).get(WRITE_WHOLE, _cannot)
        self.player = Player(media, self._woken.set, self._write_at_once, pictured)

    def show(self, name: str, frame: F) -> None:
        """Have a frame sent; one that was not sent yet under the same name is replaced."""
        self._unsent[name] = frame
        self._woken.set()

    def holds(self, name: str) -> bool:
        """Whether a frame of that name was not sent yet."""
        return name in self._unsent

    async def write(self) -> None:
        """Send until cancelled or the other end is gone."""
        while True:
            self._rests = True
            await self._woken.wait()
            self._woken.clear()
            self._rests = False
            unsent, self._unsent = self._unsent, {}
            for frame in unsent.values():
                await self._socket.send_text(self._encode(frame))
                self._sent(frame)
            await self.player.send(self._socket)

    def _write_at_once(self, message: bytes) -> bool:
        """Unless something else has to be sent before."""
        return self._rests and not self._unsent and self._write(message)


def _cannot(_message: bytes) -> bool:
    """Of a server that is not ours."""
    return False

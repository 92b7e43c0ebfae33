"""What becomes of pictures and sound on their way to the bot: joined where they come in crumbs, left out where it cannot keep up."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from bot.media.keyframes import Backlog, KeyframeGate, KeyframeThrottle
from bot.ports.room import AudioFrame, RoomEvent, VideoFrame


class MediaOutlet:
    """What of one connection's events goes into the socket to the bot. `ask` is called with the uid whose key frame it takes to go on
    after a gap. Everything that is not media always passes.
    """

    def __init__(self, ask: Callable[[str], None]) -> None:
        self._ask = ask
        self._backlog = Backlog()
        self._gate = KeyframeGate()
        self._throttle = KeyframeThrottle()

    def admits(self, event: RoomEvent, unsent: int, now: float) -> bool:
        """`unsent` bytes wait in the socket, all connections' of this process."""
        behind = self._backlog.behind(unsent, now)
        if not isinstance(event, VideoFrame | AudioFrame) or self._gate.admits(event, room=not behind):
            return True
        if self._gate.awaits_key and not behind and not self._throttle.take(now):
            self._ask(event.uid)
        return False


PIECE_US: Final = 20_000


class FrameCoalescer:
    """Makes pieces of 20 ms of the SDK's 10 ms: half as many messages, here and to every viewer."""

    def __init__(self) -> None:
        self._first: AudioFrame | None = None

    def put(self, frame: AudioFrame) -> tuple[AudioFrame, ...]:
        """What is whole now. Nothing is lost, and nothing joined that does not belong together."""
        first, self._first = self._first, None
        if first is not None and _continues(first, frame):
            return (replace(first, data=first.data + frame.data),)
        whole = () if first is None else (first,)
        if _duration(frame) >= PIECE_US:
            return (*whole, frame)
        self._first = frame
        return whole


def _continues(first: AudioFrame, frame: AudioFrame) -> bool:
    """Whether `frame` begins where `first` ends."""
    same_voice = (first.uid, first.sample_rate, first.channels) == (frame.uid, frame.sample_rate, frame.channels)
    return same_voice and frame.pts_us == first.pts_us + _duration(first)


def _duration(frame: AudioFrame) -> int:
    return len(frame.data) * 1_000_000 // (2 * frame.channels * frame.sample_rate)

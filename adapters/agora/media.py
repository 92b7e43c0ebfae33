"""What becomes of pictures and sound on their way: joined where they come in crumbs, dropped where somebody cannot keep up."""

from dataclasses import replace
from typing import Final

from bot.ports.room import AudioFrame, RoomEvent, VideoFrame

LIMIT: Final = 500
"""Events that may wait for a reader before media is dropped: about three seconds of 15 pictures and 100 sounds a second."""


class KeyframeGate:
    """Lets media through while the backlog is small. After a picture was dropped the next one must be a key frame:
    a decoder shows wrong pictures for every delta that follows a gap. Everything that is not media always passes.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self.awaits_key = False

    def admits(self, event: RoomEvent, backlog: int) -> bool:
        match event:
            case VideoFrame():
                self.awaits_key = backlog > self._limit or (self.awaits_key and not event.key)
                return not self.awaits_key
            case AudioFrame():
                return backlog <= self._limit
            case _:
                return True


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

"""What becomes of pictures and sound when somebody cannot keep up."""

from typing import Final

from bot.ports.room import AudioFrame, SeatEvent, VideoFrame

LIMIT: Final = 500
"""Events that may wait for a reader before media is dropped: about three seconds of 15 pictures and 100 sounds a second."""


class Valve:
    """Lets media through while the backlog is small. After a picture was dropped the next one must be a key frame:
    a decoder shows wrong pictures for every delta that follows a gap. Everything that is not media always passes.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self.awaits_key = False

    def admits(self, event: SeatEvent, backlog: int) -> bool:
        match event:
            case VideoFrame():
                self.awaits_key = backlog > self._limit or (self.awaits_key and not event.key)
                return not self.awaits_key
            case AudioFrame():
                return backlog <= self._limit
            case _:
                return True

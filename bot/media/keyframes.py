"""Which pictures go on past a queue that is full, and how often a key frame is asked for. Pure: times are arguments.

Used where a queue really is: at the socket of the room's process, in its adapter, and at the socket of each viewer (`bot/web/viewer`).
"""

import math
from typing import Final

from bot.ports.room import AudioFrame, VideoFrame

MediaFrame = VideoFrame | AudioFrame

BEHIND_S: Final = 0.7
"""A reader who has not taken for so long what was given to them cannot keep up. Buffers of the network hide it from a queue: they
swallow over a megabyte and play old pictures for seconds."""

ASK_EVERY_S: Final = 0.5
"""Between two requests for a key frame, each of which costs the avatar's encoder a large picture."""


class KeyframeGate:
    """Lets sound pass while there is room, and a picture where the decoder has all that came before it, or at a key frame: every
    delta after a lost picture is shown wrong, without an error.
    """

    def __init__(self) -> None:
        self.awaits_key = False

    def admits(self, frame: MediaFrame, *, room: bool) -> bool:
        """Whether this frame goes on; one that does not is lost. `room`: whether the queue has room for it."""
        if isinstance(frame, AudioFrame):
            return room
        self.awaits_key = not room or (self.awaits_key and not frame.key)
        return not self.awaits_key

    def discontinuity(self) -> None:
        """What comes next does not continue what came before."""
        self.awaits_key = True


class Backlog:
    """Whether what waits in a buffer has waited for longer than `BEHIND_S`."""

    def __init__(self) -> None:
        self._since = math.inf

    def behind(self, waiting: int, now: float) -> bool:
        """`waiting` is how much the buffer holds, `now` seconds of a clock that never goes back."""
        self._since = min(self._since, now) if waiting else math.inf
        return now - self._since > BEHIND_S


class KeyframeThrottle:
    """Lets a request for a key frame through every `ASK_EVERY_S`."""

    def __init__(self) -> None:
        self._next = -math.inf

    def take(self, now: float) -> float:
        """0, and the request counts as made, or the seconds after which it may be made."""
        wait = max(0.0, self._next - now)
        if not wait:
            self._next = now + ASK_EVERY_S
        return wait

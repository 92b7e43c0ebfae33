"""What of a stream one viewer gets: no picture that its decoder cannot show, and nothing that it would show late."""

from collections import deque
from dataclasses import dataclass

from bot.media.fanout import MediaFrame
from bot.ports.room import VideoFrame

BEHIND_S = 0.7
"""What was sent this long ago and is not acknowledged says that the viewer cannot keep up. Buffers of the network hide it from a
queue: they swallow over a megabyte and play old pictures for seconds."""


@dataclass(frozen=True, slots=True)
class SentFrame:
    """A frame that goes to the viewer as `number`; `gap` says that it does not continue the one before it."""

    number: int
    gap: bool


class FrameBackpressure:
    """Times are seconds of one clock that never goes back."""

    def __init__(self) -> None:
        self._numbers = 0
        self._unacknowledged: deque[tuple[int, float]] = deque()
        self._stopped = False  # both tracks, until the viewer has caught up
        self._awaits_key = True
        self._gaps: set[type[MediaFrame]] = set()

    @property
    def wants_key(self) -> bool:
        """Whether no picture can go out before the next key frame."""
        return self._awaits_key and not self._stopped

    def admit(self, frame: MediaFrame, now: float) -> SentFrame | None:
        """Whether the viewer gets it; if so, it counts as sent."""
        if self._unacknowledged and now - self._unacknowledged[0][1] > BEHIND_S:
            self._stopped = True
            self.discontinuity()
        if self._stopped or not self._shows(frame):
            self._gaps.add(type(frame))
            return None
        gap = type(frame) in self._gaps
        self._gaps.discard(type(frame))
        self._numbers += 1
        self._unacknowledged.append((self._numbers, now))
        return SentFrame(self._numbers, gap)

    def acknowledge(self, number: int) -> None:
        """The viewer has taken everything up to `number`."""
        while self._unacknowledged and self._unacknowledged[0][0] <= number:
            self._unacknowledged.popleft()
        self._stopped = self._stopped and bool(self._unacknowledged)

    def discontinuity(self) -> None:
        """Begin anew with a key frame, whatever the reason."""
        self._awaits_key = True

    def _shows(self, frame: MediaFrame) -> bool:
        """Sound always, a picture from a key frame on: every delta after a lost one is shown wrong, without an error."""
        if isinstance(frame, VideoFrame):
            self._awaits_key = self._awaits_key and not frame.key
            return not self._awaits_key
        return True

"""What of a stream one viewer gets: no picture that its decoder cannot show, and nothing that it would show late."""

from collections import deque
from dataclasses import dataclass

from bot.media.keyframes import BEHIND_S, KeyframeGate, MediaFrame


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
        self._gate = KeyframeGate()
        self._gate.discontinuity()
        self._gaps: set[type[MediaFrame]] = set()

    @property
    def wants_key(self) -> bool:
        """Whether no picture can go out before the next key frame."""
        return self._gate.awaits_key and not self._stopped

    def admit(self, frame: MediaFrame, now: float) -> SentFrame | None:
        """Whether the viewer gets it; if so, it counts as sent."""
        if self._unacknowledged and now - self._unacknowledged[0][1] > BEHIND_S:
            self._stopped = True
            self.discontinuity()
        if not self._gate.admits(frame, room=not self._stopped):
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
        self._gate.discontinuity()

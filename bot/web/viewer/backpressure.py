"""What of a stream one viewer gets: no picture that its decoder cannot show, and nothing that it would show late."""

from collections import deque

from bot.media.keyframes import BEHIND_S, KeyframeGate, MediaFrame


class FrameBackpressure:
    """Times are seconds of one clock that never goes back; numbers grow from frame to frame."""

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

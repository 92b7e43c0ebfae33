"""The avatar's sound as discord.py's player wants it: frames of 20 ms at 48 kHz in stereo, one for each time it asks."""

import audioop
import threading
from typing import Final

import discord

from bot.ports.room import AudioFrame

RATE: Final = 48_000
FRAME_BYTES: Final = 3_840
"""20 ms of 16 bit stereo."""

LEAD_FRAMES: Final = 3
"""Frames between the first sound after a silence and its being played, so that a late piece leaves no gap: 60 ms."""

LONGEST_BYTES: Final = 20 * FRAME_BYTES
"""400 ms. What would be heard later than that is left out, the oldest first."""

TRIM_EVERY: Final = 100
"""Frames, 2 s, after which the time that always waited beyond the lead is left out: a stall of the network would be heard for ever."""

SILENCE: Final = bytes(FRAME_BYTES)
OPUS_SILENCE: Final = b"\xf8\xff\xfe"
"""What the voice protocol has for silence; nothing has to be encoded for it."""


class QueuedAudioSource(discord.AudioSource):
    """Fed from any thread, read by the player's. Silence where there is nothing, as the end of a source ends the player."""

    def __init__(self) -> None:
        self.gaps = 0
        """How many times it ran dry: at the end of each talk, and where pieces came too late."""
        self._lock = threading.Lock()
        self._waiting = bytearray()
        self._format = (0, 0)
        self._state: object = None
        self._silent = False
        self._reset()

    def put(self, frame: AudioFrame) -> None:
        """Never waits. 16 bit little-endian, mono or stereo, at any rate."""
        with self._lock:
            self._waiting += self._converted(frame)
            if (excess := len(self._waiting) - LONGEST_BYTES) > 0:
                del self._waiting[:excess]

    def flush(self) -> None:
        """Nothing of what waits is wanted any more."""
        with self._lock:
            self._waiting.clear()
            self._reset()

    def read(self) -> bytes:
        """The next 20 ms."""
        with self._lock:
            frame = self._next()
        self._silent = frame == SILENCE
        return OPUS_SILENCE if self._silent else frame

    def is_opus(self) -> bool:
        """Of what was read last: silence is encoded already."""
        return self._silent

    # ------------------------------------------------------------ with the lock held

    def _reset(self) -> None:
        self._lead = LEAD_FRAMES
        self._least = LONGEST_BYTES
        self._reads = 0

    def _next(self) -> bytes:
        if not self._waiting:
            if not self._lead:
                self.gaps += 1
            self._reset()
            return SILENCE
        if self._lead:
            self._lead -= 1
            return SILENCE
        frame = bytes(self._waiting[:FRAME_BYTES]).ljust(FRAME_BYTES, b"\0")
        del self._waiting[:FRAME_BYTES]
        self._trim()
        return frame

    def _trim(self) -> None:
        self._least = min(self._least, len(self._waiting))
        self._reads += 1
        if self._reads < TRIM_EVERY:
            return
        excess = self._least - LEAD_FRAMES * FRAME_BYTES
        if excess > 0:
            del self._waiting[: excess - excess % 4]
        self._least, self._reads = LONGEST_BYTES, 0

    def _converted(self, frame: AudioFrame) -> bytes:
        """Rates are changed sample by sample across pieces, so that no piece begins with a click."""
        if self._format != (frame.sample_rate, frame.channels):
            self._format, self._state = (frame.sample_rate, frame.channels), None
        mono = frame.data if frame.channels == 1 else audioop.tomono(frame.data, 2, 0.5, 0.5)
        wide, self._state = audioop.ratecv(mono, 2, 1, frame.sample_rate, RATE, self._state)  # type: ignore[arg-type]
        return audioop.tostereo(wide, 2, 1, 1)

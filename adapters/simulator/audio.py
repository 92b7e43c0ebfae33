"""What a voice sounds like in a simulator that cannot speak: a few notes of its own."""

import io
import math
import wave
import zlib
from array import array

RATE = 16_000
NOTE_S = 0.14
SCALE = (261.6, 293.7, 329.6, 392.0, 440.0, 523.3, 587.3, 659.3)
"""Pentatonic, in hertz: whatever the voice, it is a tune."""

NOTES = 5


def chime(voice_id: str) -> bytes:
    """A WAV file, always the same for the same voice."""
    return wav(b"".join(map(_note, _melody(voice_id))))


def wav(pcm: bytes) -> bytes:
    """A WAV file of 16 bit PCM, mono, at `RATE`."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        sound.writeframes(pcm)
    return file.getvalue()


def _melody(voice_id: str) -> list[float]:
    seed = zlib.crc32(voice_id.encode())
    return [SCALE[(seed >> (3 * step)) % len(SCALE)] for step in range(NOTES)]


def _note(pitch: float) -> bytes:
    length = int(RATE * NOTE_S)
    samples = (math.sin(2 * math.pi * pitch * at / RATE) * (1 - at / length) for at in range(length))
    return array("h", (int(9_000 * sample) for sample in samples)).tobytes()

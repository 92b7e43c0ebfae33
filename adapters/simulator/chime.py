"""What a voice sounds like in the simulator: a few notes of its own, since nobody speaks here."""

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
    sound = io.BytesIO()
    with wave.open(sound, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(RATE)
        for pitch in _melody(voice_id):
            wav.writeframes(_note(pitch))
    return sound.getvalue()


def _melody(voice_id: str) -> list[float]:
    seed = zlib.crc32(voice_id.encode())
    return [SCALE[(seed >> (3 * step)) % len(SCALE)] for step in range(NOTES)]


def _note(pitch: float) -> bytes:
    length = int(RATE * NOTE_S)
    samples = (math.sin(2 * math.pi * pitch * at / RATE) * (1 - at / length) for at in range(length))
    return array("h", (int(9_000 * sample) for sample in samples)).tobytes()

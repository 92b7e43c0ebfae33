"""What avatars sound like in a simulator that cannot speak: babble made of vowels, and a few notes of a voice's own."""

import array
import functools
import io
import itertools
import math
import sys
import wave
import zlib
from dataclasses import dataclass

SAMPLE_RATE = 16_000
LENGTH_S = 2.4
"""Of the babble, after which it begins anew."""

LOUDNESS = 9_000
CYCLE = 256
"""Samples of one period of a vowel as it is tabulated."""

RATE = 16_000
NOTE_S = 0.14
SCALE = (261.6, 293.7, 329.6, 392.0, 440.0, 523.3, 587.3, 659.3)
"""Pentatonic, in hertz: whatever the voice, it is a tune."""

NOTES = 5


@dataclass(frozen=True, slots=True)
class Syllable:
    """Seconds from the loop's begin; `vowel` names the formants."""

    begin: float
    length: float
    vowel: str
    stress: float = 1.0


VOWELS = {"a": (800, 1200), "e": (500, 1900), "i": (320, 2300), "o": (480, 900), "u": (340, 800)}
"""The first two formants, in Hz."""

SYLLABLES = (
    Syllable(0.06, 0.20, "a"),
    Syllable(0.27, 0.16, "o", 0.7),
    Syllable(0.44, 0.22, "e"),
    Syllable(0.67, 0.14, "i", 0.6),
    Syllable(0.82, 0.26, "a"),
    Syllable(1.20, 0.18, "u", 0.7),
    Syllable(1.39, 0.22, "a", 0.9),
    Syllable(1.62, 0.15, "e", 0.6),
    Syllable(1.78, 0.18, "o", 0.8),
    Syllable(1.97, 0.32, "a"),
)


def _swell(syllable: Syllable, moment: float) -> float:
    at = (moment - syllable.begin) / syllable.length
    return syllable.stress * math.sin(math.pi * at) ** 0.8 if 0 < at < 1 else 0.0


@functools.cache
def babble(pitch: int) -> bytes:
    """The whole loop as 16 bit little-endian PCM, mono; `pitch` in Hz. It begins and ends in silence."""
    samples = array.array("h", bytes(2 * round(LENGTH_S * SAMPLE_RATE)))
    for syllable in SYLLABLES:
        _sing(samples, syllable, pitch)
    if sys.byteorder == "big":
        samples.byteswap()
    return samples.tobytes()


def _sing(samples: "array.array[int]", syllable: Syllable, pitch: int) -> None:
    cycle, phase = _cycle(syllable.vowel, pitch), 0.0
    first = math.ceil(syllable.begin * SAMPLE_RATE)
    for index in range(first, math.floor((syllable.begin + syllable.length) * SAMPLE_RATE)):
        moment = index / SAMPLE_RATE
        phase += pitch * _melody(moment) * CYCLE / SAMPLE_RATE
        samples[index] += round(LOUDNESS * _swell(syllable, moment) * cycle[int(phase) % CYCLE])


def _melody(moment: float) -> float:
    """A sentence rises, and falls at its end."""
    return 1.06 + 0.07 * math.sin(2 * math.pi * moment / 1.2) - 0.16 * (moment / LENGTH_S) ** 2


def _cycle(vowel: str, pitch: int) -> list[float]:
    """One period of a vowel: the harmonics of a voice, as its formants let them through. At most 1."""
    weights = [(k, _passed(vowel, k * pitch) / k) for k in range(1, 24)]
    wave = [sum(w * math.sin(2 * math.pi * k * at / CYCLE) for k, w in weights) for at in range(CYCLE)]
    most = max(map(abs, itertools.chain(wave, (1e-9,))))
    return [value / most for value in wave]


def _passed(vowel: str, frequency: float) -> float:
    return 0.08 + sum(math.exp(-(((frequency - formant) / 160) ** 2)) for formant in VOWELS[vowel])


# ---------------------------------------------------------------- notes


def chime(voice_id: str) -> bytes:
    """A WAV file, always the same for the same voice."""
    return wav(b"".join(map(_note, _tune(voice_id))))


def wav(pcm: bytes) -> bytes:
    """A WAV file of 16 bit PCM, mono, at `RATE`."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        sound.writeframes(pcm)
    return file.getvalue()


def _tune(voice_id: str) -> list[float]:
    seed = zlib.crc32(voice_id.encode())
    return [SCALE[(seed >> (3 * step)) % len(SCALE)] for step in range(NOTES)]


def _note(pitch: float) -> bytes:
    length = int(RATE * NOTE_S)
    samples = (math.sin(2 * math.pi * pitch * at / RATE) * (1 - at / length) for at in range(length))
    return array.array("h", (int(9_000 * sample) for sample in samples)).tobytes()

"""What simulated avatars sound like: words, spoken in a child process (`adapters/simulator/espeak.py`) where eSpeak NG is installed; else
babble made of vowels. And a few notes of a voice's own.
"""

import array
import asyncio
import contextlib
import functools
import io
import itertools
import json
import math
import os
import struct
import sys
import wave
import zlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

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


# ---------------------------------------------------------------- words

PROGRAM = Path(__file__).with_name("espeak.py")
WORDS_PER_MINUTE = 160
"""At speed 1.0: about the 15 characters a second at which a simulated avatar writes."""

INHERITED = ("PATH", "SYSTEMROOT", "LANG")
"""Of our environment, in which secrets may stand."""

TEXT_LIMIT = 6_000
"""Characters spoken of one text: some six minutes."""
WITHIN_S = 10.0
"""For one text, starting the child included; it speaks a hundred times as fast as it is heard."""
SOUND_LIMIT = 64 * 1024 * 1024
"""Bytes of one answer that are believed."""

_LENGTH = struct.Struct("<I")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Tone:
    """How something is said: `language` in AKOOL's codes, `timbre` a variant of eSpeak's, `speed` as AKOOL's."""

    language: str = "en"
    timbre: str = ""
    speed: float = 1.0

    @property
    def voice(self) -> str:
        """ESpeak's name of it."""
        language = {"zh": "cmn", "en": "en-gb"}.get(self.language.split("-")[0], self.language.split("-")[0])
        return f"{language}+{self.timbre}" if self.timbre else language


def has_words() -> bool:
    """Whether the synthesiser is installed."""
    return find_spec("espeakng_loader") is not None


class Speech:
    """`async with Speech() as speech`: the child is started at once and awaited when something is to be said."""

    def __init__(self, text_limit: int = TEXT_LIMIT) -> None:
        self._text_limit = text_limit
        self._child: asyncio.subprocess.Process | None = None
        self._ready = self._stale = False
        self._turn = asyncio.Lock()

    @property
    def process_id(self) -> int | None:
        return self._child.pid if self._child else None

    async def __aenter__(self) -> Self:
        if has_words():
            await self._begin()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    async def spoken(self, text: str, tone: Tone) -> bytes:
        """16 bit PCM, mono, at `SAMPLE_RATE`; empty when it cannot be said."""
        async with self._turn:
            if self._child is None or not text.strip():
                return b""
            if self._stale:
                await self._end()
                await self._begin()
            try:
                async with asyncio.timeout(WITHIN_S):
                    return await self._asked(text[: self._text_limit], tone)
            except (TimeoutError, OSError, asyncio.IncompleteReadError, ValueError) as reason:
                _log.warning("speech.lost", reason=type(reason).__name__)
                await self._end()
                return b""
            except asyncio.CancelledError:
                self._stale = True  # half an answer is in the pipe
                raise

    async def _begin(self) -> None:
        self._ready = self._stale = False
        self._child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "ignore", str(PROGRAM)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={name: os.environ[name] for name in INHERITED if name in os.environ},
            start_new_session=True,  # Ctrl-C is for us; it ends when we hang up
        )

    async def _asked(self, text: str, tone: Tone) -> bytes:
        child = self._child
        assert child
        assert child.stdin
        assert child.stdout
        if not self._ready:
            self._ready = (await child.stdout.readline()).strip() == b"ready"
            if not self._ready:
                raise ValueError("not ready")
        wish = {"text": text, "voice": tone.voice, "rate": round(WORDS_PER_MINUTE * tone.speed), "pitch": 50}
        child.stdin.write(json.dumps(wish).encode() + b"\n")
        await child.stdin.drain()
        (length,) = _LENGTH.unpack(await child.stdout.readexactly(_LENGTH.size))
        if length > SOUND_LIMIT:
            raise ValueError("too long")
        return await child.stdout.readexactly(length)

    async def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()


def seconds(sound: bytes) -> float:
    return len(sound) / (2 * SAMPLE_RATE)

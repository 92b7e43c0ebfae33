"""What a simulated avatar hears people say: words as telephone tones, which a machine recognises in sound without knowing any language.

A byte of UTF-8 is two of the sixteen DTMF signs, `TONE_S` long each and `GAP_S` apart; words are `WORD_GAP_S` apart. It recognises no speech.
"""

import array
import asyncio
import math
import sys
import uuid
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from adapters.simulator import messages
from adapters.simulator.messages import ChatShape
from bot.ports.room import VOICE_FRAME, VOICE_RATE

ROWS: Final = (697, 770, 852, 941)
COLUMNS: Final = (1209, 1336, 1477, 1633)
"""Hz. A sign is one of each; its number is four times that of its row and that of its column."""

TONE_S: Final = 0.06
GAP_S: Final = 0.04
WORD_GAP_S: Final = 0.2
"""Longer than a gap within a word, and shorter than the silence that ends a speaker's turn."""

LOUDNESS: Final = 6_000

LOUD: Final = 250
"""Mean amplitude below which a piece of sound is silence."""
CLEAR: Final = 4.0
"""How many times as strong as the next one a frequency of a sign is."""
SAMPLES: Final = VOICE_FRAME // 2
WORD_OVER: Final = 6
"""Silent pieces of 20 ms after which a word is over."""


# ------------------------------------------------ speaking


def tones(text: str) -> bytes:
    """A text as a voice: 16 bit PCM, mono, at `VOICE_RATE`."""
    return _silence(WORD_GAP_S).join(b"".join(map(_tone, _signs(word))) for word in text.split())


def _signs(word: str) -> Iterator[int]:
    for byte in word.encode():
        yield from divmod(byte, 16)


@cache
def _tone(sign: int) -> bytes:
    row, column = ROWS[sign // 4], COLUMNS[sign % 4]
    angles = (2 * math.pi * at / VOICE_RATE for at in range(round(TONE_S * VOICE_RATE)))
    samples = array.array("h", (round(LOUDNESS * (math.sin(row * a) + math.sin(column * a)) / 2) for a in angles))
    return _little_endian(samples).tobytes() + _silence(GAP_S)


def _silence(seconds: float) -> bytes:
    return bytes(2 * round(seconds * VOICE_RATE))


# ------------------------------------------------ recognising


@dataclass(frozen=True, slots=True)
class Recognised:
    """What became clear: `words` that ended, and whether it has been silent for `silence` pieces since the last of them."""

    words: tuple[str, ...] = ()
    over: bool = False


class ToneRecogniser:
    """Recognises one speaker's words, from pieces of 20 ms, wherever in them a tone begins. Whatever is no tone is noise to it.

    `silence` is for how many pieces it has to be silent until a speaker's turn is over.
    """

    def __init__(self, silence: int = 25) -> None:
        self.silence = silence
        self._silent = 0
        self._sign: int | None = None  # that is being heard
        self._taken = False  # it was written down
        self._signs: list[int] = []
        self._spoke = False  # in this turn

    @property
    def busy(self) -> bool:
        """Whether somebody is in the middle of a turn."""
        return self._spoke or bool(self._signs)

    def hear(self, frame: bytes) -> Recognised:
        samples = _little_endian(array.array("h", frame))
        if sum(map(abs, samples)) < LOUD * len(samples):
            return self._hear_silence()
        self._silent = 0
        sign = _sign_in(samples)
        if sign is not None and sign == self._sign and not self._taken:  # twice in a row: no click
            self._signs.append(sign)
            self._taken = True
        elif sign != self._sign:
            self._taken = False
        self._sign = sign
        return Recognised()

    def _hear_silence(self) -> Recognised:
        self._sign, self._taken = None, False
        self._silent += 1
        words = self._word() if self._silent == WORD_OVER else ()
        over = self._spoke and self._silent >= self.silence
        self._spoke &= not over
        return Recognised(words, over)

    def _word(self) -> tuple[str, ...]:
        signs, self._signs = self._signs, []
        word = bytes(high * 16 + low for high, low in zip(signs[::2], signs[1::2], strict=False)).decode(
            errors="replace"
        )
        self._spoke |= bool(word)
        return (word,) if word else ()


def _sign_in(samples: "array.array[int]") -> int | None:
    row, column = _clearest(samples, ROWS), _clearest(samples, COLUMNS)
    return None if row is None or column is None else 4 * row + column


def _clearest(samples: "array.array[int]", frequencies: Iterable[int]) -> int | None:
    """Which of these is heard; None where none stands out."""
    powers = [_power(samples, frequency) for frequency in frequencies]
    best = max(range(len(powers)), key=powers.__getitem__)
    next_best = max(power for at, power in enumerate(powers) if at != best)
    return best if powers[best] > CLEAR * next_best else None


def _power(samples: "array.array[int]", frequency: int) -> float:
    """Of one frequency in these samples, after Goertzel."""
    step = 2 * math.cos(2 * math.pi * frequency / VOICE_RATE)
    before = last = 0.0
    for sample in samples:
        before, last = last, sample + step * last - before
    return last * last + before * before - step * last * before


def _little_endian(samples: "array.array[int]") -> "array.array[int]":
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


PIECE_MS = 20
SILENCE_MS = 500
"""After which somebody has said what they had to say: AKOOL's default."""

ABSENT_S = 0.2
"""Without a piece of sound, after which it is silence and no unevenness of the network."""

FRAMES_LIMIT = 3_000
"""A minute of sound that may wait; more is not heard."""


class Hearing:
    """Sends what people say as utterances of theirs, word by word; `heard` gets the whole of each."""

    def __init__(
        self, send: Callable[[bytes], Awaitable[None]], heard: Callable[[str], None], shape: ChatShape
    ) -> None:
        self._send = send
        self._heard = heard
        self._shape = shape
        self._frames: asyncio.Queue[bytes] = asyncio.Queue(FRAMES_LIMIT)
        self._recogniser = ToneRecogniser(SILENCE_MS // PIECE_MS)
        self._words: list[str] = []
        self._mid = ""

    def put(self, sound: bytes) -> None:
        """The next piece of 20 ms. Never waits."""
        if not self._frames.full():
            self._frames.put_nowait(sound)

    def detect_turns(self, detection: Mapping[str, Any]) -> None:
        """`turn_detection` as it was set."""
        self._recogniser.silence = max(1, int(detection.get("silence_duration_ms", SILENCE_MS)) // PIECE_MS)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            for sound in await self._sounds():
                await self._take(self._recogniser.hear(sound))

    async def _sounds(self) -> Sequence[bytes]:
        """The next piece of sound; silence, where nothing is published in the middle of somebody's turn."""
        try:
            async with asyncio.timeout(ABSENT_S if self._recogniser.busy else None):
                return (await self._frames.get(),)
        except TimeoutError:
            return (bytes(VOICE_FRAME),) * round(ABSENT_S * 1_000 / PIECE_MS)

    async def _take(self, recognised: Recognised) -> None:
        for word in recognised.words:
            self._mid = self._mid or f"user-{uuid.uuid4().hex[:12]}"
            await self._say(f" {word}" if self._words else word, last=False)
            self._words.append(word)
        if recognised.over:
            await self._say("", last=True)
            text, self._words, self._mid = " ".join(self._words), [], ""
            self._heard(text)

    async def _say(self, text: str, *, last: bool) -> None:
        await self._send(messages.recognised(self._mid, text, self._shape.position(len(self._words), last=last)))

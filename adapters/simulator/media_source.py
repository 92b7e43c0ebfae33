"""Films and records a simulated avatar: encoded pictures, and PCM in step with them.

The films are made by `scripts/film.py`: a key frame and poses, each of which needs only the key frame. A pose neither reads nor changes
what another one leaves in a decoder, so that they may be shown in any order. The container is IVF, the codec VP8.
"""

import array
import asyncio
import functools
import itertools
import math
import struct
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from adapters.simulator.dialogue import Persona
from adapters.simulator.room import SimulatedConnection
from adapters.simulator.voice import SAMPLE_RATE, babble
from bot.ports.room import AudioFrame, Codec, VideoFrame

FOLDER = Path(__file__).parent / "reels"
WIDTH, HEIGHT = 640, 360
FRAME_RATE = 20

SWAYS = 10
"""Positions from breathed out to breathed in."""
MOUTHS = ((0.0, 0.0), (0.25, 0.0), (0.55, 0.0), (1.0, 0.0), (0.6, 1.0))
"""How far each mouth is open, and how round it is, 0 to 1; the first is closed."""
LIDS = (0.5, 1.0)
"""How far the eyes are shut in the poses of a blink, whose mouth is closed."""

_PER_SWAY = len(MOUTHS) + len(LIDS)

_HEADER = struct.Struct("<4sHH4sHHIII4x")
_FRAME = struct.Struct("<IQ")

FRAME_US = 1_000_000 // FRAME_RATE
SOUND_BYTES = 2 * SAMPLE_RATE // FRAME_RATE
"""Of the sound that goes with one picture."""
SILENCE = bytes(SOUND_BYTES)

PITCH = {"female": 208, "male": 122}
"""Hz, of the babble."""

BREATH_S, TALKING_BREATH_S = 4.6, 3.0
"""From one breath to the next."""
BLINK_FRAMES = (0, 1, 1, 0)
"""The lids of a blink, a picture each."""
BLINK_EVERY = (61, 83, 47, 102)
"""Pictures between blinks, in turn."""

LOUD = (500, 1_700, 3_300)
"""Mean amplitudes from which a mouth is a little, half and wide open."""
ROUND_BELOW = 48
"""Zero crossings in the sound of one picture: fewer than this is an o or a u."""
ROUND = 4


@dataclass(frozen=True, slots=True)
class Pose:
    """`mouth` is an index of `MOUTHS`; `lid` of `LIDS`, or None for open eyes."""

    sway: int
    mouth: int = 0
    lid: int | None = None

    @property
    def number(self) -> int:
        """Its place in a reel; the key frame is 0."""
        return 1 + self.sway * _PER_SWAY + (self.mouth if self.lid is None else len(MOUTHS) + self.lid)


def poses() -> Iterator[Pose]:
    """Every pose of a reel, in order."""
    for sway in range(SWAYS):
        yield from (Pose(sway, mouth) for mouth in range(len(MOUTHS)))
        yield from (Pose(sway, 0, lid) for lid in range(len(LIDS)))


@dataclass(frozen=True, slots=True)
class Reel:
    """The encoded pictures of one portrait."""

    frames: tuple[bytes, ...]

    @property
    def key(self) -> bytes:
        return self.frames[0]

    def pose(self, pose: Pose) -> bytes:
        return self.frames[pose.number]


def packed(frames: Sequence[bytes]) -> bytes:
    """An IVF file of VP8 frames."""
    header = _HEADER.pack(b"DKIF", 0, _HEADER.size, b"VP80", WIDTH, HEIGHT, FRAME_RATE, 1, len(frames))
    return header + b"".join(_FRAME.pack(len(frame), at) + frame for at, frame in enumerate(frames))


def unpacked(reel: bytes) -> tuple[bytes, ...]:
    """The frames of an IVF file."""
    frames, at = [], _HEADER.size
    while at < len(reel):
        begin = at + _FRAME.size
        at = begin + _FRAME.unpack_from(reel, at)[0]
        frames.append(reel[begin:at])
    return tuple(frames)


@functools.cache
def clips_of(portrait: str) -> Reel:
    return Reel(unpacked((FOLDER / f"{portrait}.ivf").read_bytes()))


def is_key(frame: bytes) -> bool:
    """The lowest bit of a VP8 frame says whether it needs those before it."""
    return not frame[0] & 1


# ---------------------------------------------------------------- the source


class MediaSource:
    """Runs while somebody in the room watches."""

    def __init__(self, connection: SimulatedConnection, persona: Persona) -> None:
        self._connection = connection
        self._reel = clips_of(persona.portrait)
        self._babble = babble(PITCH.get(persona.gender, 160))
        self._speaking: bytes | None = None
        self._heard = 0.0
        self._breath = 0.0
        self._until_blink = BLINK_EVERY[0]
        self._blinks = 0

    def speak(self, sound: bytes) -> None:
        """From now on this PCM is heard and the mouth follows it; without any it babbles."""
        self._speaking = sound or self._babble
        self._heard = asyncio.get_running_loop().time()

    def hush(self) -> None:
        self._speaking = None

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._connection.watched.wait()
            await self._roll()

    async def _roll(self) -> None:
        clock = asyncio.get_running_loop()
        began, frames = clock.time(), 0
        self._connection.key_wanted = True
        while self._connection.watched.is_set():
            self._shoot(began, frames)
            frames += 1
            await asyncio.sleep(began + frames / FRAME_RATE - clock.time())

    def _shoot(self, began: float, frames: int) -> None:
        pts = round(began * 1_000_000) + frames * FRAME_US
        sound = self._sound(began + frames / FRAME_RATE)
        key = self._connection.take_keyframe_request()
        pose = self._pose(sound)
        picture = self._reel.key if key else self._reel.pose(pose)
        uid = self._connection.uid
        self._connection.perform(VideoFrame(uid, Codec.VP8, key, WIDTH, HEIGHT, pts, picture))
        self._connection.perform(AudioFrame(uid, SAMPLE_RATE, 1, pts, sound))

    # ------------------------------------------------ how it looks

    def _pose(self, sound: bytes) -> Pose:
        talking = self._speaking is not None
        self._breath += 1 / FRAME_RATE / (TALKING_BREATH_S if talking else BREATH_S)
        sway = round((SWAYS - 1) * (0.5 - 0.5 * math.cos(2 * math.pi * self._breath)))
        mouth = mouth_of(sound)
        return Pose(sway, mouth, self._lid(mouth))

    def _lid(self, mouth: int) -> int | None:
        """Nobody blinks in the middle of a vowel here: those poses have a closed mouth."""
        self._until_blink -= 1
        if self._until_blink == 0 and mouth:
            self._until_blink = 1
        if self._until_blink > 0:
            return None
        at = -self._until_blink
        if at == len(BLINK_FRAMES) - 1:
            self._blinks += 1
            self._until_blink = BLINK_EVERY[self._blinks % len(BLINK_EVERY)]
        return BLINK_FRAMES[at] if mouth == 0 else None

    # ------------------------------------------------ how it sounds

    def _sound(self, moment: float) -> bytes:
        """What is heard from `moment` on, in time with when it began to speak. Babble goes round and round."""
        speaking = self._speaking
        if speaking is None:
            return SILENCE
        begin = 2 * max(0, round((moment - self._heard) * SAMPLE_RATE))
        if speaking is self._babble:
            begin %= len(speaking)
        return speaking[begin : begin + SOUND_BYTES].ljust(SOUND_BYTES, b"\0")


def mouth_of(sound: bytes) -> int:
    """The mouth that makes such a sound, an index of `MOUTHS`."""
    samples = array.array("h", sound)
    if sys.byteorder == "big":
        samples.byteswap()
    loudness = sum(map(abs, samples)) / max(1, len(samples))
    wide = sum(loudness >= least for least in LOUD)
    return ROUND if wide > 1 and _crossings(samples) < ROUND_BELOW else wide


def _crossings(samples: "array.array[int]") -> int:
    signs = [sample >= 0 for sample in samples]
    return sum(one != other for one, other in itertools.pairwise(signs))

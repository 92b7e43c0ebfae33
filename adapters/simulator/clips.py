"""Films of the simulated cast, made by `scripts/film.py`: a key frame and poses, each of which needs only the key frame.

A pose neither reads nor changes what another one leaves in a decoder, so that they may be shown in any order. The container is
IVF, the codec VP8.
"""

import functools
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

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

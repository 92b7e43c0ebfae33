"""Films of the simulated cast: short loops of encoded pictures, made by `scripts/film.py`. The container is IVF."""

import functools
import struct
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

FOLDER = Path(__file__).parent / "reels"
WIDTH, HEIGHT = 640, 360
FRAME_RATE = 20

HEADER = struct.Struct("<4sHH4sHHIII4x")
FRAME = struct.Struct("<IQ")


class Loop(StrEnum):
    """Each begins with a key frame and ends in the pose in which it began."""

    IDLE = "idle"
    SPEAKING = "speaking"


def packed(frames: Sequence[bytes]) -> bytes:
    """An IVF file of VP8 frames."""
    header = HEADER.pack(b"DKIF", 0, HEADER.size, b"VP80", WIDTH, HEIGHT, FRAME_RATE, 1, len(frames))
    return header + b"".join(FRAME.pack(len(frame), at) + frame for at, frame in enumerate(frames))


def unpacked(reel: bytes) -> tuple[bytes, ...]:
    """The frames of an IVF file."""
    frames, at = [], HEADER.size
    while at < len(reel):
        begin = at + FRAME.size
        at = begin + FRAME.unpack_from(reel, at)[0]
        frames.append(reel[begin:at])
    return tuple(frames)


@functools.cache
def footage(portrait: str, loop: Loop) -> tuple[bytes, ...]:
    """The pictures of a loop, the first of which is a key frame."""
    return unpacked((FOLDER / f"{portrait}.{loop}.ivf").read_bytes())


def is_key(frame: bytes) -> bool:
    """The lowest bit of a VP8 frame says whether it needs those before it."""
    return not frame[0] & 1

"""What the header of a VP8 frame says that it leaves behind in a decoder: RFC 6386, 7.3 and 9.2 to 9.11."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Leaves:
    """What ties a frame to those around it: what it inherits, and what changes for the frames after it."""

    segments: bool
    filter_deltas: bool
    golden: bool
    alternate: bool
    entropy: bool
    last: bool


class Bits:
    """The boolean decoder, for bits of even odds."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 2
        self._value, self._range, self._shifted = int.from_bytes(data[:2], "big"), 255, 0

    def bit(self) -> int:
        split = 1 + (((self._range - 1) * 128) >> 8)
        one = self._value >= split << 8
        self._range = self._range - split if one else split
        self._value -= (split << 8) if one else 0
        while self._range < 128:
            self._value, self._range, self._shifted = self._value << 1, self._range << 1, self._shifted + 1
            if self._shifted == 8:
                self._value |= self._data[self._at]
                self._at, self._shifted = self._at + 1, 0
        return int(one)

    def number(self, bits: int) -> int:
        value = 0
        for _ in range(bits):
            value = value << 1 | self.bit()
        return value

    def optional(self, bits: int) -> bool:
        """A flag, and if it is set a value with its sign; whether it is."""
        given = bool(self.bit())
        if given:
            self.number(bits + 1)
        return given


def leaves(frame: bytes) -> Leaves:
    """Of a frame that is not a key frame."""
    assert frame[0] & 1, "a key frame replaces everything"
    bits = Bits(frame[3:])
    segments = bool(bits.bit()) and not _segmented_anew(bits)
    bits.number(1 + 6 + 3)
    deltas = bool(bits.bit()) and not _deltas_anew(bits)
    bits.number(2 + 7)
    for _ in range(5):
        bits.optional(4)
    golden, alternate = bool(bits.bit()), bool(bits.bit())
    copied = [refreshed or bits.number(2) != 0 for refreshed in (golden, alternate)]
    bits.number(2)
    entropy, last = bool(bits.bit()), bool(bits.bit())
    return Leaves(segments, deltas, copied[0], copied[1], entropy, last)


def _deltas_anew(bits: Bits) -> bool:
    """Whether a frame brings every adjustment of the loop filter."""
    return bool(bits.bit()) and sum(bits.optional(6) for _ in range(8)) == 8


def _segmented_anew(bits: Bits) -> bool:
    """Whether a frame brings its own segments, all of them."""
    mapped, measured = bits.bit(), bits.bit()
    if measured:
        bits.bit()
        for size in (7, 7, 7, 7, 6, 6, 6, 6):
            bits.optional(size)
    if mapped:
        for _ in range(3):
            if bits.bit():
                bits.number(8)
    return bool(mapped and measured)

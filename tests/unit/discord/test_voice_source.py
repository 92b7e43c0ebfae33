"""The avatar's sound on its way to Discord's player: nothing lost, nothing late, nothing left of what was stopped."""

import audioop
import math
import random
import struct

import pytest

from adapters.discord.voice_source import (
    FRAME_BYTES,
    LEAD_FRAMES,
    LONGEST_BYTES,
    OPUS_SILENCE,
    TRIM_EVERY,
    QueuedAudioSource,
)
from bot.ports.room import AudioFrame

FRAME_S = 0.02


def tone(rate: int, began_s: float, seconds: float, channels: int = 1) -> AudioFrame:
    """440 Hz, as one piece of a longer tone."""
    first = round(began_s * rate)
    samples = (round(12_000 * math.sin(math.tau * 440 * n / rate)) for n in range(first, first + round(seconds * rate)))
    data = b"".join(struct.pack("<h", sample) * channels for sample in samples)
    return AudioFrame("1", rate, channels, round(began_s * 1e6), data)


def crossings(pcm: bytes) -> int:
    """How often a tone crosses zero: 880 times a second at 440 Hz."""
    return audioop.cross(audioop.tomono(pcm, 2, 1, 0), 2)


@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (24_000, 1), (48_000, 1), (24_000, 2)])
def test_a_second_of_tone_is_a_second_of_tone(rate: int, channels: int) -> None:
    source, heard = QueuedAudioSource(), b""
    for piece in range(50):
        source.put(tone(rate, piece * FRAME_S, FRAME_S, channels))
        frame = source.read()
        assert source.is_opus() == (piece < LEAD_FRAMES)
        heard += b"" if source.is_opus() else frame
    heard += b"".join(source.read() for _ in range(LEAD_FRAMES))
    assert len(heard) == 50 * FRAME_BYTES
    assert crossings(heard) == pytest.approx(880, abs=4)
    assert source.gaps == 0


def test_where_nothing_is_there_is_silence() -> None:
    source = QueuedAudioSource()
    assert not source.is_opus()  # as discord.py asks it before it makes an encoder
    assert {source.read() for _ in range(100)} == {OPUS_SILENCE}
    assert source.is_opus()
    assert source.gaps == 0


def test_a_short_word_is_played_though_nothing_follows() -> None:
    source = QueuedAudioSource()
    source.put(tone(24_000, 0, 0.01))
    played = [source.read() for _ in range(LEAD_FRAMES + 2)]
    assert [frame == OPUS_SILENCE for frame in played] == [True] * LEAD_FRAMES + [False, True]
    assert len(played[LEAD_FRAMES]) == FRAME_BYTES


def test_no_more_than_400_ms_wait_and_the_newest_stay() -> None:
    source = QueuedAudioSource()
    source.put(AudioFrame("1", 48_000, 1, 0, struct.pack("<h", 1) * 48_000))
    source.put(AudioFrame("1", 48_000, 1, 0, struct.pack("<h", 2) * 4_800))
    heard = b"".join(source.read() for _ in range(40))
    sound = heard.replace(OPUS_SILENCE, b"")
    assert len(sound) == LONGEST_BYTES
    assert sound[-4:] == struct.pack("<hh", 2, 2)


def test_what_was_interrupted_is_not_heard() -> None:
    source = QueuedAudioSource()
    source.put(tone(16_000, 0, 0.3))
    assert {source.read() for _ in range(LEAD_FRAMES)} == {OPUS_SILENCE}
    assert source.read() != OPUS_SILENCE
    source.flush()
    assert {source.read() for _ in range(20)} == {OPUS_SILENCE}


def test_three_minutes_of_late_pieces_leave_no_gap() -> None:
    """Each piece comes up to 55 ms late, in order: within the lead."""
    source, jitter = QueuedAudioSource(), random.Random(7)
    piece, arrivals, at = AudioFrame("1", 24_000, 1, 0, b"\1\0" * 480), [], 0.0
    for number in range(9_000):
        at = max(at, number * FRAME_S + jitter.uniform(0, 0.055))
        arrivals.append(at)
    waiting = iter(arrivals)
    due = next(waiting, math.inf)
    for number in range(9_000):
        while due <= number * FRAME_S + 0.01:
            source.put(piece)
            due = next(waiting, math.inf)
        source.read()
    assert source.gaps == 0


def test_after_a_stall_it_catches_up() -> None:
    """What a network kept back comes at once, and is not heard a third of a second late for ever."""
    source = QueuedAudioSource()
    for number in range(20):
        source.put(tone(24_000, number * FRAME_S, FRAME_S))
    for number in range(20, 20 + 3 * TRIM_EVERY):
        source.put(tone(24_000, number * FRAME_S, FRAME_S))
        source.read()
    left = 0
    while source.read() != OPUS_SILENCE:
        left += 1
    assert left <= LEAD_FRAMES + 1

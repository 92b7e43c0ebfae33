"""Frames as the page reads them."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.ports.room import AudioFrame, Codec, VideoFrame
from bot.web.viewer.wire import FRAME_LIMIT, FrameAck, KeyFrameWanted, Visible, decode, pack

HEADER = "<BBBBIqHHI"


sides = st.integers(0, 65_535)
pictures = st.builds(
    VideoFrame,
    uid=st.just("1"),
    codec=st.sampled_from([Codec.VP8, Codec.H264, Codec.VP9, Codec.AV1]),
    key=st.booleans(),
    width=sides,
    height=sides,
    pts_us=st.integers(-(2**63), 2**63 - 1),
    data=st.binary(max_size=50),
)


@given(pictures, st.integers(0, 2**32 - 1))
def test_a_picture_has_24_bytes_in_front(of: VideoFrame, number: int) -> None:
    packed = pack(of, number)
    assert struct.calcsize(HEADER) == 24
    said = (1, 0, of.codec, int(of.key), number, of.pts_us, of.width, of.height, 0)
    assert struct.unpack(HEADER, packed[:24]) == said
    assert packed[24:] == of.data


def test_sound_says_how_it_is_to_be_played() -> None:
    packed = pack(AudioFrame("1", 48_000, 2, 7, bytes(1_920)), 3)
    assert struct.unpack(HEADER, packed[:24]) == (1, 1, 16, 0, 3, 7, 480, 2, 10_000)


def test_what_a_page_says_of_the_stream() -> None:
    assert decode('{"type": "visible", "on": true, "plays": true}') == Visible(on=True, plays=True)
    assert decode('{"type": "visible", "on": true}') == Visible(on=True, plays=False)
    assert decode('{"type": "ack", "number": 12}') == FrameAck(12)
    assert decode('{"type": "key"}') == KeyFrameWanted()


@pytest.mark.parametrize("text", ['{"type": "ack"}', '{"type": "ack", "number": "x"}', "x" * (FRAME_LIMIT + 1)])
def test_what_no_page_of_ours_says(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        decode(text)

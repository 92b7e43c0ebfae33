import itertools

from hypothesis import given
from hypothesis import strategies as st

from bot.media.keyframes import ASK_EVERY_S, BEHIND_S, Backlog, KeyframeGate, KeyframeThrottle, MediaFrame
from bot.ports.room import AudioFrame, Codec, VideoFrame

KEY = VideoFrame("1", Codec.VP8, True, 640, 360, 0, b"key")
DELTA = VideoFrame("1", Codec.VP8, False, 640, 360, 0, b"delta")
SOUND = AudioFrame("1", 16_000, 1, 0, b"\0\0")

streams = st.lists(st.tuples(st.sampled_from([KEY, DELTA, DELTA, SOUND, None]), st.booleans()), max_size=40)
"""Frames and whether there was room for each; None is a discontinuity."""


@given(streams)
def test_no_decoder_sees_a_delta_after_a_gap(stream: list[tuple[MediaFrame | None, bool]]) -> None:
    gate, gap = KeyframeGate(), False
    for frame, room in stream:
        if frame is None:
            gate.discontinuity()
            gap = True
        elif isinstance(frame, VideoFrame):
            passed = gate.admits(frame, room=room)
            assert not (passed and gap and not frame.key)
            gap = not passed


@given(streams)
def test_what_can_be_shown_is_lost_only_without_room(stream: list[tuple[MediaFrame | None, bool]]) -> None:
    gate = KeyframeGate()
    for frame, room in stream:
        if frame in {KEY, SOUND}:
            assert frame is not None
            assert gate.admits(frame, room=room) == room
        elif frame is not None:
            gate.admits(frame, room=room)


def test_pictures_flow_again_from_a_key_frame_on() -> None:
    gate = KeyframeGate()
    flow = [(KEY, True), (DELTA, False), (DELTA, True), (KEY, True), (DELTA, True)]
    assert [gate.admits(frame, room=room) for frame, room in flow] == [True, False, False, True, True]


def test_a_reader_is_behind_once_something_has_waited_too_long() -> None:
    backlog = Backlog()
    told = [(5, 0.0), (9, BEHIND_S), (1, BEHIND_S + 0.01), (0, 2.0), (3, 2.1), (3, 2.2)]
    assert [backlog.behind(*each) for each in told] == [False, False, True, False, False, False]


@given(st.lists(st.integers(0, 8), max_size=40))
def test_key_frames_are_asked_for_no_more_often_than_allowed(eighths: list[int]) -> None:
    throttle, now = KeyframeThrottle(), 0.0
    asked: list[float] = []
    for pause in eighths:
        now += pause / 8
        wait = throttle.take(now)
        assert wait == max(0.0, asked[-1] + ASK_EVERY_S - now) if asked else wait == 0.0
        if not wait:
            asked.append(now)
    assert all(later - earlier >= ASK_EVERY_S for earlier, later in itertools.pairwise(asked))


def test_a_request_that_must_wait_may_be_made_then() -> None:
    throttle = KeyframeThrottle()
    assert throttle.take(1.0) == 0.0
    assert throttle.take(1.25) == 0.25
    assert throttle.take(1.5) == 0.0

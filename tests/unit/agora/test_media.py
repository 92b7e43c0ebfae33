from hypothesis import given
from hypothesis import strategies as st

from adapters.agora.media import LIMIT, FrameCoalescer, KeyframeGate
from bot.ports.room import AudioFrame, Codec, LinkDown, Packet, RoomEvent, VideoFrame

KEY = VideoFrame("1", Codec.VP8, True, 640, 360, 0, b"key")
DELTA = VideoFrame("1", Codec.VP8, False, 640, 360, 0, b"delta")
SOUND = AudioFrame("1", 16_000, 1, 0, b"\0\0")

backlogs = st.sampled_from([0, LIMIT, LIMIT + 1])
streams = st.lists(
    st.tuples(st.sampled_from([KEY, DELTA, SOUND, Packet("1", b"x"), LinkDown()]), backlogs), max_size=40
)


@given(streams)
def test_no_decoder_sees_a_delta_after_a_gap(stream: list[tuple[RoomEvent, int]]) -> None:
    valve = KeyframeGate()
    gap = False
    for event, backlog in stream:
        passed = valve.admits(event, backlog)
        if isinstance(event, VideoFrame):
            assert not (passed and gap and not event.key)
            gap = not passed


@given(streams)
def test_only_media_is_ever_dropped_and_only_behind_a_backlog(stream: list[tuple[RoomEvent, int]]) -> None:
    valve = KeyframeGate()
    for event, backlog in stream:
        passed = valve.admits(event, backlog)
        if event == KEY or isinstance(event, AudioFrame):
            assert passed == (backlog <= LIMIT)
        elif not isinstance(event, VideoFrame):
            assert passed


def test_pictures_flow_again_from_a_key_frame_on() -> None:
    valve = KeyframeGate()
    flow = [(KEY, 0), (DELTA, LIMIT + 1), (DELTA, 0), (KEY, 0), (DELTA, 0)]
    assert [valve.admits(*each) for each in flow] == [True, False, False, True, True]


voices = st.tuples(st.sampled_from("12"), st.booleans(), st.integers(1, 255))


@given(st.lists(voices, max_size=30))
def test_sound_is_joined_in_pairs_and_nothing_of_it_is_lost(told: list[tuple[str, bool, int]]) -> None:
    pairs, at = FrameCoalescer(), 0
    given: list[AudioFrame] = []
    got: list[AudioFrame] = []
    for uid, jump, value in told:
        at += 10_000 + 7_000 * jump
        given.append(AudioFrame(uid, 16_000, 1, at, bytes([value]) * 320))
        got += pairs.put(given[-1])
    crumbs = [(frame.uid, frame.pts_us, frame.data) for frame in given]
    split = [
        (frame.uid, frame.pts_us + 10_000 * half, frame.data[320 * half : 320 * (half + 1)])
        for frame in got
        for half in range(len(frame.data) // 320)
    ]
    assert split == crumbs[: len(split)]
    assert len(crumbs) - len(split) <= 1


def test_ten_and_ten_make_twenty_and_twenty_stays() -> None:
    pairs = FrameCoalescer()
    crumbs = [AudioFrame("1", 16_000, 1, at, bytes(320)) for at in (0, 10_000)]
    assert [pairs.put(crumb) for crumb in crumbs] == [(), (AudioFrame("1", 16_000, 1, 0, bytes(640)),)]
    whole = AudioFrame("1", 16_000, 1, 20_000, bytes(640))
    assert pairs.put(whole) == (whole,)

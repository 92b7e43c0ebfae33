from hypothesis import given
from hypothesis import strategies as st

from adapters.agora.media import LIMIT, Valve
from bot.ports.room import AudioFrame, Codec, LinkDown, Packet, SeatEvent, VideoFrame

KEY = VideoFrame("1", Codec.VP8, True, 640, 360, 0, b"key")
DELTA = VideoFrame("1", Codec.VP8, False, 640, 360, 0, b"delta")
SOUND = AudioFrame("1", 16_000, 1, 0, b"\0\0")

backlogs = st.sampled_from([0, LIMIT, LIMIT + 1])
streams = st.lists(
    st.tuples(st.sampled_from([KEY, DELTA, SOUND, Packet("1", b"x"), LinkDown()]), backlogs), max_size=40
)


@given(streams)
def test_no_decoder_sees_a_delta_after_a_gap(stream: list[tuple[SeatEvent, int]]) -> None:
    valve = Valve()
    gap = False
    for event, backlog in stream:
        passed = valve.admits(event, backlog)
        if isinstance(event, VideoFrame):
            assert not (passed and gap and not event.key)
            gap = not passed


@given(streams)
def test_only_media_is_ever_dropped_and_only_behind_a_backlog(stream: list[tuple[SeatEvent, int]]) -> None:
    valve = Valve()
    for event, backlog in stream:
        passed = valve.admits(event, backlog)
        if event == KEY or isinstance(event, AudioFrame):
            assert passed == (backlog <= LIMIT)
        elif not isinstance(event, VideoFrame):
            assert passed


def test_pictures_flow_again_from_a_key_frame_on() -> None:
    valve = Valve()
    flow = [(KEY, 0), (DELTA, LIMIT + 1), (DELTA, 0), (KEY, 0), (DELTA, 0)]
    assert [valve.admits(*each) for each in flow] == [True, False, False, True, True]

"""What one viewer gets of a stream, whatever the network and the page do."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from bot.media.keyframes import BEHIND_S, MediaFrame
from bot.ports.room import AudioFrame, Codec, VideoFrame
from bot.web.viewer.sending import FrameBackpressure

KEY = VideoFrame("1", Codec.VP8, True, 640, 360, 0, b"key")
DELTA = VideoFrame("1", Codec.VP8, False, 640, 360, 0, b"delta")
SOUND = AudioFrame("1", 16_000, 1, 0, b"\0\0")

frames = st.sampled_from([KEY, DELTA, DELTA, DELTA, SOUND])
steps = st.lists(
    st.one_of(
        st.tuples(st.just("frame"), frames),
        st.tuples(st.just("wait"), st.floats(0, 1)),
        st.tuples(st.just("ack"), st.integers(0, 60)),
        st.tuples(st.just("cut"), st.none()),
    ),
    max_size=80,
)


@dataclass
class Story:
    """A flow, its clock, and everything that it let through."""

    flow: FrameBackpressure = field(default_factory=FrameBackpressure)
    now: float = 0.0
    shown: int = 0
    sent: list[tuple[int, float]] = field(default_factory=list)

    def frame(self, frame: MediaFrame) -> bool:
        self.shown += 1
        admitted = self.flow.admits(frame, self.shown, self.now)
        if admitted:
            self.sent.append((self.shown, self.now))
        return admitted

    def wants_key(self) -> bool:
        return self.flow.wants_key

    def take(self, kind: str, value: object) -> None:
        match kind, value:
            case "frame", VideoFrame() | AudioFrame():
                self.frame(value)
            case "wait", float():
                self.now += value
            case "ack", int():
                self.flow.acknowledge(value)
            case _:
                self.flow.discontinuity()


@given(steps)
def test_no_decoder_sees_a_delta_after_a_gap(told: list[tuple[str, object]]) -> None:
    story, whole = Story(), False
    for kind, value in told:
        before = len(story.sent)
        story.take(kind, value)
        if kind == "cut":
            whole = False
        if isinstance(value, VideoFrame):
            passed = len(story.sent) > before
            assert not passed or whole or value.key
            whole = passed


@given(steps)
def test_nothing_goes_to_a_viewer_who_is_behind(told: list[tuple[str, object]]) -> None:
    story, acknowledged = Story(), 0
    for kind, value in told:
        before = len(story.sent)
        waiting = [at for number, at in story.sent if number > acknowledged]
        story.take(kind, value)
        if kind == "ack" and isinstance(value, int):
            acknowledged = max(acknowledged, min(value, story.shown))
        if waiting and story.now - waiting[0] > BEHIND_S:
            assert len(story.sent) == before


@given(steps)
def test_a_caught_up_viewer_resumes_at_a_key_frame(
    told: list[tuple[str, object]],
) -> None:
    story = Story()
    for kind, value in told:
        story.take(kind, value)
    story.flow.acknowledge(story.shown)
    assert story.frame(SOUND)
    assert story.frame(KEY)
    assert story.frame(DELTA)
    assert not story.wants_key()


def test_media_pauses_above_700_ms_until_a_key_frame() -> None:
    story = Story()
    assert story.frame(KEY)
    story.now = 0.7
    assert story.frame(DELTA)
    story.now = 0.71
    assert not story.frame(DELTA)
    assert not story.frame(SOUND)
    assert not story.wants_key()  # it could not be taken yet
    story.flow.acknowledge(1)
    assert not story.frame(KEY)
    story.flow.acknowledge(2)
    assert story.wants_key()
    assert not story.frame(DELTA)
    assert story.frame(KEY)
    assert story.frame(DELTA)

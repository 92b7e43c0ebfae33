"""What goes into the socket to the bot, and how sound is joined on its way."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from adapters.agora.media import FrameCoalescer, MediaOutlet
from bot.media.keyframes import ASK_EVERY_S, BEHIND_S
from bot.ports.room import AudioFrame, Codec, LinkDown, Packet, RoomEvent, VideoFrame

KEY = VideoFrame("1", Codec.VP8, True, 640, 360, 0, b"key")
DELTA = VideoFrame("1", Codec.VP8, False, 640, 360, 0, b"delta")
SOUND = AudioFrame("1", 16_000, 1, 0, b"\0\0")


@dataclass
class Socket:
    """One that the bot empties, or does not."""

    unsent: int = 0
    now: float = 100.0
    asked: list[str] = field(default_factory=list)
    passed: list[RoomEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._outlet = MediaOutlet(self.asked.append)

    def put(self, *events: RoomEvent) -> None:
        self.passed += [event for event in events if self._outlet.admits(event, self.unsent, self.now)]


def test_a_slow_reader_loses_media_and_no_words() -> None:
    socket = Socket()
    socket.put(KEY, SOUND)
    socket.unsent = 1
    socket.put(DELTA)
    socket.now += BEHIND_S + 0.1
    socket.put(DELTA, SOUND, Packet("1", b"words"), LinkDown())
    assert socket.passed == [KEY, SOUND, DELTA, Packet("1", b"words"), LinkDown()]
    assert socket.asked == []  # it could not be taken yet


def test_after_a_gap_a_key_frame_is_requested() -> None:
    socket = Socket(unsent=1)
    socket.put(KEY)
    socket.now += BEHIND_S + 0.1
    socket.put(DELTA)
    socket.unsent = 0
    socket.put(SOUND, DELTA, DELTA)
    socket.now += ASK_EVERY_S
    socket.put(DELTA, KEY, DELTA)
    assert socket.asked == ["1", "1"]
    assert socket.passed == [KEY, SOUND, KEY, DELTA]


def test_a_socket_that_empties_now_and_then_loses_nothing() -> None:
    socket = Socket()
    for _ in range(10):
        socket.unsent = 100_000
        socket.put(DELTA)
        socket.now += BEHIND_S - 0.01
        socket.put(DELTA)
        socket.unsent = 0
        socket.put(DELTA)
    assert len(socket.passed) == 30


voices = st.tuples(st.sampled_from("12"), st.booleans(), st.integers(1, 255))


@given(st.lists(voices, max_size=30))
def test_sound_is_joined_in_pairs_without_loss(told: list[tuple[str, bool, int]]) -> None:
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

"""What travels over a link comes out as it went in."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.conversations import ConversationRef, Membership, Person, Role
from bot.domain.posts import Speaker
from bot.domain.sessions import Mode, SessionStatus
from bot.media.events import Caption, Hears, SessionView
from bot.media.floor import Claimant, Floor
from bot.ports.room import VOICE_FRAME, AudioFrame, Codec, VideoFrame
from bot.web.links import wire
from bot.web.viewer.wire import Audience, pack

ANN = Person("U1", "Ann", Membership.ADMIN, frozenset({"g1", "g2"}), human=True)
AT = datetime(2026, 11, 28, 12, tzinfo=UTC)
VIEW = SessionView("s", SessionStatus.LIVE, "Mei", "p", Mode.RETELLING, "n", AT, True, 3, "e", Hears.WORDS)


@pytest.mark.parametrize(
    "frame",
    [
        wire.LinkOpened("0"),
        wire.ViewShown(VIEW),
        wire.ViewShown(replace(VIEW, ends_at=None)),
        wire.CaptionShown(Caption("u", Speaker.BOT, "Grüß dich 👋", False, "Ann", "Ben")),
        wire.AudienceShown(Audience(2, ("Ann",))),
        wire.FloorStands(Claimant("c", "U1", "Ann", True), (Claimant("d", "U2", "Ben"),), 1.5),
        wire.WordsHeard("c", "good"),
        wire.VoiceTold("c", "No."),
    ],
)
def test_what_a_worker_sends(frame: wire.FromWorker) -> None:
    assert wire.from_worker(wire.encode(frame)) == frame


@pytest.mark.parametrize(
    "frame",
    [
        wire.PeopleWatch({"U1": "Ann", "l1": ""}),
        wire.Plays(True),
        wire.FramesTaken(7),
        wire.KeyFrameAsked(),
        wire.FloorAsked("c", Role.STARTER, ANN, ConversationRef("slack", "T1", "C1", "17.1"), True),
        wire.FloorLeft("c"),
        wire.VoiceBegins("c"),
    ],
)
def test_what_a_process_with_pages_sends(frame: wire.ToWorker) -> None:
    assert wire.to_worker(wire.encode(frame)) == frame


def test_the_floor_is_held_for_as_long_by_another_clock() -> None:
    floor = Floor(Claimant("c", "U1", "Ann"), 100.0, (Claimant("d", "U2", "Ben"),))
    there = wire.FloorStands.of(floor, now=130.0).at(now=5_000.0)
    assert there == replace(floor, since=4_970.0)
    assert wire.FloorStands.of(Floor(), now=130.0).at(now=1.0) == Floor()


@given(
    st.binary(max_size=99), st.booleans(), st.integers(0, 2**31), st.integers(-(2**40), 2**40), st.sampled_from(Codec)
)
def test_pictures_and_sounds_come_out_as_they_went_in(
    data: bytes, key: bool, number: int, pts: int, codec: Codec
) -> None:
    picture = VideoFrame("", codec, key, 640, 360, pts, data)
    assert wire.unpack(pack(picture, number)) == (number, picture)
    sound = AudioFrame("", 16_000, 1, pts, data)
    assert wire.unpack(pack(sound, number)) == (number, sound)


@given(st.binary(max_size=30))
def test_what_is_no_frame_is_refused(data: bytes) -> None:
    try:
        wire.unpack(data)
    except ValueError:
        return
    assert len(data) >= 24


def test_a_piece_of_a_voice_names_whose_it_is() -> None:
    assert wire.voice_of(wire.voice_frame("c-1", b"\1" * VOICE_FRAME)) == ("c-1", b"\1" * VOICE_FRAME)

"""What travels over a link: JSON in text frames; down, picture and sound as viewers get them; up, people's voices.

Both ends are of this program, and of the same `VERSION`.
"""

from collections.abc import Mapping
from itertools import islice
from typing import Annotated, Final

import msgspec

from bot.domain.conversations import ConversationRef, Person, Role
from bot.media.events import Caption, SessionView
from bot.media.floor import Claimant, Floor
from bot.media.keyframes import MediaFrame
from bot.ports.room import VOICE_FRAME, AudioFrame, Codec, VideoFrame
from bot.web.viewer.wire import HEADER, Audience, Flag, FrameKind

VERSION: Final = 1
"""Raised whenever either end would not understand the other; ends that differ do not talk."""

PATH: Final = "/_internal/session/"

DOWN_BYTES: Final = 4 * 1024 * 1024
"""Of one frame from a worker: a key frame is the largest."""
ID_BYTES: Final = 64
"""Of a claimant's id."""
MOST_PEOPLE: Final = 1_024
"""Of one process that are told of: it has no more connections."""
NAME_LENGTH: Final = 64
"""Characters of what somebody is called, and of who it is, in an audience."""
UP_BYTES: Final = 512 * 1024
"""Of one frame to a worker: the names of everybody who watches."""

ClaimantId = Annotated[str, msgspec.Meta(min_length=1, max_length=ID_BYTES)]
PersonName = Annotated[str, msgspec.Meta(max_length=NAME_LENGTH)]


class LinkFrame(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type"):
    """One JSON object, its kind in `type`."""


# ---------------------------------------------------------------- from the worker


class LinkOpened(LinkFrame, frozen=True, tag="opened"):
    """The first frame: that the token was read by who has a key."""

    answer: str


class ViewShown(LinkFrame, frozen=True, tag="view"):
    view: SessionView


class CaptionShown(LinkFrame, frozen=True, tag="caption"):
    caption: Caption


class AudienceShown(LinkFrame, frozen=True, tag="audience"):
    """Everybody who watches, in all processes."""

    audience: Audience


class FloorStands(LinkFrame, frozen=True, tag="floor"):
    """The floor, held for so many seconds already."""

    holder: Claimant | None
    line: tuple[Claimant, ...]
    held_s: float

    @classmethod
    def of(cls, floor: Floor, now: float) -> "FloorStands":
        return cls(floor.holder, floor.line, now - floor.since if floor.holder else 0.0)

    def at(self, now: float) -> Floor:
        """As it stands by another clock."""
        return Floor(self.holder, now - self.held_s if self.holder else 0.0, self.line)


class WordsHeard(LinkFrame, frozen=True, tag="heard"):
    """What is recognised of what somebody says aloud: for them alone."""

    claimant_id: str
    text: str


class VoiceTold(LinkFrame, frozen=True, tag="told"):
    """One sentence for who wants to speak aloud."""

    claimant_id: str
    sentence: str


FromWorker = LinkOpened | ViewShown | CaptionShown | AudienceShown | FloorStands | WordsHeard | VoiceTold


# ---------------------------------------------------------------- to the worker


class PeopleWatch(LinkFrame, frozen=True, tag="people"):
    """Who watches here, by who they are, and what they are called."""

    people: Annotated[Mapping[PersonName, PersonName], msgspec.Meta(max_length=MOST_PEOPLE)]

    @classmethod
    def of(cls, people: Mapping[str, str]) -> "PeopleWatch":
        """As much of them as a frame holds."""
        shown = islice(people.items(), MOST_PEOPLE)
        return cls({who[:NAME_LENGTH]: name[:NAME_LENGTH] for who, name in shown})


class Plays(LinkFrame, frozen=True, tag="plays"):
    """Whether anybody here wants picture and sound."""

    on: bool


class FramesTaken(LinkFrame, frozen=True, tag="taken"):
    """Picture and sound were taken up to this number."""

    number: int


class KeyFrameAsked(LinkFrame, frozen=True, tag="key"):
    """Somebody here can show nothing before the next key frame."""


class FloorAsked(LinkFrame, frozen=True, tag="ask"):
    """Somebody here wants the floor."""

    claimant_id: ClaimantId
    role: Role
    person: Person
    place: ConversationRef
    take: bool


class FloorLeft(LinkFrame, frozen=True, tag="leave"):
    claimant_id: ClaimantId


class VoiceBegins(LinkFrame, frozen=True, tag="speaks"):
    claimant_id: ClaimantId


ToWorker = PeopleWatch | Plays | FramesTaken | KeyFrameAsked | FloorAsked | FloorLeft | VoiceBegins

_encoder = msgspec.json.Encoder()
_from_worker: msgspec.json.Decoder[FromWorker] = msgspec.json.Decoder(FromWorker)
_to_worker: msgspec.json.Decoder[ToWorker] = msgspec.json.Decoder(ToWorker)


def encode(frame: FromWorker | ToWorker) -> str:
    return _encoder.encode(frame).decode()


def from_worker(text: str) -> FromWorker:
    """Raises `ValueError` for what no worker of ours sends."""
    return _from_worker.decode(text)


def to_worker(text: str) -> ToWorker:
    """Raises `ValueError` for what no process of ours sends."""
    return _to_worker.decode(text)


# ---------------------------------------------------------------- picture, sound, voices


def unpack(data: bytes) -> tuple[int, MediaFrame]:
    """The number of a frame as viewers get it, and the frame. Raises `ValueError` for what is none."""
    if len(data) < HEADER.size:
        raise ValueError("no frame")
    _, kind, codec, flags, number, pts, width, height, _ = HEADER.unpack_from(data)
    payload = data[HEADER.size :]
    if kind == FrameKind.PICTURE:
        return number, VideoFrame("", Codec(codec), bool(flags & Flag.KEY), width, height, pts, payload)
    return number, AudioFrame("", width * 100, height, pts, payload)


def voice_frame(claimant_id: str, frame: bytes) -> bytes:
    """Whose voice it is, and the next 20 ms of it."""
    return claimant_id.encode() + frame


def voice_of(data: bytes) -> tuple[str, bytes]:
    """The two again. Raises `ValueError` for what is none."""
    if not VOICE_FRAME < len(data) <= VOICE_FRAME + ID_BYTES:
        raise ValueError("no piece of a voice")
    return data[:-VOICE_FRAME].decode(), data[-VOICE_FRAME:]

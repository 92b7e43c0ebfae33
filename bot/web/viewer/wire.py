"""What travels between a viewer's page and us: JSON in text frames, picture and sound in binary ones."""

import struct
from datetime import datetime
from enum import IntEnum, IntFlag, StrEnum
from typing import Annotated

import msgspec
from websockets.frames import Frame, Opcode

from bot.domain.posts import Speaker
from bot.domain.sessions import Mode, SessionStatus
from bot.media.events import Caption, Hears, SessionView
from bot.media.keyframes import MediaFrame
from bot.ports.grants import Scope
from bot.ports.room import AudioFrame, Codec, VideoFrame


class ViewerFrame(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", rename="camel"):
    """One JSON object, its kind in `type`."""


# ---------------------------------------------------------------- to the page


class Hello(ViewerFrame, frozen=True, tag="hello"):
    """The grant is good. `now` sets the page's clock; `name` is who speaks through this page, and `may` are the commands they may use.

    `disclosure` says that the avatar is an AI, in `language`; empty where the operator switched it off. No word and no picture comes before it.
    """

    scope: Scope
    now: datetime
    disclosure: str
    language: str = ""
    name: str = ""
    may: tuple[str, ...] = ()


class Session(ViewerFrame, frozen=True, tag="session"):
    """The session as it stands. `ends` is one sentence on what will end it, empty where that is not known."""

    status: SessionStatus
    avatar_name: str
    mode: Mode
    note: str
    ends: str = ""
    speaking: bool = False
    waiting: int = 0
    hears: Hears = Hears.NOTHING

    @classmethod
    def of(cls, view: SessionView) -> "Session":
        return cls(
            view.status, view.avatar_name, view.mode, view.note, view.ends, view.speaking, view.waiting, view.hears
        )


class SaidLine(ViewerFrame, frozen=True, tag="said"):
    """One utterance, whole so far, by `name` where that is known, for `to` where it is an answer. `replayed` says that it was said before
    the page came.
    """

    id: str
    speaker: Speaker
    text: str
    final: bool
    name: str = ""
    replayed: bool = False
    to: str = ""

    @classmethod
    def of(cls, caption: Caption, *, replayed: bool = False) -> "SaidLine":
        return cls(caption.id, caption.speaker, caption.text, caption.final, caption.name, replayed, caption.to)


class Audience(ViewerFrame, frozen=True, tag="audience"):
    """Who watches: how many people, each once, and the names of those whose link was minted for them."""

    count: int
    names: tuple[str, ...] = ()


class FloorShown(ViewerFrame, frozen=True, tag="floor"):
    """Who speaks aloud: `name`, for `left` more seconds at most, and how many wait for it. `yours` says that it is this page, `place` which
    place in line it has, from 1, and `may_take` that it need not wait.
    """

    name: str = ""
    yours: bool = False
    place: int = 0
    waiting: int = 0
    left: float = 0.0
    may_take: bool = False


class VoiceNote(ViewerFrame, frozen=True, tag="note"):
    """Why this page cannot speak aloud, or what came of what was said."""

    sentence: str


class OwnWords(ViewerFrame, frozen=True, tag="heard"):
    """What is recognised of what this page says aloud, so far. Everybody sees it once it may be said."""

    text: str


class Outcome(ViewerFrame, frozen=True, tag="outcome"):
    """What came of `Say` or `Do`: an empty sentence when it was taken, and then the `id` under which the words will be `Said`."""

    nonce: str
    sentence: str = ""
    id: str = ""


class Why(StrEnum):
    """Why a link shows nothing."""

    UNKNOWN = "unknown"  # or revoked
    EXPIRED = "expired"
    CROWDED = "crowded"  # open in too many windows


class Gone(ViewerFrame, frozen=True, tag="gone"):
    """The link shows nothing, or nothing more; the socket closes."""

    why: Why


class OfferedValue(msgspec.Struct, frozen=True):
    value: str
    label: str


class ValuesOffered(ViewerFrame, frozen=True, tag="values"):
    """What can be chosen for `option` of `set`, for what was `typed`."""

    option: str
    typed: str
    values: tuple[OfferedValue, ...] = ()


ToPage = Hello | Session | SaidLine | Audience | FloorShown | VoiceNote | OwnWords | Outcome | ValuesOffered | Gone


# ---------------------------------------------------------------- from the page


Short = Annotated[str, msgspec.Meta(max_length=64)]
OptionText = Annotated[str, msgspec.Meta(max_length=200)]


class ViewerPresent(ViewerFrame, frozen=True, tag="present"):
    """The first frame, within two seconds: the secret of the link."""

    grant: Short


class Visible(ViewerFrame, frozen=True, tag="visible"):
    """Whether the page can be seen. Only then does it count as a viewer, and only if it `plays` does it get picture and sound."""

    on: bool
    plays: bool = False


class FrameAck(ViewerFrame, frozen=True, tag="ack"):
    """Binary frames were taken up to this number. By number, not by time: an avatar that is replaced brings another clock."""

    number: int


class KeyFrameWanted(ViewerFrame, frozen=True, tag="key"):
    """The decoder begins anew and needs a key frame."""


class Say(ViewerFrame, frozen=True, tag="say"):
    """Words, written or, if `aloud`, said to the browser's own speech recognition."""

    nonce: Short
    text: str
    aloud: bool = False


class FloorWanted(ViewerFrame, frozen=True, tag="floor"):
    """Somebody wants to speak aloud, or not any more; with `take` without waiting where they may.

    Who has the floor sends binary frames: 20 ms of PCM each, 16 kHz, one channel, 16 bit little-endian.
    """

    on: bool
    take: bool = False


class Speaks(ViewerFrame, frozen=True, tag="speaks"):
    """The browser's own recognition hears who has the floor begin to speak."""


class Do(ViewerFrame, frozen=True, tag="do"):
    """One of the commands that `Hello` names."""

    nonce: Short
    verb: Short
    options: dict[Short, OptionText] = {}


class ValuesWanted(ViewerFrame, frozen=True, tag="values"):
    """What can be chosen for one option of `set`, by what was typed so far."""

    option: Short
    typed: Short = ""


FromPage = ViewerPresent | Visible | FrameAck | KeyFrameWanted | Say | FloorWanted | Speaks | Do | ValuesWanted

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[FromPage] = msgspec.json.Decoder(FromPage)

FRAME_LIMIT = 32 * 1024
"""Characters of one frame from a page."""


def encode(frame: ToPage) -> str:
    return _encoder.encode(frame).decode()


def decode(text: str) -> FromPage:
    """Raises `ValueError` for what no page of ours sends."""
    if len(text) > FRAME_LIMIT:
        raise ValueError("frame too long")
    return _decoder.decode(text)


# ---------------------------------------------------------------- picture and sound

HEADER = struct.Struct("<BBBBIqHHI")
"""Version, kind, codec, flags, number, presentation time in µs, width or rate / 100, height or channels, duration in µs."""
VERSION = 1


class FrameKind(IntEnum):
    PICTURE = 0
    SOUND = 1


class Flag(IntFlag):
    KEY = 1


def pack(frame: MediaFrame, number: int) -> bytes:
    """A binary frame: header and payload, the same for everybody."""
    match frame:
        case VideoFrame(_, codec, key, width, height, pts, data):
            flags = Flag.KEY if key else Flag(0)
            return HEADER.pack(VERSION, FrameKind.PICTURE, codec, flags, number, pts, width, height, 0) + data
        case AudioFrame(_, rate, channels, pts, data):
            duration = len(data) * 1_000_000 // (2 * channels * rate)
            return (
                HEADER.pack(VERSION, FrameKind.SOUND, Codec.PCM, 0, number, pts, rate // 100, channels, duration) + data
            )


def on_wire(frame: MediaFrame, number: int) -> bytes:
    """The same as a whole message of a WebSocket, which a server does not mask."""
    return Frame(Opcode.BINARY, pack(frame, number)).serialize(mask=False)

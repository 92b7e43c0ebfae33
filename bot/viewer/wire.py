"""What travels between a viewer's page and us: JSON in text frames. Binary frames are kept for picture and sound."""

from datetime import datetime

import msgspec

from bot.model import Mode, SessionStatus, Speaker
from bot.session.feed import Caption, SessionView
from bot.viewer.grants import Scope


class Frame(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", rename="camel"):
    """One JSON object, its kind in `type`."""


# ---------------------------------------------------------------- to the page


class Hello(Frame, frozen=True, tag="hello"):
    """The grant is good. `now` sets the page's clock; `name` is who speaks through this page."""

    scope: Scope
    now: datetime
    name: str = ""


class Session(Frame, frozen=True, tag="session"):
    """The session as it stands."""

    status: SessionStatus
    avatar_name: str
    mode: Mode
    note: str
    ends_at: datetime | None = None
    speaking: bool = False
    waiting: int = 0

    @classmethod
    def of(cls, view: SessionView) -> "Session":
        return cls(view.status, view.avatar_name, view.mode, view.note, view.ends_at, view.speaking, view.waiting)


class Said(Frame, frozen=True, tag="said"):
    """One utterance, whole so far."""

    id: str
    speaker: Speaker
    text: str
    final: bool

    @classmethod
    def of(cls, caption: Caption) -> "Said":
        return cls(caption.id, caption.speaker, caption.text, caption.final)


class Audience(Frame, frozen=True, tag="audience"):
    """Who watches: how many, and the names of those whose link was minted for them."""

    count: int
    names: tuple[str, ...] = ()


class Outcome(Frame, frozen=True, tag="outcome"):
    """What came of `Say` or `Do`: an empty sentence when it was taken."""

    nonce: str
    sentence: str = ""


class Expired(Frame, frozen=True, tag="expired"):
    """The link's time is over; the socket closes."""


ToPage = Hello | Session | Said | Audience | Outcome | Expired


# ---------------------------------------------------------------- from the page


class Present(Frame, frozen=True, tag="present"):
    """The first frame, within two seconds: the secret of the address."""

    grant: str


class Visible(Frame, frozen=True, tag="visible"):
    """Whether the page can be seen. Only then does it count as a viewer."""

    on: bool


class Say(Frame, frozen=True, tag="say"):
    nonce: str
    text: str


class Do(Frame, frozen=True, tag="do"):
    """`interrupt` or `keep-going`."""

    nonce: str
    verb: str


FromPage = Present | Visible | Say | Do

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

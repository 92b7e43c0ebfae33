"""The RTC room where avatar and bot meet, and our connection in it."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Final, Protocol

from bot.domain.errors import RoomError

VOICE_RATE: Final = 16_000
"""Samples a second of a voice that is published: one channel of 16 bit little-endian PCM."""
VOICE_FRAME: Final = 640
"""Bytes of 20 ms of it."""
PUBLISHED_FOR_S: Final = 0.3
"""How long a voice goes on being published after its last frame."""


class Codec(IntEnum):
    """Numbers of the viewer's wire format."""

    VP8 = 1
    H264 = 2
    VP9 = 4
    AV1 = 5
    PCM = 16
    OPUS = 17


@dataclass(frozen=True, slots=True)
class RoomCredentials:
    """What it takes to join one room as one participant. `token` is a secret.

    `account` is whose account pays for it: `''` for the operator's, else the id of a workspace's own.
    """

    app_id: str
    channel: str
    uid: str
    token: str = field(repr=False)
    account: str = ""


@dataclass(frozen=True, slots=True)
class PeerJoined:
    uid: str


@dataclass(frozen=True, slots=True)
class PeerLeft:
    uid: str


@dataclass(frozen=True, slots=True)
class Packet:
    """One stream message from `uid`."""

    uid: str
    data: bytes


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """One encoded picture, untouched. `pts_us` shares its clock with the sound."""

    uid: str
    codec: Codec
    key: bool
    width: int
    height: int
    pts_us: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class AudioFrame:
    """16 bit little-endian PCM."""

    uid: str
    sample_rate: int
    channels: int
    pts_us: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class LinkDown:
    """The connection broke and is being restored by itself."""


@dataclass(frozen=True, slots=True)
class LinkUp:
    """The connection is restored."""


@dataclass(frozen=True, slots=True)
class TokenExpiring:
    """The connection's token ends in about 30 s. It cannot be renewed; another session has to be created."""


class LossReason(StrEnum):
    THROWN_OUT = "thrown_out"  # somebody else joined under the same uid: final
    EXPIRED = "expired"
    LOST = "lost"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class ConnectionLost:
    """The last event of a connection."""

    reason: LossReason
    detail: str = ""


RoomEvent = (
    PeerJoined | PeerLeft | Packet | VideoFrame | AudioFrame | LinkDown | LinkUp | TokenExpiring | ConnectionLost
)


class RoomConnection(Protocol):
    """Our connection in a room. Unreliable and unordered: what is sent may be lost, repeated or reordered.

    Joined once: `join`, then `events` until `ConnectionLost` or `leave`. Peers already present are reported as `PeerJoined`.
    """

    async def join(self) -> None:
        """Join, within 15 s. Raises `RoomError`."""
        ...

    def events(self) -> AsyncIterator[RoomEvent]:
        """What happens in the room, from the moment of `join`; ends after `ConnectionLost` or `leave`. To be iterated once."""
        ...

    async def send(self, packet: bytes) -> None:
        """Send one stream message of at most 1,024 bytes to everybody. Raises `RoomError`."""
        ...

    async def watch(self, uid: str | None) -> None:
        """Subscribe to the picture and sound of `uid`, or to nobody's."""
        ...

    async def request_key_frame(self, uid: str) -> None: ...

    async def publish(self, frame: bytes) -> None:
        """Let everybody hear `VOICE_FRAME` bytes of a voice; returns when it is on its way. Raises `RoomError`.

        Sound of ours is published from the first frame until `PUBLISHED_FOR_S` after the last one, and at no other time.
        """
        ...

    async def leave(self) -> None:
        """Leave. Safe to call twice and at any time."""
        ...


ConnectRoom = Callable[[RoomCredentials], RoomConnection]
"""Makes a connection that has not joined yet."""


class OwnRoom(Protocol):
    """Opens rooms that are the team's own and not the provider's."""

    def credentials(self, tag: str) -> tuple[RoomCredentials, RoomCredentials]:
        """The credentials of avatar and bot, in this order, in the room named `tag`."""
        ...


def _always_ready() -> None:
    """Nothing keeps a room from being joined."""


@dataclass(frozen=True, slots=True)
class Rooms:
    """Rooms of one kind. `ready` is asked before anything is paid for and raises `RoomError` when none can be joined."""

    connect: ConnectRoom
    own: OwnRoom | None = None
    ready: Callable[[], None] = _always_ready


def no_room(credentials: RoomCredentials) -> RoomConnection:
    """For providers that bring rooms of their own. Raises `RoomError`."""
    raise RoomError("There is no room to join.", f"no rooms plugin for {credentials.channel}")

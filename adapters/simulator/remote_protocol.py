"""How a connection is held over a WebSocket, from another process.

The client begins with its credentials; the answer is `""` or why it was refused. Then binary frames are for the room, a
`RoomFrameKind` and what it says; text frames of the client are wishes, and text frames of the server are events.
"""

from enum import IntEnum

import msgspec

from bot.ports.room import (
    AudioFrame,
    ConnectionLost,
    LinkDown,
    LinkUp,
    Packet,
    PeerJoined,
    PeerLeft,
    RoomEvent,
    TokenExpiring,
    VideoFrame,
)

PATH = "/_simulator/connection"


class RoomFrameKind(IntEnum):
    """The first byte of a binary frame."""

    PACKET = 0
    VOICE = 1


KINDS: dict[str, type[RoomEvent]] = {
    kind.__name__: kind
    for kind in (PeerJoined, PeerLeft, Packet, VideoFrame, AudioFrame, LinkDown, LinkUp, TokenExpiring, ConnectionLost)
}


class ClientRequest(msgspec.Struct, frozen=True):
    """What a client wants of the media: to watch `uid` (or nobody), or a key frame of it."""

    uid: str | None
    key_frame: bool = False


def event_to_text(event: RoomEvent) -> str:
    return msgspec.json.encode((type(event).__name__, event)).decode()


def event_from_text(text: str | bytes) -> RoomEvent:
    name, fields = msgspec.json.decode(text, type=tuple[str, msgspec.Raw])
    return msgspec.json.decode(fields, type=KINDS[name])

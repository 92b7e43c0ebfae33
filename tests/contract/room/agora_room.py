"""A room at Agora for the contract: the real wrapper in a room host, the stub of its native library, tokens of our own."""

import contextlib
import tempfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from adapters.agora.connection import AgoraConnections
from adapters.agora.settings import AgoraSettings
from adapters.agora.tokens import NotAToken, Privilege, mint, read
from bot.ports.room import AudioFrame, ConnectRoom, RoomCredentials, VideoFrame
from tests.integration.agora.hub import JOINED, Hub, HubConnection, open_hub
from tests.integration.agora.vendor import built, on_path

APP_ID = "0123456789abcdef0123456789abcdef"
INVALID_TOKEN = 8


@contextlib.asynccontextmanager
async def agora_room() -> AsyncIterator[tuple[Hub, ConnectRoom]]:
    """What the room hosts believe to be Agora, and what makes connections there."""
    settings = AgoraSettings(app_id="", app_certificate=None)
    with tempfile.TemporaryDirectory(prefix="hub-") as folder, on_path(built()):
        async with (
            open_hub(Path(folder)) as hub,
            AgoraConnections(settings, {"AGORA_STUB_SOCKET": str(hub.path)}) as connections,
        ):
            hub.admission = admission
            yield hub, connections


class AgoraPerformer:
    def __init__(self, hub: Hub, uid: str) -> None:
        self._peer = hub.join("here", uid)

    def perform(self, frame: VideoFrame | AudioFrame) -> None:
        at = frame.pts_us // 1_000
        if isinstance(frame, VideoFrame):
            size = (frame.width, frame.height)
            self._peer.show(
                frame.data, codec=frame.codec, key=frame.key, size=size, at=at
            )  # VP8 and H.264 are 1 and 2 here too
        else:
            self._peer.play(frame.data, rate=frame.sample_rate, channels=frame.channels, at=at)

    def key_frames_asked(self) -> int:
        asked, self._peer.key_frames_wanted = self._peer.key_frames_wanted, 0
        return asked


def carries(data: bytes) -> bool:
    """The wrapper sends nothing when there is nothing to send, and cuts at a NUL what it receives: such a packet is dropped."""
    return bool(data) and b"\0" not in data


def credentials(uid: str) -> RoomCredentials:
    token = mint(
        app_id=APP_ID,
        certificate="0" * 32,
        channel="here",
        uid=uid,
        privileges=frozenset(Privilege),
        issued_at=datetime.now(UTC),
        lifetime=timedelta(minutes=5),
        salt=1,
    )
    return RoomCredentials(APP_ID, "here", uid, token)


def admission(connection: HubConnection) -> int:
    try:
        return JOINED if read(connection.token).admits(connection.channel, connection.uid) else INVALID_TOKEN
    except NotAToken:
        return INVALID_TOKEN

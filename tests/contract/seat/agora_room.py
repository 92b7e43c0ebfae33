"""A room at Agora for the contract: the real wrapper in a room host, the stub of its native library, tokens of our own."""

import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from adapters.agora.seats import AgoraSeats
from adapters.agora.settings import AgoraSettings
from adapters.agora.tokens import NotAToken, Privilege, mint, read
from bot.ports.room import RoomCredentials, Seats
from tests.integration.agora.hub import JOINED, Seat, open_hub
from tests.integration.agora.vendor import built, on_path

APP_ID = "0123456789abcdef0123456789abcdef"
INVALID_TOKEN = 8


@contextlib.asynccontextmanager
async def agora_room() -> AsyncIterator[tuple[Callable[[str], RoomCredentials], Seats]]:
    """Credentials for a uid in one channel, and what makes seats of them."""
    settings = AgoraSettings(app_id="", app_certificate=None)
    with tempfile.TemporaryDirectory(prefix="hub-") as folder, on_path(built()):
        async with (
            open_hub(Path(folder)) as hub,
            AgoraSeats(settings, {"AGORA_STUB_SOCKET": str(hub.path)}) as seats,
        ):
            hub.admission = admission
            yield credentials, seats


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


def admission(seat: Seat) -> int:
    try:
        return JOINED if read(seat.token).admits(seat.channel, seat.uid) else INVALID_TOKEN
    except NotAToken:
        return INVALID_TOKEN

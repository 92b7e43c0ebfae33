"""Tokens of a team's own Agora project, as far as they can be read without its certificate.

Version 007 (`AccessToken2` of AgoraIO/Tools): `007` and base64 of zlib of signature, app id, issue time, lifetime, salt, services; little-endian.
Written apart from `adapters.agora`, so that what is minted there is read by somebody else.
"""

import base64
import binascii
import struct
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot.domain.errors import RoomError
from bot.ports.room import RoomCredentials

LIMIT = 4_096
"""Bytes that a token unpacks to at most."""

RTC = 1


@dataclass(frozen=True, slots=True)
class ForeignToken:
    app_id: str
    channel: str
    uid: str
    """Empty when anybody may use it."""
    expires_at: datetime


class _Reader:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def number(self, layout: str) -> int:
        size = struct.calcsize(layout)
        (value,) = struct.unpack(layout, self._take(size))
        return int(value)

    def text(self) -> bytes:
        return self._take(self.number("<H"))

    def _take(self, size: int) -> bytes:
        taken, self._content = self._content[:size], self._content[size:]
        return taken


def admit(credentials: RoomCredentials, now: datetime) -> None:
    """Let in whoever has a token for this connection. Its signature is not looked at. Raises `RoomError`.

    Without an app id, which is optional in AKOOL's `create`, the token's own counts.
    """
    try:
        token = read(credentials.token)
    except (ValueError, struct.error, zlib.error, binascii.Error) as error:
        raise RoomError("The room did not let us in.", "invalid token, authorized failed") from error
    wanted = (credentials.app_id or token.app_id, credentials.channel, credentials.uid)
    if wanted != (token.app_id, token.channel, token.uid or credentials.uid):
        raise RoomError("The room did not let us in.", "invalid token, authorized failed")
    if now >= token.expires_at:
        raise RoomError("The room did not let us in: the token has expired.", "token expired before it was used")


def read(token: str) -> ForeignToken:
    """What a token says. Raises one of the errors that `admit` names."""
    if not token.startswith("007"):
        raise ValueError("not a token of version 007")
    packed = base64.b64decode(token[3:], validate=True)
    reader = _Reader(zlib.decompressobj().decompress(packed, LIMIT))
    reader.text()  # the signature
    app_id = reader.text().decode()
    issued, lifetime = reader.number("<I"), reader.number("<I")
    reader.number("<I")  # salt
    channel, uid = _first_service(reader)
    return ForeignToken(app_id, channel, uid, datetime.fromtimestamp(issued, UTC) + timedelta(seconds=lifetime))


def _first_service(reader: _Reader) -> tuple[str, str]:
    if reader.number("<H") < 1 or reader.number("<H") != RTC:
        raise ValueError("not a token for RTC")
    for _ in range(reader.number("<H")):
        reader.number("<H")  # privilege
        reader.number("<I")  # and its lifetime
    return reader.text().decode(), reader.text().decode()

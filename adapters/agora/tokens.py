"""Agora's access tokens: what one says (006 and 007), and how to mint one (007).

Reading needs no certificate and proves nothing: the signature is not checked. Layouts: AgoraIO/Tools, `AccessToken` and
`AccessToken2`; all integers are little-endian.
"""

import base64
import binascii
import hmac
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from hashlib import sha256
from typing import Final

from bot.domain.errors import RoomError

RTC: Final = 1
"""The service that this project's tokens are for."""

ANY_UID: Final = ""
"""A token for this uid lets anybody join under any."""

LONGEST: Final = 8_192
"""More bytes than any token unpacks to; a longer one is refused instead of inflated."""


class Privilege(IntEnum):
    JOIN = 1
    PUBLISH_AUDIO = 2
    PUBLISH_VIDEO = 3
    PUBLISH_DATA = 4


KNOWN: Final = frozenset(map(int, Privilege))


class NotAToken(RoomError):
    """The text is neither a 006 nor a 007 token for RTC. The text itself is never part of the message."""

    def __init__(self, detail: str) -> None:
        super().__init__("The token of the avatar's room cannot be read.", detail)


@dataclass(frozen=True, slots=True)
class TokenGrant:
    """What a token allows, as far as it says. `rights` maps a privilege to the moment when it ends.

    A 006 token holds checksums in place of the channel and the uid: `channel` is then None, and so is `uid` unless anybody may use it.
    """

    version: int
    app_id: str
    channel: str | None
    uid: str | None
    channel_crc: int
    uid_crc: int
    rights: Mapping[Privilege, datetime]
    expires_at: datetime

    @property
    def any_uid(self) -> bool:
        return self.uid == ANY_UID

    def admits(self, channel: str, uid: str) -> bool:
        """Whether somebody may join this channel under this uid, time apart."""
        right_uid = self.any_uid or self.uid_crc == _crc(uid)
        return Privilege.JOIN in self.rights and self.channel_crc == _crc(channel) and right_uid


def read(token: str) -> TokenGrant:
    """What `token` allows. Raises `NotAToken`."""
    parse = {"006": _read_006, "007": _read_007}.get(token[:3])
    if parse is None:
        raise NotAToken("begins with neither 006 nor 007")
    try:
        return parse(token[3:])
    except (struct.error, zlib.error, binascii.Error, UnicodeError, OverflowError, ValueError, KeyError) as broken:
        raise NotAToken(f"broken: {type(broken).__name__}") from None


def mint(
    *,
    app_id: str,
    certificate: str,
    channel: str,
    uid: str,
    privileges: frozenset[Privilege],
    issued_at: datetime,
    lifetime: timedelta,
    salt: int,
) -> str:
    """A 007 token. `salt` is 1 to 99,999,999 and differs from token to token; Agora accepts a lifetime of at most 24 hours."""
    issued, seconds = int(issued_at.timestamp()), int(lifetime.total_seconds())
    rights = {int(privilege): seconds for privilege in sorted(privileges)}
    service = struct.pack("<H", RTC) + _map(rights) + _text(channel) + _text(uid)
    body = _text(app_id) + struct.pack("<IIIH", issued, seconds, salt, 1) + service
    key = _hmac(struct.pack("<I", salt), _hmac(struct.pack("<I", issued), certificate.encode()))
    return "007" + base64.b64encode(zlib.compress(_bytes(_hmac(key, body)) + body)).decode()


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, sha256)


def _bytes(value: bytes) -> bytes:
    return struct.pack("<H", len(value)) + value


def _text(value: str) -> bytes:
    return _bytes(value.encode())


def _map(values: Mapping[int, int]) -> bytes:
    return struct.pack("<H", len(values)) + b"".join(struct.pack("<HI", *pair) for pair in values.items())


def _crc(text: str) -> int:
    return zlib.crc32(text.encode())


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


class _Cursor:
    """Reads packed values one after the other; raises `struct.error` beyond the end."""

    def __init__(self, packed: bytes) -> None:
        self._packed = packed
        self._at = 0

    def number(self, form: str) -> int:
        (value,) = struct.unpack_from(form, self._packed, self._at)
        self._at += struct.calcsize(form)
        return int(value)

    def u16(self) -> int:
        return self.number("<H")

    def u32(self) -> int:
        return self.number("<I")

    def bytes(self) -> bytes:
        length = self.u16()
        (value,) = struct.unpack_from(f"<{length}s", self._packed, self._at)
        self._at += length
        return bytes(value)

    def text(self) -> str:
        return self.bytes().decode()

    def map(self) -> dict[int, int]:
        return {self.u16(): self.u32() for _ in range(self.u16())}


def _read_006(rest: str) -> TokenGrant:
    app_id, packed = rest[:32], _Cursor(base64.b64decode(rest[32:], validate=True))
    packed.bytes()  # signature
    channel_crc, uid_crc = packed.u32(), packed.u32()
    message = _Cursor(packed.bytes())
    message.u32()  # salt
    message.u32()  # 24 hours from its issue, whatever the privileges say
    rights = {Privilege(number): _moment(at) for number, at in message.map().items() if number in KNOWN}
    nobody = uid_crc == 0  # the checksum of "" is 0
    return TokenGrant(
        6, app_id, None, ANY_UID if nobody else None, channel_crc, uid_crc, rights, rights[Privilege.JOIN]
    )


def _read_007(rest: str) -> TokenGrant:
    packed = _Cursor(_inflate(base64.b64decode(rest, validate=True)))
    packed.bytes()  # signature
    app_id, issued, lifetime = packed.text(), packed.u32(), packed.u32()
    packed.u32()  # salt
    if packed.u16() < 1 or packed.u16() != RTC:  # services are sorted by number, and RTC is 1
        raise NotAToken("not for RTC")
    privileges = packed.map()
    channel, uid = packed.text(), packed.text()
    rights = {
        Privilege(number): _moment(issued + (min(seconds, lifetime) or lifetime))
        for number, seconds in privileges.items()
        if number in KNOWN
    }
    return TokenGrant(7, app_id, channel, uid, _crc(channel), _crc(uid), rights, _moment(issued + lifetime))


def _inflate(packed: bytes) -> bytes:
    inflater = zlib.decompressobj()
    plain = inflater.decompress(packed, LONGEST)
    if not inflater.eof:
        raise NotAToken("too long or cut off")
    return plain

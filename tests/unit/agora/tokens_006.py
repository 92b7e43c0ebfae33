"""Mints 006 tokens, which nothing in the product does: AKOOL may still hand some out, so they must be readable."""

import base64
import struct
import zlib
from collections.abc import Mapping


def text(value: bytes) -> bytes:
    return struct.pack("<H", len(value)) + value


def token_006(app_id: str, channel: str, uid: str, rights: Mapping[int, int]) -> str:
    pairs = b"".join(struct.pack("<HI", *right) for right in rights.items())
    message = struct.pack("<IIH", 7, 1_800_000_000, len(rights)) + pairs
    crcs = struct.pack("<II", zlib.crc32(channel.encode()), zlib.crc32(uid.encode()))
    return "006" + app_id + base64.b64encode(text(bytes(32)) + crcs + text(message)).decode()

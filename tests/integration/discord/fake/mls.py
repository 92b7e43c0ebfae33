"""What Discord's voice gateway does of MLS (RFC 9420, ciphersuite 2): it proposes who is added, and passes on what members commit."""

import struct

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

VERSION, PUBLIC_MESSAGE, KEY_PACKAGE = 1, 1, 5
BASIC, EXTERNAL, PROPOSAL, ADD = 1, 2, 2, 1


def vector(data: bytes) -> bytes:
    """`data` behind its length, as section 2.1.2 writes it."""
    size = len(data)
    if size < 1 << 6:
        return bytes([size]) + data
    return (struct.pack(">H", 1 << 14 | size) if size < 1 << 14 else struct.pack(">I", 2 << 30 | size)) + data


class ExternalSender:
    """Of one group: the gateway's key and credential."""

    def __init__(self, group_id: int) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._group = struct.pack(">Q", group_id)
        point = self._key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        self.package = vector(point) + struct.pack(">H", BASIC) + vector(b"voice-gateway")

    def add(self, key_package: bytes, epoch: int) -> bytes:
        """A list with one signed proposal: that whoever has this key package is added in this epoch."""
        wrapped = struct.pack(">HH", VERSION, KEY_PACKAGE)
        content = (
            vector(self._group)
            + struct.pack(">QBI", epoch, EXTERNAL, 0)
            + vector(b"")
            + struct.pack(">BH", PROPOSAL, ADD)
            + key_package.removeprefix(wrapped)
        )
        framed = struct.pack(">HH", VERSION, PUBLIC_MESSAGE) + content
        signed = vector(b"MLS 1.0 FramedContentTBS") + vector(framed)
        return vector(framed + vector(self._key.sign(signed, ec.ECDSA(hashes.SHA256()))))


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def number(self, size: int) -> int:
        self.at += size
        return int.from_bytes(self.data[self.at - size : self.at], "big")

    def vector(self) -> None:
        first = self.data[self.at]
        size = self.number(1 << (first >> 6)) & ((1 << (8 * (1 << (first >> 6)) - 2)) - 1)
        self.at += size

    def vectors(self, count: int) -> None:
        for _ in range(count):
            self.vector()


def split(message: bytes) -> tuple[bytes, bytes]:
    """A member's commit, and the welcome behind it for those whom it adds (sections 6.1, 6.2, 7.2, 7.6, 12.4)."""
    reader = _Reader(message)
    assert (reader.number(2), reader.number(2)) == (VERSION, PUBLIC_MESSAGE)
    reader.vector()  # the group
    reader.number(8 + 1 + 4)  # epoch, that a member sends, and which
    reader.vector()
    assert reader.number(1) == 3, "no commit"
    reader.vector()  # the proposals
    if reader.number(1):
        _skip_update_path(reader)
    reader.vectors(3)  # signature, confirmation and membership tags
    return message[: reader.at], message[reader.at :]


def _skip_update_path(reader: _Reader) -> None:
    reader.vectors(2)
    assert reader.number(2) == BASIC
    reader.vectors(1 + 5)  # identity, capabilities
    assert reader.number(1) == 3, "not of a commit"
    reader.vectors(3 + 1)  # parent hash, extensions, signature; the nodes of the path

"""Values to bytes and back, for the columns that hold them. Secrets go through the cipher, the rest is plain JSON."""

from typing import TypeVar

import msgspec

from bot.store.cipher import Cipher

T = TypeVar("T")


def sealed(cipher: Cipher, value: object) -> bytes:
    """A value, encrypted."""
    return cipher.seal(msgspec.json.encode(value))


def opened(cipher: Cipher, column: bytes, kind: type[T]) -> T:
    """The value of an encrypted column."""
    return msgspec.json.decode(cipher.open(column), type=kind)

"""Encryption at rest: Fernet with a list of keys, the first of which writes; values to encrypted bytes and back."""

from typing import TypeVar

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from bot.domain.errors import SettingsError


class Cipher:
    """Encrypts and decrypts (Fernet). Reads what any of its keys wrote, so that keys can be rotated."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except ValueError as error:
            raise SettingsError(
                "AVATARBOT_SECRET_KEYS holds something that is not a Fernet key; make one with `avatarbot db new-key`."
            ) from error

    def encrypt(self, value: bytes) -> bytes:
        return self._fernet.encrypt(value)

    def decrypt(self, encrypted: bytes) -> bytes:
        """Raises `SettingsError` for what none of the keys wrote."""
        try:
            return self._fernet.decrypt(encrypted)
        except InvalidToken as error:
            raise SettingsError(
                "The database was written with another secret key; set AVATARBOT_SECRET_KEYS to the keys it was written with."
            ) from error


T = TypeVar("T")


def encrypt(cipher: Cipher, value: object) -> bytes:
    """A value, encrypted."""
    return cipher.encrypt(msgspec.json.encode(value))


def decrypt(cipher: Cipher, column: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """The value of an encrypted column."""
    return decoder.decode(cipher.decrypt(column))

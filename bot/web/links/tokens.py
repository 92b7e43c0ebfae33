"""Who may open a link: whoever has one of the secret keys, for one session of one worker, once, now."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SCHEME: Final = "Avatarbot"

WITHIN_S: Final = 60
"""Between the clocks of two processes, and the time that a token takes."""

LONGEST: Final = 200
"""Characters of an `Authorization` header that is read at all."""


@dataclass(frozen=True, slots=True)
class LinkTarget:
    """What a token is for: a claim of a session by a worker."""

    session_id: str
    worker_id: str
    epoch: int


class LinkKeys:
    """Makes tokens with the first of the secret keys, and takes those of any. A token opens once."""

    def __init__(self, secret_keys: Sequence[str]) -> None:
        self._keys = [_derived(key) for key in secret_keys]
        self._used: dict[str, float] = {}

    def token(self, target: LinkTarget, now: datetime) -> str:
        """The value of an `Authorization` header."""
        stamp = f"{int(now.timestamp())}.{secrets.token_hex(16)}"
        return f"{SCHEME} {stamp}.{_signature(self._keys[0], _asked(stamp, target))}"

    def opens(self, header: str, target: LinkTarget, now: datetime) -> bool:
        """Whether it is a token for that, made within `WITHIN_S`, and comes for the first time."""
        scheme, _, token = header.partition(" ")
        stamp, _, signature = token.rpartition(".")
        if len(header) > LONGEST or scheme != SCHEME or not self._is_signed(_asked(stamp, target), signature):
            return False
        made_at = int(stamp.partition(".")[0])
        if abs(now.timestamp() - made_at) > WITHIN_S or stamp in self._used:
            return False
        self._remember(stamp, made_at + WITHIN_S, now.timestamp())
        return True

    def answer(self, header: str) -> str:
        """What only who has a key can say to a token."""
        return _signature(self._keys[0], _answered(header))

    def is_answered(self, header: str, answer: str) -> bool:
        """Whether that was said by who has a key."""
        return self._is_signed(_answered(header), answer)

    def _is_signed(self, text: str, signature: str) -> bool:
        offered = signature.encode()
        return any(hmac.compare_digest(_signature(key, text).encode(), offered) for key in self._keys)

    def _remember(self, stamp: str, until: float, now: float) -> None:
        self._used = {used: each for used, each in self._used.items() if each >= now}
        self._used[stamp] = until


def _derived(secret_key: str) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=b"link").derive(secret_key.encode())


def _asked(stamp: str, target: LinkTarget) -> str:
    return f"ask|{stamp}|{target.session_id}|{target.worker_id}|{target.epoch}"


def _answered(header: str) -> str:
    return f"answer|{header}"


def _signature(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()

"""Tokens of the HTTP API: what one looks like, what it allows, and who a program with it is."""

import hashlib
import re
import secrets
import zlib
from dataclasses import dataclass
from datetime import datetime

from bot.clock import DIGITS
from bot.domain.conversations import BY_API, Allowance, ConversationRef, Membership, Person

PREFIX = "avb_"
RANDOM, CHECKSUM = 30, 6
"""Characters of 62: 178 random bits, then a CRC-32 of them, by which a scanner tells a token from what looks like one."""

SHAPE = rf"{PREFIX}[0-9A-Za-z]{{{RANDOM + CHECKSUM}}}"
"""As a regular expression."""

ANY_CHANNEL = "*"
"""The channel of a place that stands for all public channels of its workspace."""

NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,38}[a-z0-9])?")

_TOKEN = re.compile(SHAPE, re.ASCII)


def new_secret() -> str:
    """A new token: shown once, and kept as its digest only."""
    random = "".join(secrets.choice(DIGITS) for _ in range(RANDOM))
    return f"{PREFIX}{random}{_checksum(random)}"


def is_well_formed(text: str) -> bool:
    """Whether that is a token of ours, ever given out or not. Linear."""
    random = text[len(PREFIX) : -CHECKSUM]
    return bool(_TOKEN.fullmatch(text)) and text[-CHECKSUM:] == _checksum(random)


def digest_of(secret: str) -> str:
    """What is kept of a token: SHA-256, since nobody guesses so many random bits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _checksum(random: str) -> str:
    number, digits = zlib.crc32(random.encode()), []
    for _ in range(CHECKSUM):
        number, digit = divmod(number, len(DIGITS))
        digits.append(DIGITS[digit])
    return "".join(reversed(digits))


@dataclass(frozen=True, slots=True)
class ApiToken:
    """What a token allows: these commands of the catalogue, in these places, with so many minutes of the provider's a day in each workspace.

    Its `name` is its own alone while it exists. A place with a thread is that thread; one without is its channel with all threads that
    are not private; with `ANY_CHANNEL` for a channel it is every public channel of the workspace.
    """

    name: str
    places: tuple[ConversationRef, ...]
    commands: tuple[str, ...]
    minutes_per_day: int
    created_at: datetime
    expires_at: datetime | None = None

    @property
    def person(self) -> Person:
        """Who a program with this token is: in policy, budget and transcript, in every workspace."""
        allowance = Allowance(frozenset(self.commands), self.minutes_per_day)
        return Person(f"{BY_API}{self.name}", f"{self.name}, by API", Membership.MEMBER, allowance=allowance)

    def expired_at(self, now: datetime) -> bool:
        return self.expires_at is not None and now >= self.expires_at


def allowed_minutes(payer_id: str, token: ApiToken | None, now: datetime) -> int | None:
    """What somebody may use in a day by the token of theirs, None for people: a token that is gone or has expired pays for nothing more."""
    if not payer_id.startswith(BY_API):
        return None
    return token.minutes_per_day if token and not token.expired_at(now) else 0

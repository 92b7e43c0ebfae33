"""Links to watch: what one allows, and where they come from."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from bot.domain.conversations import ConversationRef, Person, Role


class Scope(StrEnum):
    """What a link allows. A `speak` link was minted for one person and acts as that person."""

    WATCH = "watch"
    SPEAK = "speak"


@dataclass(frozen=True, slots=True)
class Grant:
    """A link that may be used until `expires_at`.

    `id` tells links apart and opens nothing. `place` is the session's thread; `role` is what its person is to the session.
    """

    id: str
    session_id: str
    scope: Scope
    place: ConversationRef
    person: Person | None
    role: Role
    expires_at: datetime

    @property
    def viewer(self) -> str:
        """Who watches with it, under one id however often: its person, or whoever has the link."""
        return self.person.id if self.person else self.id

    def expired_at(self, now: datetime) -> bool:
        return now >= self.expires_at


class Grants(Protocol):
    """Where links are kept: hashed, so that the store knows none."""

    async def mint(self, session_id: str, scope: Scope, person: Person | None, expires_at: datetime) -> str:
        """A new link's secret: 128 random bits, url-safe. The person's older links to this session are revoked."""
        ...

    async def find(self, secret: str) -> Grant | None:
        """What a secret allows, also when it has expired; None for one that never existed or was revoked."""
        ...

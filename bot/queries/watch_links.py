"""Links to watch, kept hashed in the store."""

import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from bot.clock import Clock
from bot.commands.policy import role_of
from bot.domain.conversations import Person, Role
from bot.ports.grants import Grant, Scope
from bot.ports.storage.records import GrantRecord
from bot.ports.storage.repositories import GrantRepository

LIFE = timedelta(hours=12)
"""How long a link can be used, if its session lasts so long."""

AFTERWARDS = timedelta(hours=1)
"""How long a link can still be used once its session has ended: for the transcript."""

BITS = 128


class StoredGrants:
    """`Grants` in the database; whoever reads the database learns no link."""

    def __init__(self, grants: GrantRepository) -> None:
        self._grants = grants

    async def mint(self, session_id: str, scope: Scope, person: Person | None, expires_at: datetime) -> str:
        secret = secrets.token_urlsafe(BITS // 8)
        await self._grants.add(_digest(secret), session_id, scope, person, expires_at)
        return secret

    async def find(self, secret: str) -> Grant | None:
        digest = _digest(secret)
        found = await self._grants.find(digest)
        return _grant(digest, found) if found else None


def _grant(digest: str, found: GrantRecord) -> Grant:
    last = found.ended_at + AFTERWARDS if found.ended_at else found.expires_at
    return Grant(
        id=digest,
        session_id=found.session_id,
        scope=found.scope,
        place=found.thread,
        person=found.person,
        role=role_of(found.person, found.starter_id) if found.person else Role.OUTSIDER,
        expires_at=min(found.expires_at, last),
    )


class Links:
    """Makes the links that people are given. The secret is in the fragment, which browsers send to nobody."""

    def __init__(self, grants: GrantRepository, clock: Clock, base_url: Callable[[], str]) -> None:
        self.grants = StoredGrants(grants)
        self._clock = clock
        self._base_url = base_url

    async def speaking(self, session_id: str, person: Person) -> str:
        """A link for one person, who acts through it as themselves. Their older ones to this session are revoked."""
        return await self._link(session_id, Scope.SPEAK, person)

    async def watching(self, session_id: str) -> str:
        """A link for anyone who has it."""
        return await self._link(session_id, Scope.WATCH, None)

    async def _link(self, session_id: str, scope: Scope, person: Person | None) -> str:
        secret = await self.grants.mint(session_id, scope, person, self._clock.now() + LIFE)
        return f"{self._base_url()}/v/#{secret}"


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()

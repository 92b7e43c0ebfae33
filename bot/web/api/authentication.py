"""Who calls, by the token of a request: the same for the HTTP API and whatever else programs come by."""

import asyncio
import math
from dataclasses import dataclass

from bot.clock import Clock
from bot.domain.api_tokens import ApiToken, digest_of, is_well_formed
from bot.domain.conversations import Person
from bot.ports.storage.repositories import TokenRepository
from bot.web.api.wire import ApiProblem, ProblemKind

BEARER = "Bearer "

LOOK_EVERY = 2.0
"""Seconds for which it stays known whether any token exists."""

PER_SECOND, BURST = 20.0, 120.0
"""Requests of one token: in the long run, and at once."""

OFF = "There is nothing here."
NO_TOKEN = (
    "Send the token as “Authorization: Bearer avb_…”. Whoever runs Avatarbot makes one with: avatarbot tokens create"  # noqa: S105
)
UNKNOWN = "This token is not known, or was revoked."
EXPIRED = "This token has expired. Whoever runs Avatarbot makes a new one with: avatarbot tokens create"
TOO_FAST = f"These are more than {PER_SECOND:g} requests a second. Try again in a moment."


@dataclass(frozen=True, slots=True)
class ApiCaller:
    """A program whose token was good a moment ago."""

    token: ApiToken

    @property
    def person(self) -> Person:
        return self.token.person


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class Authentication:
    """Tells callers by what their requests say in `Authorization`."""

    def __init__(self, tokens: TokenRepository, clock: Clock) -> None:
        self._tokens = tokens
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}
        self._looked_at = -math.inf
        self._any = False

    async def caller(self, authorization: str) -> ApiCaller:
        """Whoever has this token. Raises `ApiProblem`: 404 while there are no tokens at all, 401, 429. Raises `StoreUnavailable`."""
        secret = authorization[len(BEARER) :].strip()
        offered = authorization[: len(BEARER)].casefold() == BEARER.casefold()
        token = await self._tokens.find(digest_of(secret)) if offered and is_well_formed(secret) else None
        if token is None:
            await self.require_on()
            raise ApiProblem(ProblemKind.UNAUTHORIZED, UNKNOWN if offered else NO_TOKEN)
        if token.expired_at(self._clock.now()):
            raise ApiProblem(ProblemKind.UNAUTHORIZED, EXPIRED)
        self._count(token.name)
        return ApiCaller(token)

    async def require_on(self) -> None:
        """Raises `ApiProblem` while there are no tokens: nobody need know that they could be made."""
        now = asyncio.get_running_loop().time()
        if now - self._looked_at >= LOOK_EVERY:
            self._any = bool(await self._tokens.everything())
            self._looked_at = now
        if not self._any:
            raise ApiProblem(ProblemKind.NOT_FOUND, OFF)

    def _count(self, name: str) -> None:
        now = asyncio.get_running_loop().time()
        bucket = self._buckets.setdefault(name, _Bucket(BURST, now))
        bucket.left = min(BURST, bucket.left + (now - bucket.at) * PER_SECOND)
        bucket.at = now
        if bucket.left < 1:
            raise ApiProblem(ProblemKind.TOO_MANY_REQUESTS, TOO_FAST, retry_after=(1 - bucket.left) / PER_SECOND)
        bucket.left -= 1

"""A program that calls the HTTP API of a service, without a socket."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import httpx

from bot.app.service import Service
from bot.domain.api_tokens import ApiToken, digest_of, new_secret
from bot.domain.conversations import ConversationRef, place_named
from bot.testing.chat import CHANNEL
from bot.web.app import create_app

EVERYTHING = ("say", "start", "stop", "interrupt", "set", "act", "extend", "sessions", "transcript", "usage", "avatars")
PLACE = str(CHANNEL)


class ApiClient:
    """One token. `post` and `get` go below `/api/v1`."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def post(self, path: str, body: object = None, *, key: str = "", prefer: str = "") -> httpx.Response:
        headers = {name: text for name, text in (("Idempotency-Key", key), ("Prefer", prefer)) if text}
        return await self.http.post(f"/api/v1{path}", json={} if body is None else body, headers=headers)

    async def get(self, path: str, **query: Any) -> httpx.Response:
        return await self.http.get(f"/api/v1{path}", params=query or None)

    async def say(self, text: str, place: str = PLACE, *, key: str = "", prefer: str = "") -> httpx.Response:
        return await self.post("/say", {"place": place, "text": text}, key=key, prefer=prefer)


@contextlib.asynccontextmanager
async def program(
    service: Service,
    commands: Sequence[str] = EVERYTHING,
    places: Sequence[str] = (PLACE,),
    *,
    name: str = "release-bot",
    minutes: int = 60,
    expires: timedelta | None = None,
) -> AsyncIterator[ApiClient]:
    """One with a token of its own."""
    now = service.services.clock.now()
    token = ApiToken(
        name, tuple(map(_place, places)), tuple(commands), minutes, now, now + expires if expires else None
    )
    secret = new_secret()
    await service.services.storage.tokens.add(digest_of(secret), token)
    app = create_app(service.services.metrics, {}, service.mounts())
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False),
        base_url="http://avatarbot.test",
        headers={"Authorization": f"Bearer {secret}"},
    ) as http:
        yield ApiClient(http)


def _place(name: str) -> ConversationRef:
    place = place_named(name)
    assert place is not None
    return place

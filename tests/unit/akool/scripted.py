"""An AKOOL for one test: an ASGI app that answers as told and remembers what it was asked."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from adapters.akool.client import AkoolApi, ApiKey, ClientToken
from adapters.akool.provider import AkoolProvider
from bot.ports.room import RoomConnection, RoomCredentials

URL = "http://akool.test"
KEY = "sk-very-secret-4711"

V3 = "/api/open/v3"
V4 = "/api/open/v4"
TOKEN = f"{V3}/getToken"
CREATE = f"{V4}/liveAvatar/session/create"
CLOSE = f"{V4}/liveAvatar/session/close"
DETAIL = f"{V4}/liveAvatar/session/detail"
SESSIONS = f"{V4}/liveAvatar/session/list"
AVATARS = f"{V4}/liveAvatar/avatar/list"
AVATAR = f"{V4}/liveAvatar/avatar/detail"
UPLOAD = f"{V3}/avatar/create"
UPLOADED = f"{V3}/avatar/detail"
VOICES = f"{V4}/voice/list"
LANGUAGES = f"{V3}/language/list"
CREDIT = f"{V3}/faceswap/quota/info"
KNOWLEDGE = f"{V4}/knowledge"


@dataclass(frozen=True)
class Call:
    """What AKOOL was asked."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)
    body: Any = None


Answer = Callable[[Call], Response]


def ok(content: Any = None, **more: Any) -> Response:
    """Success; without `data` where there is none, as AKOOL does."""
    return JSONResponse({"code": 1000, "msg": "OK", **({} if content is None else {"data": content}), **more})


def refused(code: int, status: int = 200, msg: str = "no") -> Response:
    return JSONResponse({"code": code, "msg": msg}, status)


class ScriptedAkool:
    """Answers each path with its responses in turn, the last one again and again; what it was not told is 404 in HTML.

    `latency` says how many seconds an answer takes.
    """

    def __init__(
        self,
        answers: Mapping[str, Response | Sequence[Response] | Answer],
        latency: Callable[[Call], float] = lambda _: 0.0,
    ) -> None:
        self._answers = answers
        self._latency = latency
        self.calls: list[Call] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        body = await request.body()
        call = Call(
            request.method,
            request.url.path,
            dict(request.query_params),
            dict(request.headers),
            json.loads(body) if body else None,
        )
        earlier = len(self.to(call.path))
        self.calls.append(call)
        answer = self._answer(call, earlier)
        await asyncio.sleep(self._latency(call))
        await answer(scope, receive, send)

    def to(self, path: str) -> list[Call]:
        return [call for call in self.calls if call.path == path]

    def _answer(self, call: Call, earlier: int) -> Response:
        answer = self._answers.get(call.path, Response("<h1>no such page</h1>", 404, media_type="text/html"))
        if isinstance(answer, Response):
            return answer
        if callable(answer):
            return answer(call)
        return answer[min(earlier, len(answer) - 1)]

    @property
    def transport(self) -> httpx.ASGITransport:
        return httpx.ASGITransport(self)

    def api(self) -> AkoolApi:
        """The real client, signed with a key."""
        return AkoolApi.at(URL, ApiKey(SecretStr(KEY)), self.transport)

    def api_with_token(self) -> AkoolApi:
        """The real client, signed with a token that it fetches."""
        return AkoolApi.at(URL, ClientToken(SecretStr("the-id"), SecretStr(KEY), URL), self.transport)


class BrokenNetwork(httpx.AsyncBaseTransport):
    """A network where nothing arrives; counts what was tried."""

    def __init__(self, failure: type[httpx.TransportError]) -> None:
        self._failure = failure
        self.tries = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.tries += 1
        raise self._failure("broken", request=request)

    def api(self) -> AkoolApi:
        return AkoolApi.at(URL, ApiKey(SecretStr(KEY)), self)


class OurRooms:
    """Rooms of our own, numbered 1001 for the avatar and 1002 for us."""

    def credentials(self, tag: str) -> tuple[RoomCredentials, RoomCredentials]:
        return RoomCredentials("ours", tag, "1001", "avatar-token"), RoomCredentials("ours", tag, "1002", "bot-token")


def no_connection(_: RoomCredentials) -> RoomConnection:
    raise AssertionError("nobody joins in these tests")


def provider(akool: ScriptedAkool, own_room: OurRooms | None = None) -> AkoolProvider:
    return AkoolProvider(akool.api(), no_connection, own_room)

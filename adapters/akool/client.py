"""AKOOL's REST API for live avatars, each endpoint one method, signed, timed and retried where that cannot do harm.

https://docs.akool.com/ai-tools-suite/live-avatar
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from typing import Any, Self, TypeVar

import httpx
import msgspec
import stamina
from pydantic import SecretStr

from adapters.akool.codes import NOT_RUNNING, Passing
from adapters.akool.records import (
    ApiReply,
    AvatarRecord,
    CreditRecord,
    KnowledgeRecord,
    LanguageRecord,
    LiveSessionRecord,
    Page,
    VoiceRecord,
    knowledge_body,
    nonsense,
    one,
    page,
    refuses_token,
    session_body,
    success,
    token_of,
    upload_body,
)
from adapters.bounded import PLAIN, TooLong, at_most
from bot.domain.errors import ProviderError, Verdict
from bot.domain.sessions import SessionSpec
from bot.ports.provider import Knowledge
from bot.ports.room import RoomCredentials
from bot.telemetry import Metrics, new_metrics

TOKEN_PATH = "/api/open/v3/getToken"  # noqa: S105 - a path

Body = Mapping[str, Any]
Query = Mapping[str, str | int]

CONNECT_S = 5.0
READ_S = 15.0
CREATE_S = 30.0

ATTEMPTS = 4
RETRY_FOR_S = 10.0
WAIT_S = 0.2
WAIT_AT_MOST_S = 2.0

T = TypeVar("T")

V3 = "/api/open/v3"
LIVE = "/api/open/v4/liveAvatar"
KNOWLEDGE = "/api/open/v4/knowledge"

PAGE_SIZE = 100  # AKOOL's most, and its default for avatars and sessions
PAGES_AT_MOST = 50

OWN_VOICES = 1
AKOOL_VOICES = 2
STREAMABLE = 1

LONGEST_BYTES = 8 * 1024 * 1024
"""Of one answer; a page of a hundred voices takes a hundredth of it."""


class ApiKey(httpx.Auth):
    """AKOOL's recommended way: the key of the web console, as it is. Never beside `ClientToken`, for then AKOOL ignores it."""

    def __init__(self, key: SecretStr) -> None:
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["x-api-key"] = self._key.get_secret_value()
        yield request


class ClientToken(httpx.Auth):
    """The older way: id and secret are exchanged for a token that lasts more than a year.

    The token is kept until AKOOL refuses it; then it is fetched once more, by one request for all that wait.
    Raises `ProviderError` when AKOOL does not accept id and secret.
    """

    def __init__(self, client_id: SecretStr, client_secret: SecretStr, base_url: str) -> None:
        self._client_id = client_id
        self._client_secret = client_secret
        self._url = httpx.URL(base_url.rstrip("/") + TOKEN_PATH)
        self._token: SecretStr | None = None
        self._fetching = asyncio.Lock()

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        for _ in range(2):
            async with self._fetching:
                if self._token is None:
                    issued = yield self._token_request(request)
                    await issued.aread()
                    self._token = SecretStr(token_of(issued))
                token = self._token
            request.headers["authorization"] = f"Bearer {token.get_secret_value()}"
            response = yield request
            await response.aread()
            if not refuses_token(response):
                return
            if self._token is token:
                self._token = None

    def _token_request(self, request: httpx.Request) -> httpx.Request:
        secret = {
            "clientId": self._client_id.get_secret_value(),
            "clientSecret": self._client_secret.get_secret_value(),
        }
        return httpx.Request(
            "POST",
            self._url,
            content=msgspec.json.encode(secret),
            headers={"content-type": "application/json"},
            extensions=request.extensions,  # its time-outs
        )


# ---------------------------------------------------------------- calls


class ApiCalls:
    """Calls over one `httpx.AsyncClient`, which it closes. Every call raises `ProviderError` and nothing else."""

    def __init__(self, http: httpx.AsyncClient, metrics: Metrics | None = None) -> None:
        self._http = http
        self._metrics = metrics or new_metrics()

    async def read(self, path: str, **query: str | int) -> Any:
        """Ask for something. Tried up to four times while AKOOL is out of reach, down or asked too often, for about 10 s."""
        return await self._patiently(self._request("GET", path, query=query))

    async def once(self, method: str, path: str, body: Body, *, within: float = READ_S) -> Any:
        """Do something that must not be done twice: never retried.

        The error's `certain` is False when AKOOL may have done it all the same.
        """
        request = self._request(method, path, body=body, within=within)
        return (await self._send(request, harmless=False)).data

    async def aclose(self) -> None:
        await self._http.aclose()

    def _request(
        self, method: str, path: str, *, query: Query | None = None, body: Body | None = None, within: float = READ_S
    ) -> httpx.Request:
        timeout = httpx.Timeout(within, connect=CONNECT_S)
        try:
            if body is None:
                return self._http.build_request(method, path, params=query, timeout=timeout)
            content = msgspec.json.encode(body)
        except UnicodeEncodeError:  # half an emoji: chat platforms deliver such
            sentence = "This holds characters that cannot be sent."
            raise ProviderError(sentence, f"{method} {path}: not UTF-8", verdict=Verdict.FIX_INPUT) from None
        headers = {"content-type": "application/json"}
        return self._http.build_request(method, path, content=content, headers=headers, timeout=timeout)

    async def _patiently(self, request: httpx.Request) -> Any:
        async for attempt in stamina.retry_context(
            on=Passing, attempts=ATTEMPTS, timeout=RETRY_FOR_S, wait_initial=WAIT_S, wait_max=WAIT_AT_MOST_S
        ):
            with attempt:
                return (await self._send(request, harmless=True)).data
        raise AssertionError("stamina returns or raises")

    async def _send(self, request: httpx.Request, *, harmless: bool) -> ApiReply:
        """One try, counted by what came of it."""
        endpoint, began = request.url.path.rpartition("/open/")[2], time.perf_counter()
        outcome = "ok"
        try:
            return await self._answered(request, harmless=harmless)
        except ProviderError as error:
            outcome = str(error.code or error.verdict)
            raise
        finally:
            self._metrics.provider_calls.labels(endpoint, outcome).inc()
            self._metrics.provider_seconds.labels(endpoint).observe(time.perf_counter() - began)

    async def _answered(self, request: httpx.Request, *, harmless: bool) -> ApiReply:
        where = f"{request.method} {request.url.path}"
        try:
            # httpx counts from byte to byte: a reply that trickles would never end.
            async with asyncio.timeout(CONNECT_S + request.extensions["timeout"]["read"]):
                response = await self._http.send(request)
            return success(response, harmless=harmless)
        except (TooLong, httpx.DecodingError) as unreadable:
            raise nonsense(f"{where}: {unreadable}", certain=harmless) from unreadable
        except (httpx.HTTPError, TimeoutError) as broken:
            raise _unanswered(broken, where, harmless=harmless) from broken
        except ProviderError as error:
            error.detail = f"{where}: {error.detail}"
            raise


def _unanswered(broken: Exception, where: str, *, harmless: bool) -> Passing:
    slow = isinstance(broken, TimeoutError | httpx.TimeoutException)
    unsent = isinstance(broken, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    return Passing(
        f"AKOOL {'does not answer in time' if slow else 'cannot be reached'}. Try again in a minute.",
        f"{where}: {type(broken).__name__}",
        verdict=Verdict.RETRY_LATER,
        certain=harmless or unsent,
    )


# ---------------------------------------------------------------- endpoints


class AkoolApi:
    """Typed calls. Every one may raise `ProviderError`; lists are read to their end, at most 5,000 long."""

    def __init__(self, calls: ApiCalls, signed: "Callable[[httpx.Auth], AkoolApi] | None" = None) -> None:
        self._calls = calls
        self._signed = signed

    def with_key(self, key: str) -> "AkoolApi":
        """The same API on another account, to be closed. Raises `ProviderError` for what cannot be a key."""
        if self._signed is None or not (key.isascii() and key.isprintable() and key):
            raise ProviderError("That holds characters that no key has. Copy it again.", verdict=Verdict.FIX_INPUT)
        return self._signed(ApiKey(SecretStr(key)))

    @classmethod
    def at(
        cls,
        base_url: str,
        auth: httpx.Auth,
        transport: httpx.AsyncBaseTransport | None = None,
        metrics: Metrics | None = None,
    ) -> Self:
        """The API at `base_url`, to be closed."""
        timeout = httpx.Timeout(READ_S, connect=CONNECT_S)
        http = httpx.AsyncClient(
            base_url=base_url,
            auth=auth,
            timeout=timeout,
            transport=transport,
            headers=PLAIN,
            event_hooks=at_most(LONGEST_BYTES),
        )
        return cls(ApiCalls(http, metrics), lambda other: cls.at(base_url, other, transport, metrics))

    async def aclose(self) -> None:
        await self._calls.aclose()

    # ------------------------------------------------------------ sessions

    async def create_session(
        self, spec: SessionSpec, duration_s: int, avatar_credentials: RoomCredentials | None = None
    ) -> LiveSessionRecord:
        """Create a session and pay for `duration_s` (at most 3,600) in advance. Never retried."""
        body = session_body(spec, duration_s, avatar_credentials)
        content = await self._calls.once("POST", f"{LIVE}/session/create", body, within=CREATE_S)
        return one(LiveSessionRecord, content, certain=False)

    async def session(self, session_id: str) -> LiveSessionRecord:
        return one(LiveSessionRecord, await self._calls.read(f"{LIVE}/session/detail", id=session_id))

    async def close_session(self, session_id: str) -> None:
        """Close a session; one that is closed or unknown is fine. Never retried: whoever tries again knows when it ended."""
        try:
            await self._calls.once("POST", f"{LIVE}/session/close", {"id": session_id})
        except ProviderError as error:
            if error.code not in NOT_RUNNING:
                raise

    async def sessions(self, status: int) -> list[LiveSessionRecord]:
        return await self._all(LiveSessionRecord, lambda row: row.id, f"{LIVE}/session/list", status=status)

    # ------------------------------------------------------------ avatars

    async def avatars(self, platform: str = "open") -> list[AvatarRecord]:
        """Avatars that can be streamed: `open`, or `aigc` for those of AKOOL's web app."""
        return await self._all(AvatarRecord, lambda row: row.avatar_id, f"{LIVE}/avatar/list", platform=platform)

    async def avatar(self, avatar_id: str) -> AvatarRecord:
        return one(AvatarRecord, await self._calls.read(f"{LIVE}/avatar/detail", avatar_id=avatar_id))

    async def upload_avatar(self, url: str, avatar_id: str, name: str) -> AvatarRecord:
        """Make a streaming avatar of about a minute of video. `avatar_id` is ours to choose. Never retried."""
        content = await self._calls.once("POST", f"{V3}/avatar/create", upload_body(url, avatar_id, name))
        return one(AvatarRecord, content, certain=False)

    async def uploaded_avatar(self, record_id: str) -> AvatarRecord:
        """An upload, by AKOOL's `_id`: the one detail that is documented to carry `status`."""
        return one(AvatarRecord, await self._calls.read(f"{V3}/avatar/detail", id=record_id))

    # ------------------------------------------------------------ voices, languages, credit

    async def own_voices(self) -> list[VoiceRecord]:
        return await self._voices(OWN_VOICES)

    async def akool_voices(self) -> list[VoiceRecord]:
        return await self._voices(AKOOL_VOICES)

    async def _voices(self, kind: int) -> list[VoiceRecord]:
        path = "/api/open/v4/voice/list"
        return await self._all(VoiceRecord, lambda row: row.voice_id, path, type=kind, support_stream=STREAMABLE)

    async def languages(self) -> list[LanguageRecord]:
        return list(page(LanguageRecord, await self._calls.read(f"{V3}/language/list")).rows)

    async def credit(self) -> float:
        return one(CreditRecord, await self._calls.read(f"{V3}/faceswap/quota/info")).credit

    # ------------------------------------------------------------ knowledge

    async def knowledge_bases(self) -> list[KnowledgeRecord]:
        return await self._all(KnowledgeRecord, lambda row: row.id, f"{KNOWLEDGE}/list")

    async def knowledge(self, knowledge_id: str) -> KnowledgeRecord:
        return one(KnowledgeRecord, await self._calls.read(f"{KNOWLEDGE}/detail", id=knowledge_id))

    async def create_knowledge(self, knowledge: Knowledge) -> KnowledgeRecord:
        content = await self._calls.once("POST", f"{KNOWLEDGE}/create", knowledge_body(knowledge))
        return one(KnowledgeRecord, content, certain=False)

    async def update_knowledge(self, knowledge: Knowledge) -> None:
        await self._calls.once("POST", f"{KNOWLEDGE}/update", knowledge_body(knowledge))

    async def delete_knowledge(self, knowledge_id: str) -> None:
        await self._calls.once("DELETE", f"{KNOWLEDGE}/delete", {"id": knowledge_id})

    # ------------------------------------------------------------ lists

    async def _all(self, of: type[T], key: Callable[[T], str], path: str, **query: str | int) -> list[T]:
        """Every row, page by page, each key once: a list that ignores `page` brings nothing new and so ends."""
        rows: dict[str, T] = {}
        for number in range(1, PAGES_AT_MOST + 1):
            here = await self._page(of, path, number, query)
            known = len(rows)
            rows.update((key(row), row) for row in here.rows if key(row))
            if len(rows) == known or (here.count is not None and len(rows) >= here.count):
                break
        return list(rows.values())

    async def _page(self, of: type[T], path: str, number: int, query: dict[str, Any]) -> Page[T]:
        return page(of, await self._calls.read(path, page=number, size=PAGE_SIZE, **query))

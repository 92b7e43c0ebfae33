"""Slack's Web API: one session for all calls, and the domain's errors."""

import asyncio
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from adapters.slack.errors import refusal
from bot.domain.errors import PlatformError, Throttled

Answer = Mapping[str, Any]

TIMEOUT_S = 10.0

READS_FORMS = frozenset(
    {
        "conversations.info",
        "conversations.replies",
        "files.getUploadURLExternal",
        "oauth.v2.access",
        "usergroups.list",
        "users.info",
    }
)
"""Methods that do not read JSON (slack-api-ref, `json_input_supported`)."""


Limited = tuple[str, str, str]
"""What a rate limit holds for: a method with a token, `chat.postMessage` in one channel."""


def limited_by(token: str, method: str, arguments: Answer) -> Limited:
    return token, method, str(arguments.get("channel", "")) if method == "chat.postMessage" else ""


class RetryDeadlines:
    """Which calls Slack has asked to wait with, and until when by the running loop's clock."""

    def __init__(self) -> None:
        self._until: dict[Limited, float] = {}

    def require(self, limited: Limited) -> None:
        """Raises `Throttled` where the call is not to be made yet."""
        left = self._until.get(limited, 0.0) - asyncio.get_running_loop().time()
        if left > 0:
            raise Throttled(left)

    def met(self, limited: Limited, retry_after: float) -> None:
        now = asyncio.get_running_loop().time()
        self._until = {each: until for each, until in self._until.items() if until > now}
        self._until[limited] = now + retry_after


class WebApi:
    """Calls with a token of the caller's. Never retries: a post repeated after a lost answer may stand there twice.

    Within a `Retry-After` the same call is refused here, without asking Slack.

    One session for all, since the SDK would otherwise open a connection for each call. It is made at the first call, in the
    loop that runs then, and closed by `aclose`, after which it is made anew. `api_url` ends in a slash.
    """

    def __init__(self, api_url: str) -> None:
        self.api_url = api_url
        self._limits = RetryDeadlines()
        self._client: AsyncWebClient | None = None

    async def call(self, token: str, method: str, **arguments: object) -> Answer:
        """Slack's answer, `ok` being true. Raises `Throttled`, `PlaceGone`, `MessageGone`, `SlackRefused` or `PlatformError`."""
        response = await self._response(token, method, arguments)
        return MappingProxyType(response.data) if isinstance(response.data, dict) else {}

    async def call_with_scopes(self, token: str, method: str) -> tuple[Answer, frozenset[str]]:
        """As `call`, and the scopes that Slack says the token has."""
        response = await self._response(token, method, {})
        scopes = str(response.headers.get("x-oauth-scopes", ""))
        answer = response.data if isinstance(response.data, dict) else {}
        return answer, frozenset(scope.strip() for scope in scopes.split(",") if scope.strip())

    async def _response(self, token: str, method: str, arguments: Answer) -> AsyncSlackResponse:
        limited = limited_by(token, method, arguments)
        self._limits.require(limited)
        try:
            return await self._asked(token, method, arguments)
        except Throttled as throttled:
            self._limits.met(limited, throttled.retry_after)
            raise

    async def _asked(self, token: str, method: str, arguments: Answer) -> AsyncSlackResponse:
        given = {name: value for name, value in arguments.items() if value is not None}
        authorization = {"Authorization": f"Bearer {token}"} if token else {}
        body = {"data": _form(given)} if method in READS_FORMS else {"json": given}
        try:
            return await self.client.api_call(method, headers=authorization, **body)
        except SlackApiError as error:
            raise _translated(method, error) from None
        except (
            aiohttp.ClientError,
            TimeoutError,
            RuntimeError,
        ) as error:  # RuntimeError: the session was closed meanwhile
            raise PlatformError("Slack does not answer just now.", f"{method}: {type(error).__name__}") from error

    async def send(self, url: str, body: Mapping[str, object]) -> None:
        """Post JSON to a `response_url`. Raises `Throttled` or `PlatformError`; neither names the URL, which is a secret."""
        await self._post(url, json=body)

    async def upload(self, url: str, content: bytes) -> None:
        """Post a file's bytes to the URL that Slack gave for it. Raises as `send`."""
        await self._post(url, data=content)

    async def _post(self, url: str, **body: Any) -> None:
        try:
            async with self.session.post(url, **body) as response:
                if response.status == 429:
                    raise Throttled(_seconds(response.headers.get("Retry-After")))
                if response.status >= 300:
                    raise PlatformError("Slack did not take the answer.", f"status {response.status}")
        except (aiohttp.ClientError, TimeoutError, RuntimeError, ValueError) as error:
            raise PlatformError("Slack does not answer just now.", type(error).__name__) from None

    @property
    def client(self) -> AsyncWebClient:
        """The SDK's client on our session, without a token."""
        if self._client is None or self._client.session is None or self._client.session.closed:
            session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))
            self._client = AsyncWebClient(base_url=self.api_url, session=session, retry_handlers=[])
        return self._client

    @property
    def session(self) -> aiohttp.ClientSession:
        session = self.client.session
        assert session is not None
        return session

    async def aclose(self) -> None:
        client, self._client = self._client, None
        if client is not None and client.session is not None:
            await client.session.close()
            await asyncio.sleep(0)  # aiohttp's transports close in the next turn of the loop


def _form(arguments: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in arguments.items()}


def _seconds(retry_after: str | None) -> float:
    return float(retry_after) if retry_after and retry_after.replace(".", "", 1).isdigit() else 1.0


def _translated(method: str, error: SlackApiError) -> PlatformError:
    response = error.response
    if not isinstance(response, AsyncSlackResponse):  # a body that is no JSON
        return PlatformError("Slack does not answer just now.", f"{method}: not JSON")
    if response.status_code == 429:
        return Throttled(_seconds(response.headers.get("Retry-After")))
    if response.status_code >= 500 or not isinstance(response.data, dict) or not response.data:
        return PlatformError("Slack does not answer just now.", f"{method}: status {response.status_code}")
    code = str(response.data.get("error", "unknown_error"))
    if code in ("ratelimited", "rate_limited"):
        return Throttled(_seconds(response.headers.get("Retry-After")))
    return refusal(method, code, str(response.data.get("needed", "")))

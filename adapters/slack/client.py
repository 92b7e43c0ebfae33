"""Slack's Web API: one session for all calls, as whom they are made, and refusals as the domain's errors."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.domain.conversations import ConversationRef, File
from bot.domain.errors import MessageGone, PlaceGone, PlatformError, Throttled

INVITE = "I am not in that channel. Invite me there with /invite and try again."

_PLACE_GONE = {
    "channel_not_found": INVITE,
    "not_in_channel": INVITE,
    "is_archived": "That channel is archived.",
    "account_inactive": "Avatarbot was removed from this workspace.",
    "team_access_not_granted": "Avatarbot may not act in this workspace.",
    "token_revoked": "Avatarbot was removed from this workspace.",
    "invalid_auth": "Slack does not accept Avatarbot's token. Whoever runs it has to look at `avatarbot doctor`.",
    "not_authed": "Slack does not accept Avatarbot's token. Whoever runs it has to look at `avatarbot doctor`.",
    "token_expired": "Avatarbot's token has expired. Whoever runs it has to look at `avatarbot doctor`.",
    "ekm_access_denied": "An admin of this workspace does not let apps write there.",
    "messages_tab_disabled": "Slack does not let me write to you there.",
    "restricted_action": "A setting of this workspace does not let me write there.",
    "restricted_action_non_threadable_channel": "That channel has no threads.",
    "restricted_action_read_only_channel": "That channel is read-only.",
    "restricted_action_thread_locked": "That thread is locked.",
    "restricted_action_thread_only_channel": "That channel takes replies in threads only.",
    "cannot_reply_to_message": "That message cannot be replied to.",
    "thread_not_found": "That thread is gone.",
}
"""Codes after which nothing more can be posted there (slack-api-ref, chat.postMessage)."""

_MESSAGE_GONE = frozenset(
    {"message_not_found", "cant_update_message", "edit_window_closed", "message_not_owned_by_app", "bad_timestamp"}
)

WORKSPACE_GONE = frozenset(
    {"account_inactive", "token_revoked", "invalid_auth", "not_authed", "team_access_not_granted"}
)

TOKEN_EXPIRED = "token_expired"  # noqa: S105 - a code of Slack's, no secret
MISSING_SCOPE = "missing_scope"

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

ALT_LIMIT = 1_000


class SlackRefused(PlatformError):
    """Slack said no, with a `code` of its own, to something that is not final for the place."""

    def __init__(self, code: str, detail: str, needed: tuple[str, ...] = ()) -> None:
        super().__init__("Slack did not do that. Please try again.", detail)
        self.code = code
        self.needed = needed  # scopes, any of which would do


def refusal(method: str, code: str, needed: str = "") -> PlatformError:
    """The error for what Slack answered to a method. `needed` are the scopes it misses."""
    detail = f"{method}: {code}" + (f" (needs {needed})" if needed else "")
    if code in _MESSAGE_GONE:
        return MessageGone("That message cannot be changed any more.", detail)
    if code in _PLACE_GONE:
        return PlaceGone(_PLACE_GONE[code], detail)
    if code == MISSING_SCOPE and method == "chat.postMessage":
        return PlaceGone("I am not allowed to write there: the app lacks a permission that an admin can add.", detail)
    return SlackRefused(code, detail, tuple(needed.split(",")) if needed else ())


# ---------------------------------------------------------------- calls


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


@dataclass(frozen=True, slots=True)
class Installation:
    """The bot as it is in one workspace (or one Enterprise organisation)."""

    token: str = field(repr=False)
    bot_id: str
    bot_user_id: str


class Installations(Protocol):
    async def find(self, workspace_id: str) -> Installation:
        """Raises `PlaceGone` where the app is not installed, `PlatformError` when Slack cannot be asked just now."""
        ...

    async def forget(self, workspace_id: str) -> None:
        """The app was removed there: everything kept for it goes."""
        ...

    async def prepare(self) -> None:
        """Ask what can be known before the first delivery comes. Raises as `find`."""
        ...


class OneWorkspace:
    """The token from the environment; `auth.test` once, when first needed."""

    def __init__(self, token: str, web: WebApi) -> None:
        self._token = token
        self._web = web
        self._installed: Installation | None = None
        self._asking = asyncio.Lock()

    async def find(self, workspace_id: str) -> Installation:  # noqa: ARG002 - there is only one
        if self._installed is not None:
            return self._installed
        async with self._asking:
            if self._installed is None:
                myself = await self._web.call(self._token, "auth.test")
                self._installed = Installation(self._token, myself.get("bot_id", ""), myself["user_id"])
        return self._installed

    async def forget(self, workspace_id: str) -> None:  # noqa: ARG002
        self._installed = None

    async def prepare(self) -> None:
        await self.find("")


# ---------------------------------------------------------------- as the bot of a workspace


class WorkspaceCalls:
    """Fetches the token for each call: a session outlives one that is rotated. Raises as `WebApi.call`."""

    def __init__(self, web: WebApi, installations: Installations) -> None:
        self.web = web
        self._installations = installations

    async def __call__(self, place: ConversationRef, method: str, **arguments: Any) -> Answer:
        installed = await self._installations.find(place.workspace_id)
        return await self.web.call(installed.token, method, **arguments)

    async def upload(self, place: ConversationRef, file: File) -> None:
        """Post a file in a place."""
        slot = await self(place, "files.getUploadURLExternal", **_described(file))
        await self.web.upload(str(slot["upload_url"]), file.content)
        await self(
            place,
            "files.completeUploadExternal",
            files=[{"id": slot["file_id"], "title": file.name}],
            channel_id=place.channel_id,
            thread_ts=place.thread_id or None,
        )


def _described(file: File) -> Mapping[str, Any]:
    alt = {"alt_txt": file.alt[:ALT_LIMIT]} if file.alt else {}
    return {"filename": file.name, "length": len(file.content), **alt}

"""The one way in: deliveries over HTTP, verified and read, and those of either transport handed to bolt's last middleware.

A listener would run after bolt has acknowledged, and its `ack()` is polled every 10 ms; a middleware that returns a response
commits first and answers then.
"""

import hmac
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
import structlog
from slack_bolt.adapter.starlette.async_handler import to_async_bolt_request, to_starlette_response
from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.authorization.async_authorize import AsyncAuthorize
from slack_bolt.context.async_context import AsyncBoltContext
from slack_bolt.error import BoltError
from slack_bolt.middleware.async_middleware import AsyncMiddleware
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_bolt.response import BoltResponse
from slack_sdk.errors import SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from adapters.slack.client import Installations
from adapters.slack.events import SlackEvents
from adapters.slack.health import Health
from adapters.slack.inbound import Afterwards, Receipt, SlackInboundHandler, Unreadable
from adapters.slack.interactions import SlackInteractions
from adapters.slack.manifest import EVENTS_PATH, INSTALL_PATH, REDIRECT_PATH, UNDER
from adapters.slack.payloads import InboundContext
from bot.clock import Clock
from bot.domain.errors import AvatarbotError, PlaceGone
from bot.domain.text import read_json
from bot.ports.chat import HttpMount

BODY_LIMIT = 1_000_000
UNSIGNED_LIMIT = 1_000
"""Bytes of a body that are read where the headers already say that Slack did not sign it: its check of our certificate is short."""
FRESH_S = 300
"""How far a signature's time may be off, as Slack says."""

NO_ANSWER = "Slack does not answer just now. Please install the app again in a minute."

_SIGNATURE = re.compile("v0=[0-9a-f]{64}")
_SSL_CHECK = b"ssl_check=1"

log = structlog.get_logger(__name__)


class Malformed(ValueError):
    """A body that Slack would not send."""


def is_signed(secret: str, headers: Mapping[str, str], body: bytes, now: float) -> bool:
    """Whether Slack signed these very bytes within the last five minutes. Never raises, whatever the headers hold."""
    if not may_be_signed(headers, now):
        return False
    stamp = headers["x-slack-request-timestamp"]
    digest = hmac.digest(secret.encode(), b"v0:" + stamp.encode() + b":" + body, "sha256")
    return hmac.compare_digest(f"v0={digest.hex()}".encode(), headers.get("x-slack-signature", "").encode())


def may_be_signed(headers: Mapping[str, str], now: float) -> bool:
    """Whether the headers alone leave it possible. Never raises."""
    stamp = headers.get("x-slack-request-timestamp", "")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 20) or abs(now - int(stamp)) > FRESH_S:
        return False
    return _SIGNATURE.fullmatch(headers.get("x-slack-signature", "")) is not None


def read_body(body: bytes, content_type: str) -> dict[str, Any]:
    """The payload in a body. Bolt's own reading loses a command whose text contains the word "payload". Raises `Malformed`."""
    try:
        found = _read(body.decode(), content_type)
    except (ValueError, RecursionError) as error:
        raise Malformed(type(error).__name__) from None
    if not isinstance(found, dict) or not isinstance(found.get("event", {}), dict):
        raise Malformed("not what Slack sends")
    return found


def _read(text: str, content_type: str) -> Any:
    if "json" in content_type:
        return read_json(text)
    form = dict(parse_qsl(text, keep_blank_values=True, max_num_fields=100))
    return read_json(form["payload"]) if "payload" in form else form


class Deliveries:
    """Bolt's answers to payloads of either transport. What broke on our side is 503, so that Slack delivers again."""

    def __init__(self, app: AsyncApp, health: Health) -> None:
        self._app = app
        self._health = health

    async def __call__(self, payload: dict[str, Any]) -> BoltResponse:
        event = payload.get("event")
        if isinstance(event, dict) and event.get("type") == "message":  # before bolt sorts out what is our own
            self._health.heard()
        try:
            # A mapping is accepted in this mode only; nothing else of it matters, since the signature was checked before.
            request = AsyncBoltRequest(body=payload, mode="socket_mode")
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            return Receipt(status=400)
        answered = await self._app.async_dispatch(request)
        return Receipt(status=503) if answered.status >= 500 else answered


class HttpEndpoint:
    """The address that Slack delivers events, commands and interactivity to; with a `flow`, workspaces install the app there too."""

    def __init__(self, deliveries: Deliveries, flow: AsyncOAuthFlow | None, signing_secret: str, clock: Clock) -> None:
        self._deliveries = deliveries
        # Not `app.oauth_flow`: bolt makes one of its own, on files, when it finds SLACK_CLIENT_ID in the environment.
        self._flow = flow
        self._secret = signing_secret
        self._clock = clock

    def mount(self) -> HttpMount:
        delivered = [Route(EVENTS_PATH.removeprefix(UNDER), self, methods=["POST"])]
        return HttpMount(UNDER, Router([*delivered, *self._installing(self._flow)] if self._flow else delivered))

    def _installing(self, flow: AsyncOAuthFlow) -> list[Route]:
        async def install(request: Request) -> Response:
            return to_starlette_response(await flow.handle_installation(to_async_bolt_request(request, b"")))

        async def redirected(request: Request) -> Response:
            try:
                return to_starlette_response(await flow.handle_callback(to_async_bolt_request(request, b"")))
            except (aiohttp.ClientError, TimeoutError, BoltError, SlackClientError) as error:
                log.warning("an installation could not be finished", reason=type(error).__name__)
                return PlainTextResponse(NO_ANSWER, 503)

        return [
            Route(INSTALL_PATH.removeprefix(UNDER), install, methods=["GET"]),
            Route(REDIRECT_PATH.removeprefix(UNDER), redirected, methods=["GET"]),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._deliver(Request(scope, receive))
        await response(scope, receive, send)

    async def _deliver(self, request: Request) -> Response:
        now = self._clock.now().timestamp()
        hopeful = may_be_signed(request.headers, now)
        body = await _bounded(request, BODY_LIMIT if hopeful else UNSIGNED_LIMIT)
        if body is None:
            return PlainTextResponse("too large", 413) if hopeful else PlainTextResponse("not signed", 401)
        if not is_signed(self._secret, request.headers, body, now):
            # Slack's check of our certificate comes unsigned, and wants nothing but an answer.
            return PlainTextResponse("") if _SSL_CHECK in body.split(b"&") else PlainTextResponse("not signed", 401)
        try:
            payload = read_body(body, request.headers.get("content-type", ""))
        except Malformed:
            return PlainTextResponse("malformed", 400)
        answered = await self._deliveries(payload)
        response = to_starlette_response(answered)
        if (afterwards := todo(answered)) is not None:
            response.background = BackgroundTask(carry_out, afterwards)
        return response


def todo(answered: BoltResponse) -> Afterwards | None:
    return answered.afterwards if isinstance(answered, Receipt) else None


async def carry_out(afterwards: Afterwards) -> None:
    """Do what is to be done after the answer; nobody is left to be told of a failure but the log."""
    try:
        await afterwards()
    except AvatarbotError as error:
        log.warning("an answer could not be given", detail=error.detail)
    except Exception:
        log.exception("an answer broke")


async def _bounded(request: Request, limit: int) -> bytes | None:
    """The body, or None when it is larger."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                return None
    except ClientDisconnect:
        return b""
    return bytes(body)


# ---------------------------------------------------------------- bolt


class Dispatcher(AsyncMiddleware):
    """Hands a verified, authorised request to who handles its kind. Unreadable: 400."""

    def __init__(self, handler: SlackInboundHandler) -> None:
        self._events = SlackEvents(handler)
        self._interactions = SlackInteractions(handler)

    async def async_process(
        self,
        *,
        req: AsyncBoltRequest,
        resp: BoltResponse,  # noqa: ARG002 - bolt passes it by name
        next: Callable[[], Awaitable[BoltResponse]],  # noqa: A002, ARG002
    ) -> BoltResponse:
        try:
            return await self._take(req)
        except Unreadable as unreadable:
            log.warning("Slack sent something that makes no sense to us", detail=str(unreadable))
            return Receipt(status=400)

    async def _take(self, req: AsyncBoltRequest) -> Receipt:
        setting = _setting(req)
        if req.body.get("type") == "event_callback":
            return await self._events.take(setting, req.body)
        if "command" in req.body:
            return await self._interactions.command(setting, req.body)
        if req.body.get("type") == "app_rate_limited":
            log.warning("Slack delivers no events for a minute: too many in this workspace")
            return Receipt()
        return await self._interactions.take(setting, req.body)


class Authorisation(AsyncAuthorize):
    """Who we are where a request comes from: kept, so that no request costs a call to Slack."""

    def __init__(self, installations: Installations) -> None:
        self._installations = installations

    async def __call__(
        self,
        *,
        context: AsyncBoltContext,
        enterprise_id: str | None,
        team_id: str | None,
        user_id: str | None,
        actor_enterprise_id: str | None = None,  # noqa: ARG002 - bolt passes them by name
        actor_team_id: str | None = None,  # noqa: ARG002
        actor_user_id: str | None = None,  # noqa: ARG002
    ) -> AuthorizeResult | None:
        try:
            installed = await self._installations.find(workspace_of(context))
        except PlaceGone as gone:
            log.info("a delivery from where we are not installed", detail=gone.detail)
            return None
        return AuthorizeResult(
            enterprise_id=enterprise_id,
            team_id=team_id,
            user_id=user_id,
            bot_id=installed.bot_id,
            bot_user_id=installed.bot_user_id,
            bot_token=installed.token,
        )


def workspace_of(context: AsyncBoltContext) -> str:
    """The installation's id: the enterprise's for one of the whole organisation, else the team's.

    When an organisation removes the app, its event names the enterprise and neither a team nor an authorisation.
    """
    whole = context.is_enterprise_install or not context.team_id
    return str((whole and context.enterprise_id) or context.team_id or "")


def _setting(req: AsyncBoltRequest) -> InboundContext:
    result = req.context.authorize_result
    team_id = _team_of(req) if req.context.is_enterprise_install else ""
    return InboundContext(workspace_of(req.context), (result.bot_user_id if result else None) or "", team_id)


def _team_of(req: AsyncBoltRequest) -> str:
    """An organisation's events name no team where bolt looks, and `team_id` may be a stranger's who shares the channel."""
    return str(req.context.team_id or req.body.get("context_team_id") or req.body.get("team_id") or "")


def bolt_app(handler: SlackInboundHandler, api_url: str, oauth_flow: AsyncOAuthFlow | None) -> AsyncApp:
    """Bolt with our way in. Requests are verified before they come here (`HttpEndpoint`), so bolt does not do it again."""
    app = AsyncApp(
        logger=logging.getLogger(
            "slack_bolt"
        ),  # or bolt gives its loggers the root's level, and its warnings hold bodies
        client=AsyncWebClient(base_url=api_url),
        authorize=Authorisation(handler.installations),  # type: ignore[arg-type] # it may return None, says bolt's own base
        oauth_flow=oauth_flow,
        request_verification_enabled=False,
        ssl_check_enabled=False,
        attaching_function_token_enabled=False,
    )
    app.middleware(Dispatcher(handler))
    app.error(_not_taken)
    return app


async def _not_taken(error: Exception) -> None:
    """The answer is no 200, so that Slack delivers again."""
    if isinstance(error, AvatarbotError):
        log.warning("a delivery was not taken", detail=error.detail)
    else:
        log.error("a delivery broke", exc_info=error)

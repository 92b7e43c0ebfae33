"""The one way in: bolt's last middleware, which answers by itself.

A listener would run after bolt has acknowledged, and its `ack()` is polled every 10 ms; a middleware that returns a response
commits first and answers then.
"""

import logging
from collections.abc import Awaitable, Callable

import structlog
from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.authorization.async_authorize import AsyncAuthorize
from slack_bolt.context.async_context import AsyncBoltContext
from slack_bolt.middleware.async_middleware import AsyncMiddleware
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.events import SlackEvents
from adapters.slack.handler import Receipt, SlackInboundHandler
from adapters.slack.inbound import InboundContext
from adapters.slack.installations import Installations
from adapters.slack.interactions import SlackInteractions
from adapters.slack.payloads import Unreadable
from bot.domain.errors import AvatarbotError, PlaceGone

log = structlog.get_logger(__name__)


class Dispatcher(AsyncMiddleware):
    """Hands a verified, authorised request to who handles its kind. Unreadable: 400. Not taken for now, or broken on our side: 503."""

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
        except AvatarbotError as error:
            log.warning("a delivery was not taken", detail=error.detail)
            return Receipt(status=503)
        except Exception:
            log.exception("a delivery broke")
            return Receipt(status=503)

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
    """Bolt with our way in. Requests are verified before they come here (`endpoint.py`), so bolt does not do it again."""
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
    return app

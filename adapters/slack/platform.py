"""Slack as a chat platform: the adapter put together."""

import asyncio
from collections.abc import Sequence

import structlog
from pydantic import SecretStr
from starlette.routing import BaseRoute

from adapters.slack.answered import Answered
from adapters.slack.desk import Desk
from adapters.slack.directory import Directory
from adapters.slack.endpoint import Endpoint
from adapters.slack.installations import Installations, ManyWorkspaces, OneWorkspace
from adapters.slack.intake import bolt_app
from adapters.slack.oauth import oauth_flow
from adapters.slack.settings import SlackSettings
from adapters.slack.socket_mode import FIRST_PAUSE_S, LONGEST_PAUSE_S, SocketMode
from adapters.slack.vault import Vault
from adapters.slack.web_api import WebApi
from adapters.slack.writer import Writer
from bot.errors import PlaceGone, PlatformError, SettingsError
from bot.model import Channel, Place
from bot.ports.chat import ConnectionState, Reception
from bot.ports.clock import Clock

BAD_TOKEN = "Slack does not accept SLACK_BOT_TOKEN: copy the Bot User OAuth Token (xoxb-…) from Install App again."  # noqa: S105

log = structlog.get_logger(__name__)


class SlackPlatform(Writer):
    """`ChatPlatform` for Slack. Receives over Socket Mode when the app token is set, over HTTP when the signing secret is, or both.

    Raises `SettingsError` at once when it could not act anywhere.
    """

    def __init__(self, settings: SlackSettings, reception: Reception, vault: Vault, clock: Clock) -> None:
        if not settings.app_token and not settings.signing_secret:
            raise SettingsError("Slack needs SLACK_APP_TOKEN (Socket Mode) or SLACK_SIGNING_SECRET (HTTP) to be heard.")
        self._settings = settings
        self._since = clock.now()
        web = WebApi(settings.api_url)
        installations, flow = _one(settings, web), None
        if installations is None:
            many = _many(settings, web, vault, clock)
            installations, flow = many, oauth_flow(settings, many, clock)
        self._installations = installations
        super().__init__(web, installations, clock)
        self._directory = Directory(self._call, clock)
        desk = Desk(reception, self, self._directory, installations, clock, settings.command, Answered(clock))
        self._app = bolt_app(desk, web.api_url, flow)
        self._flow = flow

    def is_home(self, workspace_id: str) -> bool:  # noqa: ARG002 - with a bot's token there is only the workspace it is of
        """The operator's own is the one whose token they set; who installed the app by themselves is not."""
        return self._settings.bot_token is not None

    async def channel(self, place: Place) -> Channel:
        return await self._directory.channel(place.workspace_id, place.channel_id)

    def routes(self) -> Sequence[BaseRoute]:
        """Without a signing secret nothing could be verified, so nothing is mounted."""
        secret = self._settings.signing_secret
        return Endpoint(self._app, self._flow, secret.get_secret_value(), self._clock).routes() if secret else []

    def connection(self) -> ConnectionState:
        return ConnectionState(self._since)

    async def run(self) -> None:
        try:
            await self._receive()
        finally:
            await self.aclose()

    async def _introduced(self) -> None:
        """Until Slack has told who we are, so that no delivery has to wait for that."""
        pause = FIRST_PAUSE_S
        while True:
            try:
                return await self._installations.prepare()
            except PlaceGone as gone:
                raise SettingsError(BAD_TOKEN, gone.detail) from None
            except PlatformError as error:
                log.info("Slack does not tell who we are yet", detail=error.detail)
                await asyncio.sleep(pause)
                pause = min(LONGEST_PAUSE_S, pause * 2)

    async def _receive(self) -> None:
        await self._introduced()
        if self._settings.app_token:
            await SocketMode(self._app, self._web, self._settings.app_token.get_secret_value()).run()
        else:
            await asyncio.Event().wait()  # the web app receives

    async def aclose(self) -> None:
        """Close the connections to Slack; a later call opens them anew."""
        await self._directory.aclose()
        await self._web.aclose()


def _one(settings: SlackSettings, web: WebApi) -> Installations | None:
    return OneWorkspace(settings.bot_token.get_secret_value(), web) if settings.bot_token else None


def _many(settings: SlackSettings, web: WebApi, vault: Vault, clock: Clock) -> ManyWorkspaces:
    if not settings.many_workspaces:
        raise SettingsError(
            "Slack needs SLACK_BOT_TOKEN, or SLACK_CLIENT_ID and SLACK_CLIENT_SECRET where workspaces install the app."
        )
    secret = settings.client_secret or SecretStr("")
    return ManyWorkspaces(vault, web, clock, settings.client_id or "", secret.get_secret_value())

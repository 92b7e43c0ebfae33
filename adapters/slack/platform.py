"""Slack as a chat platform: the adapter put together."""

import asyncio
from collections.abc import Callable, Sequence

import structlog
from pydantic import SecretStr

from adapters.slack.client import Installations, OneWorkspace, WebApi
from adapters.slack.directory import Directory
from adapters.slack.health import CHECK_EVERY_S, Health, HealthPart, Peers, check_token
from adapters.slack.inbound import SlackInboundHandler
from adapters.slack.installations import ManyWorkspaces, oauth_flow
from adapters.slack.publisher import SlackPublisher
from adapters.slack.receiver import Deliveries, HttpEndpoint, bolt_app
from adapters.slack.settings import SlackSettings
from adapters.slack.socket_mode import FIRST_PAUSE_S, LONGEST_PAUSE_S, SocketMode
from bot.clock import Clock
from bot.commands.catalogue import Catalogue
from bot.commands.verbs import CATALOGUE
from bot.domain.conversations import Channel, ConversationRef
from bot.domain.errors import PlaceGone, PlatformError, SettingsError
from bot.ports.chat import ConnectionState, CoreApi, Features, HttpMount
from bot.ports.storage.repositories import SecretVault

BAD_TOKEN = "Slack does not accept SLACK_BOT_TOKEN: copy the Bot User OAuth Token (xoxb-…) from Install App again."  # noqa: S105

log = structlog.get_logger(__name__)


class SlackPlatform(SlackPublisher):
    """`ChatPlatform` for Slack. Receives over Socket Mode when the app token is set, over HTTP when the signing secret is, or both.

    Without `receives` another process has the Socket Mode; `alone` says whether no other process is delivered a share of what people write.
    Raises `SettingsError` at once when it could not act anywhere.
    """

    def __init__(
        self,
        settings: SlackSettings,
        core: CoreApi,
        vault: SecretVault,
        clock: Clock,
        catalogue: Catalogue = CATALOGUE,
        *,
        receives: bool = True,
        alone: Callable[[], bool] = lambda: True,
    ) -> None:
        if receives and not settings.app_token and not settings.signing_secret:
            raise SettingsError("Slack needs SLACK_APP_TOKEN (Socket Mode) or SLACK_SIGNING_SECRET (HTTP) to be heard.")
        self._settings = settings
        self._receives = receives
        self._health = Health(clock, alone=lambda: receives and alone())
        web = WebApi(settings.api_url)
        installations, flow = _one(settings, web), None
        if installations is None:
            many = _many(settings, web, vault, clock)
            installations, flow = many, oauth_flow(settings, many, clock)
        self._installations = installations
        super().__init__(web, installations, clock, self._health)
        self._directory = Directory(self._call, clock)
        handler = SlackInboundHandler(core, self, self._directory, installations, clock, settings.command, catalogue)
        self._deliveries = Deliveries(bolt_app(handler, web.api_url, flow), self._health)
        self._flow = flow
        self.features = Features(edits=self, search=self, marks=self, typing=self, files=True, members=self, http=self)

    def is_home(self, workspace_id: str) -> bool:  # noqa: ARG002 - with a bot's token there is only the workspace it is of
        """The operator's own is the one whose token they set; who installed the app by themselves is not."""
        return self._settings.bot_token is not None

    async def channel(self, place: ConversationRef) -> Channel:
        return await self._directory.channel(place.workspace_id, place.channel_id)

    async def is_member(self, place: ConversationRef, person_id: str) -> bool:
        """Slack tells of who leaves a channel, and of nobody who is deactivated."""
        return await self._directory.is_member(place.workspace_id, person_id)

    def mounts(self) -> Sequence[HttpMount]:
        """Without a signing secret nothing could be verified, so nothing is mounted."""
        secret = self._settings.signing_secret
        if secret is None:
            return ()
        return [HttpEndpoint(self._deliveries, self._flow, secret.get_secret_value(), self._clock).mount()]

    def connection(self) -> ConnectionState:
        return self._health.state()

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
                await self._installations.prepare()
                return self._health.well(HealthPart.API)
            except PlaceGone as gone:
                raise SettingsError(BAD_TOKEN, gone.detail) from None
            except PlatformError as error:
                log.info("Slack does not tell who we are yet", detail=error.detail)
                self._health.trouble(HealthPart.API)
                await asyncio.sleep(pause)
                pause = min(LONGEST_PAUSE_S, pause * 2)

    async def _receive(self) -> None:
        await self._introduced()
        checking = asyncio.create_task(self._check_up(), name="slack-check-up")
        try:
            if self._receives and self._settings.app_token:
                await self._socket_mode(self._settings.app_token.get_secret_value()).run()
            else:
                await asyncio.Event().wait()  # the web app receives, or another process
        finally:
            checking.cancel()
            await asyncio.wait((checking,))

    def _socket_mode(self, token: str) -> SocketMode:
        return SocketMode(self._deliveries, self._web, token, Peers(self._health))

    async def _check_up(self) -> None:
        """Until cancelled, where one token is all there is: whether Slack still takes it, and with which scopes."""
        while self._settings.bot_token:
            await asyncio.sleep(CHECK_EVERY_S)
            await check_token(self._web, self._settings.bot_token.get_secret_value(), self._health)

    async def aclose(self) -> None:
        """Close the connections to Slack; a later call opens them anew."""
        await self._directory.aclose()
        await self._web.aclose()


def _one(settings: SlackSettings, web: WebApi) -> Installations | None:
    return OneWorkspace(settings.bot_token.get_secret_value(), web) if settings.bot_token else None


def _many(settings: SlackSettings, web: WebApi, vault: SecretVault, clock: Clock) -> ManyWorkspaces:
    if not settings.many_workspaces:
        raise SettingsError(
            "Slack needs SLACK_BOT_TOKEN, or SLACK_CLIENT_ID and SLACK_CLIENT_SECRET where workspaces install the app."
        )
    secret = settings.client_secret or SecretStr("")
    return ManyWorkspaces(vault, web, clock, settings.client_id or "", secret.get_secret_value())

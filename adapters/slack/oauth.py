"""Installing the app in many workspaces: bolt's flow, on our vault."""

import hmac
import secrets
from logging import Logger, getLogger
from typing import Any
from urllib.parse import urljoin

from slack_bolt.error import BoltError
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_bolt.oauth.async_oauth_settings import AsyncOAuthSettings
from slack_sdk.oauth.installation_store import Installation
from slack_sdk.oauth.installation_store.async_installation_store import AsyncInstallationStore
from slack_sdk.oauth.state_store.async_state_store import AsyncOAuthStateStore
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.installations import ManyWorkspaces, Record
from adapters.slack.manifest import INSTALL_PATH, OPTIONAL_SCOPES, REDIRECT_PATH, SCOPES
from adapters.slack.settings import SlackSettings
from bot.domain.errors import StoreUnavailable
from bot.ports.clock import Clock

STATE_LASTS_S = 600


class SavingInstallations(AsyncInstallationStore):
    """Saves what the flow brings; finding is `ManyWorkspaces`' own."""

    def __init__(self, installations: ManyWorkspaces) -> None:
        self._installations = installations

    @property
    def logger(self) -> Logger:
        return getLogger(__name__)

    async def async_save(self, installation: Installation) -> None:
        """It may spend once the operator has allowed it. Raises `BoltError`, of which the flow makes a page."""
        workspace_id = installation.enterprise_id if installation.is_enterprise_install else installation.team_id
        assert workspace_id, "an installation is of a team or of an enterprise"
        assert installation.bot_token, "only bot scopes are asked for"
        record = Record(
            token=installation.bot_token,
            bot_id=installation.bot_id or "",
            bot_user_id=installation.bot_user_id or "",
            scopes=",".join(installation.bot_scopes or ()),
            refresh_token=installation.bot_refresh_token or "",
            expires_at=installation.bot_token_expires_at or 0,
        )
        try:
            await self._installations.save(workspace_id, record)
        except StoreUnavailable as error:
            raise BoltError(error.sentence) from None


class SignedStates(AsyncOAuthStateStore):
    """States of ten minutes, signed with the client's secret: whoever asks for one, nothing is kept for it.

    One may be used again within its time, by the browser that holds its cookie; Slack takes the code beside it once.
    """

    def __init__(self, secret: str, clock: Clock) -> None:
        self._secret = secret.encode()
        self._clock = clock

    @property
    def logger(self) -> Logger:
        return getLogger(__name__)

    async def async_issue(self, *_: Any, **__: Any) -> str:
        good_until = int(self._clock.now().timestamp()) + STATE_LASTS_S
        told = f"{good_until}.{secrets.token_hex(16)}"
        return f"{told}.{self._signature(told)}"

    async def async_consume(self, state: str) -> bool:
        told, _, signature = state.rpartition(".")
        if not hmac.compare_digest(self._signature(told).encode(), signature.encode()):
            return False
        return self._clock.now().timestamp() < int(told.partition(".")[0])

    def _signature(self, told: str) -> str:
        return hmac.digest(self._secret, b"slack install state " + told.encode(), "sha256").hex()


def oauth_flow(settings: SlackSettings, installations: ManyWorkspaces, clock: Clock) -> AsyncOAuthFlow:
    """Bolt's flow. It brings its own client at `api_url`: left to itself it would call slack.com."""
    assert settings.client_id
    assert settings.client_secret
    secret = settings.client_secret.get_secret_value()
    return AsyncOAuthFlow(
        client=AsyncWebClient(base_url=settings.api_url),
        settings=AsyncOAuthSettings(
            client_id=settings.client_id,
            client_secret=secret,
            scopes=[*SCOPES, *OPTIONAL_SCOPES],
            user_scopes=[],
            authorization_url=urljoin(settings.api_url, "/oauth/v2/authorize"),  # GovSlack has a host of its own
            redirect_uri=settings.public_url.rstrip("/") + REDIRECT_PATH if settings.public_url else None,
            install_path=INSTALL_PATH,
            install_page_rendering_enabled=False,  # straight to Slack's own page
            redirect_uri_path=REDIRECT_PATH,
            installation_store=SavingInstallations(installations),
            state_store=SignedStates(secret, clock),
            state_expiration_seconds=STATE_LASTS_S,
        ),
    )

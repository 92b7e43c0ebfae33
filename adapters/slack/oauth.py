"""Installing the app in many workspaces: bolt's flow, on our vault."""

import secrets
from logging import Logger, getLogger
from typing import Any

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
from adapters.slack.vault import PLATFORM, Vault
from bot.errors import StoreUnavailable
from bot.ports.clock import Clock

STATES = "oauth"
"""Stands for a workspace in the vault: who is installing has none yet."""

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


class VaultStates(AsyncOAuthStateStore):
    """Each state is good for ten minutes, once."""

    def __init__(self, vault: Vault, clock: Clock) -> None:
        self._vault = vault
        self._clock = clock

    @property
    def logger(self) -> Logger:
        return getLogger(__name__)

    async def async_issue(self, *_: Any, **__: Any) -> str:
        state = secrets.token_urlsafe(24)
        good_until = int(self._clock.now().timestamp()) + STATE_LASTS_S
        await self._vault.put(PLATFORM, STATES, state, str(good_until).encode())
        return state

    async def async_consume(self, state: str) -> bool:
        kept = await self._vault.get(PLATFORM, STATES, state)
        await self._vault.delete(PLATFORM, STATES, state)
        return kept is not None and self._clock.now().timestamp() < int(kept)


def oauth_flow(settings: SlackSettings, installations: ManyWorkspaces, vault: Vault, clock: Clock) -> AsyncOAuthFlow:
    """Bolt's flow. It brings its own client at `api_url`: left to itself it would call slack.com."""
    assert settings.client_id
    assert settings.client_secret
    return AsyncOAuthFlow(
        client=AsyncWebClient(base_url=settings.api_url),
        settings=AsyncOAuthSettings(
            client_id=settings.client_id,
            client_secret=settings.client_secret.get_secret_value(),
            scopes=[*SCOPES, *OPTIONAL_SCOPES],
            user_scopes=[],
            redirect_uri=settings.public_url.rstrip("/") + REDIRECT_PATH if settings.public_url else None,
            install_path=INSTALL_PATH,
            install_page_rendering_enabled=False,  # straight to Slack's own page
            redirect_uri_path=REDIRECT_PATH,
            installation_store=SavingInstallations(installations),
            state_store=VaultStates(vault, clock),
            state_expiration_seconds=STATE_LASTS_S,
        ),
    )

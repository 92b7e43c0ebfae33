"""The app in many workspaces: bolt's OAuth flow, its installations kept in the vault, tokens rotated."""

import asyncio
import hmac
import secrets
from collections import defaultdict
from datetime import datetime, timedelta
from logging import Logger, getLogger
from typing import Any
from urllib.parse import urljoin

import msgspec
import structlog
from slack_bolt.error import BoltError
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_bolt.oauth.async_oauth_settings import AsyncOAuthSettings
from slack_sdk.oauth.installation_store import Installation as GrantedInstallation
from slack_sdk.oauth.installation_store.async_installation_store import AsyncInstallationStore
from slack_sdk.oauth.state_store.async_state_store import AsyncOAuthStateStore
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.client import Installation, WebApi
from adapters.slack.manifest import INSTALL_PATH, OPTIONAL_SCOPES, REDIRECT_PATH, SCOPES
from adapters.slack.settings import SlackSettings
from bot.clock import Clock, new_id
from bot.domain.errors import PlaceGone, PlatformError, StoreUnavailable
from bot.ports.storage.repositories import SecretVault

PLATFORM = "slack"
KEY = "installation"

CACHED_FOR = timedelta(seconds=60)
"""How long another process's rotation or uninstall may go unnoticed here."""

ROTATE_BEFORE = timedelta(hours=2)
"""Of the 12 h that a rotated token lives: as early as bolt does, so that a failed rotation can be tried again."""

ROTATION_LASTS = timedelta(seconds=30)
"""For which a process alone may rotate a token: longer than the call takes."""

LOOK_AGAIN_S, LOOKS = 0.5, 20
"""Seconds between two looks for what another process rotates, and how many there are."""

log = structlog.get_logger(__name__)

STATE_LASTS_S = 600


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """An installation as it is kept. `expires_at` is in Unix seconds, 0 for a token that does not expire."""

    token: str
    bot_id: str
    bot_user_id: str
    scopes: str = ""
    refresh_token: str = ""
    expires_at: int = 0

    def expires_within(self, margin: timedelta, now: datetime) -> bool:
        return bool(self.expires_at) and self.expires_at - now.timestamp() < margin.total_seconds()


class ManyWorkspaces:
    """Installations in the vault, by enterprise or team.

    A token that is about to expire is rotated by one process, in one flight: what it was got with is good once. Others use the old one
    while it lasts, and then wait for what that flight brings.
    """

    def __init__(self, vault: SecretVault, web: WebApi, clock: Clock, client_id: str, client_secret: str) -> None:
        self._vault = vault
        self._web = web
        self._clock = clock
        self._client = {"client_id": client_id, "client_secret": client_secret}
        self._cache: dict[str, tuple[datetime, Record]] = {}
        self._flights: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._id = new_id()

    async def find(self, workspace_id: str) -> Installation:
        record = self._cached(workspace_id) or await self._read(workspace_id)
        if self._is_due(record):
            record = await self._renewed(workspace_id)
        return Installation(record.token, record.bot_id, record.bot_user_id)

    async def save(self, workspace_id: str, record: Record) -> None:
        await self._vault.put(PLATFORM, workspace_id, KEY, msgspec.json.encode(record))
        self._remember(workspace_id, record)

    async def forget(self, workspace_id: str) -> None:
        self._cache.pop(workspace_id, None)
        await self._vault.delete_workspace(PLATFORM, workspace_id)

    async def prepare(self) -> None:
        """Who we are in a workspace was learnt when it installed the app."""

    def _cached(self, workspace_id: str) -> Record | None:
        kept = self._cache.get(workspace_id)
        return kept[1] if kept and self._clock.now() < kept[0] else None

    def _remember(self, workspace_id: str, record: Record) -> None:
        self._cache[workspace_id] = (self._clock.now() + CACHED_FOR, record)

    async def _read(self, workspace_id: str) -> Record:
        kept = await self._vault.get(PLATFORM, workspace_id, KEY)
        if kept is None:
            raise PlaceGone("Avatarbot is not installed in this workspace.", f"no installation of {workspace_id}")
        record = msgspec.json.decode(kept, type=Record)
        self._remember(workspace_id, record)
        return record

    async def _renewed(self, workspace_id: str) -> Record:
        async with self._flights[workspace_id]:
            record = await self._read(workspace_id)  # whoever flew before us left it there
            if not self._is_due(record):
                return record
            if not await self._vault.claim(PLATFORM, workspace_id, KEY, self._id, lasts=ROTATION_LASTS):
                return await self._rotated_elsewhere(workspace_id, record)
            record = await self._read(workspace_id)
            if not self._is_due(record):
                return record
            try:
                return await self._rotate(workspace_id, record)
            except PlatformError as error:
                if record.expires_within(timedelta(0), self._clock.now()):
                    raise
                log.warning("a Slack token could not be rotated yet", workspace=workspace_id, detail=error.detail)
                return record

    def _is_due(self, record: Record) -> bool:
        return record.expires_within(ROTATE_BEFORE, self._clock.now())

    async def _rotated_elsewhere(self, workspace_id: str, record: Record) -> Record:
        """Raises `PlatformError` where the old one is over and no other came."""
        for _ in range(LOOKS):
            if not record.expires_within(timedelta(0), self._clock.now()):
                return record
            await asyncio.sleep(LOOK_AGAIN_S)
            record = await self._read(workspace_id)
        raise PlatformError("Slack does not answer just now.", "a token that another process rotates is over")

    async def _rotate(self, workspace_id: str, record: Record) -> Record:
        answer = await self._web.call(
            "", "oauth.v2.access", grant_type="refresh_token", refresh_token=record.refresh_token, **self._client
        )
        renewed = msgspec.structs.replace(
            record,
            token=str(answer["access_token"]),
            refresh_token=str(answer["refresh_token"]),
            expires_at=int(self._clock.now().timestamp()) + int(answer["expires_in"]),
        )
        await self.save(workspace_id, renewed)
        return renewed


# ---------------------------------------------------------------- the flow


class SavingInstallations(AsyncInstallationStore):
    """Saves what the flow brings; finding is `ManyWorkspaces`' own."""

    def __init__(self, installations: ManyWorkspaces) -> None:
        self._installations = installations

    @property
    def logger(self) -> Logger:
        return getLogger(__name__)

    async def async_save(self, installation: GrantedInstallation) -> None:
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

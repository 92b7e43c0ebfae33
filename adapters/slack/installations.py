"""The app's installations: one, by the token in the environment, or many, by OAuth, kept in the vault."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import msgspec
import structlog

from adapters.slack.client import WebApi
from bot.domain.errors import PlaceGone, PlatformError
from bot.ports.clock import Clock
from bot.ports.secrets import SecretVault

PLATFORM = "slack"
KEY = "installation"

CACHED_FOR = timedelta(seconds=60)
"""How long another process's rotation or uninstall may go unnoticed here."""

ROTATE_BEFORE = timedelta(hours=2)
"""Of the 12 h that a rotated token lives: as early as bolt does, so that a failed rotation can be tried again."""

log = structlog.get_logger(__name__)


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

    A token that is about to expire is rotated by one flight per installation: others wait for it and use what it brought.
    """

    def __init__(self, vault: SecretVault, web: WebApi, clock: Clock, client_id: str, client_secret: str) -> None:
        self._vault = vault
        self._web = web
        self._clock = clock
        self._client = {"client_id": client_id, "client_secret": client_secret}
        self._cache: dict[str, tuple[datetime, Record]] = {}
        self._flights: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def find(self, workspace_id: str) -> Installation:
        record = self._cached(workspace_id) or await self._read(workspace_id)
        if record.expires_within(ROTATE_BEFORE, self._clock.now()):
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
            if not record.expires_within(ROTATE_BEFORE, self._clock.now()):
                return record
            try:
                return await self._rotate(workspace_id, record)
            except PlatformError as error:
                if record.expires_within(timedelta(0), self._clock.now()):
                    raise
                log.warning("a Slack token could not be rotated yet", workspace=workspace_id, detail=error.detail)
                return record

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

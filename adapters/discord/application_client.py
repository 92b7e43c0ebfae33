"""Talking to Discord once, without a gateway: for `avatarbot discord sync` and `avatarbot doctor`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import discord
from discord.http import Route

from adapters.discord.buckets import use_buckets
from adapters.discord.client import Connector
from adapters.discord.command_sync import sync
from adapters.discord.errors import BAD_TOKEN
from adapters.discord.rest import BROKEN, UNREACHABLE, Rest
from adapters.discord.settings import DiscordSettings
from bot.commands.catalogue import Catalogue
from bot.domain.errors import PlatformError, SettingsError


@dataclass(frozen=True, slots=True)
class ApplicationClient:
    """The application as Discord knows it, and a way to ask more."""

    rest: Rest
    application: dict[str, Any]


@asynccontextmanager
async def open_application_client(
    settings: DiscordSettings, connector: Connector | None = None
) -> AsyncIterator[ApplicationClient]:
    """Raises `SettingsError` for a token that is missing or refused, `PlatformError` where Discord cannot be reached."""
    if settings.token is None:
        raise SettingsError("DISCORD_TOKEN is not set.")
    options: dict[str, Any] = {"connector": connector()} if connector else {}
    client = discord.Client(intents=discord.Intents.none(), **options)
    use_buckets(client.http)
    rest = Rest(lambda: client.http)
    async with client:
        try:
            await client.http.static_login(settings.token.get_secret_value())
        except discord.LoginFailure as error:
            raise SettingsError(BAD_TOKEN) from error
        except (*BROKEN, discord.HTTPException) as error:
            raise PlatformError(UNREACHABLE, f"login: {type(error).__name__}") from error
        yield ApplicationClient(rest, await rest.call(Route("GET", "/oauth2/applications/@me")))


async def sync_once(settings: DiscordSettings, catalogue: Catalogue, connector: Connector | None = None) -> int:
    """Tell Discord the commands of the catalogue; how many lists were written. Raises `SettingsError` and `PlatformError`."""
    async with open_application_client(settings, connector) as application_client:
        return await sync(application_client.rest, int(application_client.application["id"]), settings, catalogue)

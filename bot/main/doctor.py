"""`avatarbot doctor`: the core's checks, AKOOL's, the room's, and those of every platform."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic_settings import BaseSettings

from adapters.agora.checks import check as check_agora
from adapters.agora.settings import AgoraSettings
from adapters.akool.checks import check as check_akool
from adapters.akool.settings import AkoolSettings
from bot.doctor import Check, core_checks
from bot.errors import SettingsError
from bot.main.plugins import known_settings, plugins
from bot.main.store import check_key
from bot.ports.doctor import Finding, Level
from bot.settings import Settings, load
from bot.store.migrate import current_revision, is_newer, newer, newest_revision

REACHED_WITHIN_S: Final = 3.0


def doctor_checks() -> Sequence[Check]:
    """All checks, in the order in which they are reported."""
    return [
        *core_checks(known_settings(), _database),
        _provider,
        *(_loaded(plugin.check, plugin.settings) for plugin in plugins()),
        _platforms,
    ]


async def _provider() -> Sequence[Finding]:
    """Of whoever `run` would have host the avatars."""
    simulator = _simulator_url()
    if simulator:
        return [await _simulator(simulator)]
    akool, agora = _loaded(check_akool, AkoolSettings), _loaded(check_agora, AgoraSettings)
    return [finding for found in await asyncio.gather(akool(), agora()) for finding in found]


def _simulator_url() -> str | None:
    with contextlib.suppress(SettingsError):  # the core's check says it
        return load(Settings).simulator_url
    return None


async def _simulator(url: str) -> Finding:
    where, port = urlsplit(url), urlsplit(url).port
    try:
        async with asyncio.timeout(REACHED_WITHIN_S):
            _, writer = await asyncio.open_connection(where.hostname, port or (443 if where.scheme == "https" else 80))
    except OSError:  # a time-out is one too
        remedy = "Start it (`python -m adapters.simulator`), or take AVATARBOT_SIMULATOR_URL out to use AKOOL."
        return Finding(Level.PROBLEM, f"Nobody answers at the simulator's URL, {url}", remedy, starts=True)
    writer.close()
    return Finding(Level.OK, f"A simulator hosts the avatars, in place of AKOOL: {url}")


async def _platforms() -> Sequence[Finding]:
    with contextlib.suppress(SettingsError):  # the platform's own check says it
        if not any(plugin.configured(load(plugin.settings)) for plugin in plugins()):
            return [_NO_PLATFORM]
    return []


_NO_PLATFORM = Finding(
    Level.PROBLEM,
    "No chat platform is set up",
    "Set SLACK_BOT_TOKEN and SLACK_APP_TOKEN, or DISCORD_TOKEN, or start with `avatarbot run --playground`.",
)


def _loaded(check: Callable[[Any], Awaitable[Sequence[Finding]]], kind: type[BaseSettings]) -> Check:
    """A check with its settings; what is wrong with those is a finding too."""

    async def checked() -> Sequence[Finding]:
        return await check(load(kind))

    checked.__qualname__ = kind.__name__
    return checked


async def _database(settings: Settings) -> Finding:
    """Raises `SettingsError` for a database that `run` would refuse, `StoreUnavailable` for one that cannot be read."""
    there = current_revision(settings.store_url)
    if is_newer(there):
        raise newer(settings.store_url, there)
    if there != newest_revision():
        return Finding(
            Level.WARNING,
            f"The tables are at {there or 'nothing'}.",
            "`avatarbot run` brings them up to date by itself.",
        )
    check_key(settings)
    return Finding(Level.OK, "The tables are up to date, and what is encrypted in them can be read.")

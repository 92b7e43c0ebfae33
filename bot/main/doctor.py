"""`avatarbot doctor`: the core's checks, AKOOL's, the room's, and those of every platform."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from pydantic_settings import BaseSettings

from adapters.agora.checks import check as check_agora
from adapters.agora.settings import AgoraSettings
from adapters.akool.checks import check as check_akool
from adapters.akool.settings import AkoolSettings
from bot.doctor import Check, core_checks
from bot.main.plugins import known_settings, plugins
from bot.main.store import check_key
from bot.ports.doctor import Finding, Level
from bot.settings import Settings, load
from bot.store.migrate import current_revision, is_newer, newer, newest_revision


def doctor_checks() -> Sequence[Check]:
    """All checks, in the order in which they are reported."""
    return [
        *core_checks(known_settings(), _database),
        _loaded(check_akool, AkoolSettings),
        _loaded(check_agora, AgoraSettings),
        *(_loaded(plugin.check, plugin.settings) for plugin in plugins()),
    ]


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

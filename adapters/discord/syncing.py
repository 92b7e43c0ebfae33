"""Tells Discord our commands, in one call, and only where what Discord has is something else."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from discord.http import Route

from adapters.discord.application_commands import commands
from adapters.discord.rest import Rest
from adapters.discord.settings import DiscordSettings

log = structlog.get_logger(__name__)

ENTRY_POINT = 4
"""The command that opens an Activity. It is made by Discord, and a list without it is refused."""

_GLOBAL = "/applications/{application_id}/commands"
_GUILD = "/applications/{application_id}/guilds/{guild_id}/commands"


async def sync(rest: Rest, application_id: int, settings: DiscordSettings) -> int:
    """Bring the commands up to date; how many lists were written. With home servers, commands exist there only.

    Raises `PlatformError`, after what could be done was done: a server that we are not in yet is no harm to the others.
    """
    lists = [_everywhere(rest, application_id, settings)]
    lists += [sync_in(rest, application_id, guild_id, settings) for guild_id in settings.home_guilds]
    written = 0
    for done in await asyncio.gather(*lists, return_exceptions=True):
        if isinstance(done, BaseException):
            raise done
        written += done
    return written


async def sync_in(rest: Rest, application_id: int, guild_id: int, settings: DiscordSettings) -> int:
    """The same for one home server. Raises `PlatformError`."""
    ours = commands(direct_messages=settings.direct_messages)
    return await _sync(rest, _GUILD, ours, application_id=application_id, guild_id=guild_id)


async def _everywhere(rest: Rest, application_id: int, settings: DiscordSettings) -> int:
    ours = [] if settings.home_guilds else commands(direct_messages=settings.direct_messages)
    return await _sync(rest, _GLOBAL, ours, application_id=application_id)


async def _sync(rest: Rest, path: str, ours: Sequence[Mapping[str, Any]], **ids: Any) -> int:
    theirs = await rest.call(Route("GET", path, **ids))
    foreign = [command for command in theirs if command.get("type") == ENTRY_POINT]
    if same(ours, [command for command in theirs if command.get("type") != ENTRY_POINT]):
        return 0
    await rest.call(Route("PUT", path, **ids), [*ours, *map(_kept, foreign)])
    log.info("commands written", count=len(ours), where=ids.get("guild_id", "everywhere"))
    return 1


def same(ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]]) -> bool:
    """Whether Discord has all of ours and nothing else; it adds ids, versions and empty fields to what it is told."""
    by_name = {(command.get("type", 1), command["name"]): command for command in theirs}
    return len(ours) == len(theirs) and all(
        _covers(by_name.get((command["type"], command["name"])), command) for command in ours
    )


def _covers(theirs: Any, ours: Any) -> bool:
    match ours:
        case Mapping():
            return (
                isinstance(theirs, Mapping)
                and all(_covers(theirs.get(name), value) for name, value in ours.items())
                and len(theirs.get("options") or ()) == len(ours.get("options") or ())
            )
        case list():
            return isinstance(theirs, list) and len(theirs) == len(ours) and all(map(_covers, theirs, ours))
        case bool() | str():
            return bool(theirs == ours)
        case _:
            return theirs is not None and float(theirs) == ours  # permissions come back as text


def _kept(command: Mapping[str, Any]) -> dict[str, Any]:
    """Somebody else's command, as it may be written back."""
    fields = ("id", "type", "name", "description", "handler", "contexts", "integration_types")
    return {name: command[name] for name in fields if command.get(name) is not None}

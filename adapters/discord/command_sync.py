"""Tells Discord our commands, in one call, and only where what Discord has is something else: beside the gateway, or once without one."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import discord
import structlog
from discord.http import Route

from adapters.discord.client import BAD_TOKEN, BROKEN, UNREACHABLE, Rest
from adapters.discord.commands import COMMAND, CommandMentions, commands
from adapters.discord.gateway import Connector
from adapters.discord.limits import looks_at_commands, use_buckets
from adapters.discord.settings import DiscordSettings
from bot.commands.catalogue import Catalogue
from bot.commands.verbs import CATALOGUE
from bot.domain.errors import PlaceGone, PlatformError, SettingsError
from bot.ports.processes import Budgets, LocalBudgets

log = structlog.get_logger(__name__)

AGAIN_FIRST, AGAIN_MOST = 10.0, 600.0
"""Seconds before what failed is tried again, at first and at most."""

ENTRY_POINT = 4
"""The command that opens an Activity. It is made by Discord, and a list without it is refused."""

_GLOBAL = "/applications/{application_id}/commands"
_GUILD = "/applications/{application_id}/guilds/{guild_id}/commands"


class CommandSync:
    """Keeps the commands up to date beside the gateway: what fails is tried again until it works.

    The first time after `again_s` seconds, then after twice as many, up to `AGAIN_MOST`.
    """

    def __init__(
        self,
        rest: Rest,
        settings: DiscordSettings,
        mentions: CommandMentions,
        *,
        catalogue: Catalogue = CATALOGUE,
        again_s: float = AGAIN_FIRST,
        budgets: Budgets | None = None,
    ) -> None:
        self._looks = looks_at_commands(budgets or LocalBudgets())
        self._rest = rest
        self._catalogue = catalogue
        self._mentions = mentions
        self._settings = settings
        self._again_s = again_s
        self._wanted = asyncio.Event()

    def wanted(self) -> None:
        """There is a server that may not have them."""
        self._wanted.set()

    async def learn(self, application_id: int) -> None:
        """How texts link to them, as another process has written them; where that is not to be had texts stay as they are."""
        await self._looks.turn()
        try:
            await sync(self._rest, application_id, self._settings, self._catalogue, self._mentions, writes=False)
        except PlatformError as error:
            log.info("commands are not linked", reason=error.detail)

    async def run(self, application_id: int) -> None:
        """Until cancelled."""
        self._wanted.set()
        pause = self._again_s
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            await self._looks.turn()
            try:
                await sync(self._rest, application_id, self._settings, self._catalogue, self._mentions)
            except PlaceGone as error:  # `wanted` is called when we come into that server
                log.warning("the commands are not brought up to date", reason=error.detail)
            except PlatformError as error:
                log.warning("the commands are brought up to date later", reason=error.detail)
                await asyncio.sleep(pause)
                pause = min(pause * 2, AGAIN_MOST)
                self._wanted.set()
            else:
                pause = self._again_s


async def sync(
    rest: Rest,
    application_id: int,
    settings: DiscordSettings,
    catalogue: Catalogue,
    mentions: CommandMentions | None = None,
    *,
    writes: bool = True,
) -> int:
    """Bring the commands up to date; how many lists were written. With home servers, commands exist there only.

    `mentions` learns their ids. Without `writes` that is all.

    Raises `PlatformError`, after what could be done was done: a server that we are not in yet is no harm to the others.
    """
    ours = commands(direct_messages=settings.direct_messages, catalogue=catalogue)
    mentions = mentions or CommandMentions()
    every = [] if settings.home_guilds else ours
    local = [_local(command) for command in ours]
    lists = [_sync(rest, mentions, _GLOBAL, every if writes else None, application_id=application_id)]
    lists += [
        _sync(rest, mentions, _GUILD, local if writes else None, application_id=application_id, guild_id=guild_id)
        for guild_id in settings.home_guilds
    ]
    done = await asyncio.gather(*lists, return_exceptions=True)
    for failure in sorted((each for each in done if isinstance(each, BaseException)), key=_is_lasting):
        raise failure
    return sum(each for each in done if isinstance(each, int))


def _is_lasting(failure: BaseException) -> bool:
    return isinstance(failure, PlaceGone)


def _local(command: Mapping[str, Any]) -> dict[str, Any]:
    """As it is written for one server: where it may be used is said of those for everywhere only."""
    return {name: value for name, value in command.items() if name not in {"contexts", "integration_types"}}


async def _sync(
    rest: Rest, mentions: CommandMentions, path: str, ours: Sequence[Mapping[str, Any]] | None, **ids: Any
) -> int:
    """Nothing is written where `ours` is None."""
    theirs = await rest.call(Route("GET", path, **ids))
    foreign = [command for command in theirs if command.get("type") == ENTRY_POINT]
    own = [command for command in theirs if command.get("type") != ENTRY_POINT]
    written = ours is not None and not same(ours, own)
    if ours is not None and written:
        theirs = await rest.call(Route("PUT", path, **ids), [*ours, *map(_kept, foreign)])
        log.info("commands written", count=len(ours), where=ids.get("guild_id", "everywhere"))
    known = [str(command["id"]) for command in theirs if command["name"] == COMMAND]
    mentions.ids[str(ids.get("guild_id", ""))] = known[0] if known else ""
    return int(written)


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
            there = theirs or []  # an empty list may be left out
            return isinstance(there, list) and len(there) == len(ours) and all(map(_covers, there, ours))
        case bool() | str():
            return bool(theirs == ours)
        case _:
            return theirs is not None and float(theirs) == ours  # permissions come back as text


def _kept(command: Mapping[str, Any]) -> dict[str, Any]:
    """Somebody else's command, as it may be written back."""
    fields = ("id", "type", "name", "description", "handler", "contexts", "integration_types")
    return {name: command[name] for name in fields if command.get(name) is not None}


# ---------------------------------------------------------------- once, without a gateway


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

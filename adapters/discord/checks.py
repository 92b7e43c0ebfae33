"""What `avatarbot doctor` says about Discord."""

from collections.abc import Iterator, Sequence
from typing import Any

from discord.http import Route

from adapters.discord import voice_support
from adapters.discord.command_sync import open_application_client
from adapters.discord.gateway import Connector
from adapters.discord.invite import permissions
from adapters.discord.settings import DiscordSettings
from bot.domain.errors import PlatformError, SettingsError
from bot.ports.plugin import Finding, Level

PORTAL = "discord.com/developers/applications"
ADMINISTRATOR = 1 << 3
NAMED = 5
"""Servers that one line names."""

# Flags of an application: granted, or on while it is small. https://docs.discord.com/developers/resources/application
MESSAGE_CONTENT = 1 << 18 | 1 << 19


async def check(settings: DiscordSettings, connector: Connector | None = None) -> Sequence[Finding]:
    """Look at the token, the intents and the servers; nothing is written. At most about a minute."""
    try:
        async with open_application_client(settings, connector) as application_client:
            servers = await application_client.rest.call(Route("GET", "/users/@me/guilds"))
            application = application_client.application
            return [
                *_application(application, settings),
                *_servers(servers, settings),
                *_allowed(servers, settings),
                *voice_finding(voice_support.missing()),
            ]
    except SettingsError as error:
        return [Finding(Level.PROBLEM, f"Discord: {error.sentence}")]
    except PlatformError as error:
        what = f"Discord: {error.sentence} ({error.detail})"
        return [Finding(Level.PROBLEM, what, "Check the network, and try again.", starts=True)]


def _application(application: dict[str, Any], settings: DiscordSettings) -> Iterator[Finding]:
    yield Finding(Level.OK, f"Discord: the token works; the application is {application.get('name', 'without a name')}")
    granted = int(application.get("flags") or 0) & MESSAGE_CONTENT
    if settings.message_content and not granted:
        remedy = f"Turn on Message Content Intent on {PORTAL} (Bot), or set AVATARBOT_DISCORD_MESSAGE_CONTENT=0."
        yield Finding(Level.PROBLEM, "Discord: the bot may not read messages, and will not start", remedy)
    if application.get("bot_public"):
        remedy = f"Turn off Public Bot on {PORTAL} (Bot), after setting Install Link to None (Installation)."
        yield Finding(Level.WARNING, "Discord: anybody may add the bot to a server of theirs", remedy)
    elif _has_install_link(application):
        remedy = f"On {PORTAL}: Installation, Install Link: None."
        yield Finding(Level.WARNING, "Discord: the application has an install link, which strangers can open", remedy)
    if application.get("interactions_endpoint_url"):
        remedy = f"Clear Interactions Endpoint URL on {PORTAL} (General Information)."
        what = "Discord: commands and buttons go to another service, and none comes here"
        yield Finding(Level.PROBLEM, what, remedy, starts=True)


def _has_install_link(application: dict[str, Any]) -> bool:
    return bool(application.get("custom_install_url") or application.get("install_params"))


def _servers(servers: Sequence[dict[str, Any]], settings: DiscordSettings) -> Iterator[Finding]:
    if not servers:
        yield Finding(Level.WARNING, "Discord: the bot is in no server", "Open the link of `avatarbot discord invite`.")
    there = {int(server["id"]) for server in servers}
    for guild_id in settings.home_guilds:
        if guild_id not in there:
            remedy = "Open the link of `avatarbot discord invite`, or correct AVATARBOT_DISCORD_HOME_GUILDS."
            yield Finding(Level.WARNING, f"Discord: the bot is not in the home server {guild_id}", remedy)
    for server in servers:
        if lacking := _lacking(int(server.get("permissions") or 0)):
            remedy = "Open the link of `avatarbot discord invite` once more, or give the bot's role these permissions."
            yield Finding(Level.WARNING, f"Discord: in {server['name']} the bot lacks {', '.join(lacking)}", remedy)


def _allowed(servers: Sequence[dict[str, Any]], settings: DiscordSettings) -> Iterator[Finding]:
    """What the operator said on the command line is not known here, so this is no warning."""
    others = [server for server in servers if int(server["id"]) not in settings.home_guilds]
    if others:
        named = ", ".join(f"{server['name']} ({server['id']})" for server in others[:NAMED])
        how = "AVATARBOT_DISCORD_HOME_GUILDS, or `avatarbot workspaces allow discord ID`"
        yield Finding(Level.OK, f"Discord: servers use your AKOOL account once you allow them with {how}: {named}")


def voice_finding(missing: str) -> Iterator[Finding]:
    """What `/avatar join` lacks. Without the extra nobody wanted it; with the extra and without the library somebody waits for it."""
    if missing == voice_support.NO_LIBOPUS:
        what = "Discord: /avatar join is not offered, though the extra “voice” is installed"
        yield Finding(Level.WARNING, what, f"Install it: {missing}.")
    elif missing:
        yield Finding(Level.OK, f"Discord: avatars are not heard in voice channels: {missing}")


def _lacking(held: int) -> list[str]:
    if held & ADMINISTRATOR:
        return []
    return [name for name, bit in permissions(voice=not voice_support.missing()).items() if not held & bit]

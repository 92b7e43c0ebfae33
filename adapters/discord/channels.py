"""What people call a channel and who sees it, asked of Discord: for processes whose gateway does not deliver its server."""

import asyncio
from collections import OrderedDict
from typing import Any, Final

import discord
from discord.http import Route

from adapters.discord.client import Rest
from bot.domain.conversations import Channel, ConversationRef
from bot.domain.errors import PlatformError

KNOWN_FOR_S: Final = 60.0
"""Seconds until Discord is asked again."""

WITHIN_S: Final = 1.0
"""Seconds for an answer."""

KNOWN_MOST: Final = 2_000

_PUBLIC_THREADS: Final = frozenset({10, 11})


def unknown(place: ConversationRef) -> Channel:
    """Goes by its id, and nobody else is told of it."""
    return Channel(place.channel_id, private=True, private_thread=bool(place.thread_id))


class ChannelLookups:
    """Remembers what it was told for a minute."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self._known: OrderedDict[ConversationRef, tuple[Channel, float]] = OrderedDict()

    async def look_up(self, place: ConversationRef) -> Channel:
        """Never raises: what Discord does not tell within a second, or not whole, is not known."""
        now = asyncio.get_running_loop().time()
        found, until = self._known.get(place, (None, 0.0))
        if found and now < until:
            return found
        try:
            async with asyncio.timeout(WITHIN_S):
                channel = await self._asked(place)
        except (PlatformError, TimeoutError, LookupError, TypeError, ValueError):
            return unknown(place)
        self._known[place] = (channel, now + KNOWN_FOR_S)
        if len(self._known) > KNOWN_MOST:
            self._known.popitem(last=False)
        return channel

    async def _asked(self, place: ConversationRef) -> Channel:
        channel = await self._get(place.channel_id)
        if str(channel.get("guild_id")) != place.workspace_id:
            return unknown(place)
        roles = await self._rest.call(Route("GET", "/guilds/{guild_id}/roles", guild_id=place.workspace_id))
        private_thread = False
        if place.thread_id:
            private_thread = (await self._get(place.thread_id)).get("type") not in _PUBLIC_THREADS
        return Channel(f"#{channel['name']}", not _everyone_sees(channel, roles, place.workspace_id), private_thread)

    async def _get(self, channel_id: str) -> Any:
        return await self._rest.call(Route("GET", "/channels/{channel_id}", channel_id=channel_id))


def _everyone_sees(channel: Any, roles: Any, guild_id: str) -> bool:
    """The role of everyone has its server's id. https://docs.discord.com/developers/topics/permissions#permission-overwrites"""
    given = next((int(role["permissions"]) for role in roles if role["id"] == guild_id), 0)
    for overwrite in channel["permission_overwrites"]:
        if overwrite["id"] == guild_id:
            given = given & ~int(overwrite["deny"]) | int(overwrite["allow"])
    permissions = discord.Permissions(given)
    return permissions.administrator or permissions.view_channel

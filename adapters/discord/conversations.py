"""Conversations of Discord: their places and people as the core's values, and up to where each was heard."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

import discord
from discord.http import Route

from adapters.discord.client import NO_MEMBER, DiscordRefused, Rest
from bot.domain.conversations import A_DIRECT_MESSAGE, Channel, ConversationRef, Membership, Person
from bot.domain.errors import PlatformError

NOBODY = Person("", "somebody")
"""Who deleted or edited something, where Discord does not say."""


PLATFORM = "discord"
DIRECT = "dm-"
"""How the workspace of a direct message begins: each is one of its own, so that nobody sees another's sessions."""

KNOWN_THREADS = 10_000
_THREADS = frozenset({10, 11, 12})

AT_MOST = 1_000
"""Conversations of which something is remembered."""


def person_of(user: discord.User | discord.Member, permissions: discord.Permissions | None = None) -> Person:
    """`permissions` are those where they act, if the event tells; otherwise what their roles give them in the server."""
    unread: bool = (
        getattr(user, "guild", None) is None
    )  # a user, or a member of a server that discord.py could not read
    if unread or not isinstance(user, discord.Member):
        # Whoever reaches us here is at least a member: a server has no outsiders. Of which groups is not known.
        return Person(str(user.id), user.display_name, Membership.MEMBER, human=not user.bot)
    held = permissions or user.guild_permissions
    admin = held.administrator or held.manage_guild
    groups = frozenset(str(role.id) for role in user.roles if not role.is_default())
    return Person(
        str(user.id), user.display_name, Membership.ADMIN if admin else Membership.MEMBER, groups, not user.bot
    )


def server(guild_id: int | str) -> ConversationRef:
    """A place that stands for a whole server."""
    return ConversationRef(PLATFORM, str(guild_id), "")


def direct(channel_id: int | str) -> ConversationRef:
    return ConversationRef(PLATFORM, f"{DIRECT}{channel_id}", str(channel_id))


def is_direct(place: ConversationRef) -> bool:
    return place.workspace_id.startswith(DIRECT)


def target(place: ConversationRef) -> str:
    """The id of the channel that messages for a place are sent to: a thread is a channel of its own."""
    return place.thread_id or place.channel_id


class Places:
    """Finds the place of a channel's id, and what people call it. discord.py knows the servers of its shards, and of their threads the
    active ones; Discord is asked for others.
    """

    def __init__(self, rest: Rest, guild: Callable[[int], discord.Guild | None]) -> None:
        self._rest = rest
        self._guild = guild
        self._channels = ChannelLookups(rest)
        self._parents: OrderedDict[int, str] = OrderedDict()

    async def find(self, guild_id: int | None, channel_id: int) -> ConversationRef:
        """Raises `PlatformError` where Discord has to be asked and does not answer."""
        if guild_id is None:
            return direct(channel_id)
        known = self.known(guild_id, channel_id)
        if known:
            return known
        if channel_id not in self._parents:
            self._remember(channel_id, await self._parent(channel_id))
        return self._place(guild_id, self._parents[channel_id], channel_id)

    async def is_member(self, place: ConversationRef, person_id: str) -> bool:
        """Whether somebody is in a server; a direct message nobody leaves. Raises `PlatformError`."""
        if is_direct(place):
            return True
        route = Route("GET", "/guilds/{guild_id}/members/{user_id}", guild_id=place.workspace_id, user_id=person_id)
        try:
            await self._rest.call(route)
        except DiscordRefused as refused:
            if refused.code in NO_MEMBER:
                return False
            raise
        return True

    def known(self, guild_id: int, channel_id: int) -> ConversationRef | None:
        guild = self._guild(guild_id)
        channel = guild.get_channel_or_thread(channel_id) if guild else None
        if channel is None:
            return None
        parent = str(channel.parent_id) if isinstance(channel, discord.Thread) else ""
        return self._place(guild_id, parent, channel_id)

    async def channel(self, place: ConversationRef) -> Channel:
        """By its id where nobody tells. Private is what not everyone in the server may see."""
        if is_direct(place):
            return A_DIRECT_MESSAGE
        guild = self._guild(int(place.workspace_id))
        if guild is None:
            return await self._channels.look_up(place)
        channel = guild.get_channel(int(place.channel_id))
        if channel is None:
            return unknown(place)
        everyone = channel.permissions_for(channel.guild.default_role)
        return Channel(f"#{channel.name}", not everyone.view_channel, _is_private_thread(channel.guild, place))

    async def _parent(self, channel_id: int) -> str:
        """The parent's id of a thread, else `''`."""
        channel = await self._rest.call(Route("GET", "/channels/{channel_id}", channel_id=channel_id))
        return str(channel.get("parent_id") or "") if channel.get("type") in _THREADS else ""

    def _remember(self, channel_id: int, parent: str) -> None:
        self._parents[channel_id] = parent
        if len(self._parents) > KNOWN_THREADS:
            self._parents.popitem(last=False)

    @staticmethod
    def _place(guild_id: int, parent: str, channel_id: int) -> ConversationRef:
        if parent:
            return ConversationRef(PLATFORM, str(guild_id), parent, str(channel_id))
        return ConversationRef(PLATFORM, str(guild_id), str(channel_id))


def _is_private_thread(guild: discord.Guild, place: ConversationRef) -> bool:
    """Archived ones are not known to discord.py; a thread that is not known may be private."""
    thread = guild.get_thread(int(place.thread_id)) if place.thread_id else None
    return bool(place.thread_id) and (thread is None or thread.is_private())


# ---------------------------------------------------------------- up to where each was heard


class Conversations:
    """By place, the newest message that this process heard there, as a snowflake. What others heard the core knows."""

    def __init__(self) -> None:
        self._heard: dict[ConversationRef, int] = {}

    def hear(self, place: ConversationRef, message_id: int) -> None:
        """Something is going on here, and was heard up to this message."""
        newest = max(message_id, self._heard.pop(place, 0))
        self._heard[place] = newest
        if len(self._heard) > AT_MOST:
            del self._heard[next(iter(self._heard))]

    def forget(self, place: ConversationRef) -> None:
        """Nothing goes on here any more."""
        self._heard.pop(place, None)

    def __contains__(self, place: ConversationRef) -> bool:
        return place in self._heard

    @property
    def places(self) -> list[ConversationRef]:
        return list(self._heard)

    def newest(self, place: ConversationRef) -> int:
        """0 where nothing was heard."""
        return self._heard.get(place, 0)


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

"""Channels, threads and people of Discord as the core's values."""

from collections import OrderedDict
from collections.abc import Callable

import discord
from discord.http import Route

from adapters.discord.errors import NO_MEMBER, DiscordRefused
from adapters.discord.rest import Rest
from bot.domain.conversations import A_DIRECT_MESSAGE, Channel, ConversationRef, Membership, Person

NOBODY = Person("", "somebody")
"""Who deleted or edited something, where Discord does not say."""


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


PLATFORM = "discord"
DIRECT = "dm-"
"""How the workspace of a direct message begins: each is one of its own, so that nobody sees another's sessions."""

KNOWN_THREADS = 10_000
_THREADS = frozenset({10, 11, 12})


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
    """Finds the place of a channel's id. discord.py knows active threads only; others are asked for once."""

    def __init__(self, rest: Rest, guild: Callable[[int], discord.Guild | None]) -> None:
        self._rest = rest
        self._guild = guild
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

    def channel(self, place: ConversationRef) -> Channel:
        """As discord.py knows it, by its id where it does not. Private is what not everyone in the server may see."""
        if is_direct(place):
            return A_DIRECT_MESSAGE
        guild = self._guild(int(place.workspace_id))
        channel = guild.get_channel(int(place.channel_id)) if guild else None
        if channel is None:
            return Channel(place.channel_id, private=True, private_thread=bool(place.thread_id))
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

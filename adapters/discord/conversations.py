"""Conversations of Discord: their places and people as the core's values, up to where each was heard, and what was missed.

Discord delivers messages once, so what was said in a gap is looked up afterwards; what cannot be looked up is tried again later.
"""

import asyncio
import contextlib
import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import discord
import structlog
from discord.http import Route

from adapters.discord.client import NO_MEMBER, DiscordRefused, Rest
from bot.domain.conversations import A_DIRECT_MESSAGE, Channel, ConversationRef, Membership, Person
from bot.domain.errors import PlaceGone, PlatformError, StoreUnavailable
from bot.tasks import rest

NOBODY = Person("", "somebody")
"""Who deleted or edited something, where Discord does not say."""


PLATFORM = "discord"
DIRECT = "dm-"
"""How the workspace of a direct message begins: each is one of its own, so that nobody sees another's sessions."""

KNOWN_THREADS = 10_000
_THREADS = frozenset({10, 11, 12})

log = structlog.get_logger(__name__)

AT_MOST = 1_000

CATCH_UP = 100
"""Messages of one conversation that are looked up after a gap: the newest, since what waited too long is not spoken any more."""

LOOKUPS_AT_ONCE = 8
"""Conversations that are looked up at the same time."""

LOOK_AGAIN_FIRST, LOOK_AGAIN_MOST = 2.0, 60.0
"""Seconds before a look-up is tried again: at first, and the most to which they double while Discord does not answer."""

HELD_S: Final = 30.0
"""Seconds, after a shard's session has begun, in which what is heard live waits for what was missed before it: one who wrote both is
heard in order.
"""

Payload = Mapping[str, Any]


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


# ---------------------------------------------------------------- what was missed


@dataclass(frozen=True, slots=True)
class Unheard:
    """The shard of a place, and the id of a message there after which nothing was taken."""

    shard_id: int
    after: int


class Backfill:
    """`talks` says where something goes on, by the newest message known there; `hear` is told of each message that was missed, oldest first,
    and says whether it was taken; `gone` is told of a place that is not there any more.

    While the database fails, it is tried again every `again_s` seconds. While Discord does not answer, the pause doubles up to
    `LOOK_AGAIN_MOST`.
    """

    def __init__(
        self,
        rest: Rest,
        talks: Callable[[Collection[int]], Awaitable[Mapping[ConversationRef, int]]],
        hear: Callable[[ConversationRef, Payload], Awaitable[bool]],
        gone: Callable[[ConversationRef], Awaitable[None]],
        again_s: float = LOOK_AGAIN_FIRST,
    ) -> None:
        self._rest = rest
        self._talks = talks
        self._hear = hear
        self._gone = gone
        self._again_s = again_s
        self._shards: set[int] = set()
        self._noted: dict[int, Mapping[ConversationRef, int]] = {}
        self._gaps: dict[ConversationRef, int] = {}
        self._due = asyncio.Event()
        self._unknown: set[int] = set()
        """Shards of which it is not known yet where there are gaps."""
        self._untold: set[ConversationRef] = set()
        """Gaps of which Discord does not tell what was said."""
        self._unheard: dict[ConversationRef, Unheard] = {}
        self._held_until: dict[int, float] = {}
        self._news = asyncio.Event()

    async def note(self, shard_id: int) -> None:
        """Up to where a shard's conversations were heard before its session begins: what is heard from then on does not tell of the gap.

        What could not be noted counts as it is known once the session has begun.
        """
        self._unknown.add(shard_id)
        self._held_until[shard_id] = math.inf
        with contextlib.suppress(StoreUnavailable):
            self._noted.setdefault(shard_id, await self._talks({shard_id}))

    def missed(self, shard_id: int) -> None:
        """What was said in a shard's conversations may not have been delivered."""
        self._shards.add(shard_id)
        self._held_until[shard_id] = _now() + HELD_S
        self._due.set()

    def given_up(self, shard_id: int) -> None:
        """Another process receives it: what was noted for a session that did not begin here is of no use later, and nobody waits for it."""
        if shard_id not in self._shards:
            self._noted.pop(shard_id, None)
            self._unknown.discard(shard_id)
            self._tell()

    def unheard(self, shard_id: int, place: ConversationRef, message_id: int) -> None:
        """A message was not taken, and its author not told, as nobody knew whether anything goes on there. It is looked up if so."""
        if place not in self._unheard and len(self._unheard) < AT_MOST:
            self._unheard[place] = Unheard(shard_id, message_id - 1)
            self._due.set()
        self._held_until[shard_id] = max(self._held_until.get(shard_id, 0.0), _now() + HELD_S)

    async def caught_up(self, shard_id: int, place: ConversationRef) -> bool:
        """Once what was missed in a place of a shard has been heard, or cannot be looked up, or has not been for `HELD_S` seconds.

        False where it will certainly be looked up yet, and what is heard now with it.
        """
        if self._is_behind(shard_id, place):
            until = min(self._held_until.get(shard_id, 0.0), _now() + HELD_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(until):
                    while self._is_behind(shard_id, place):
                        await self._news.wait()
        return not self._is_gap(place)

    def _is_behind(self, shard_id: int, place: ConversationRef) -> bool:
        return shard_id in self._unknown or place in self._unheard or self._is_gap(place)

    def _is_gap(self, place: ConversationRef) -> bool:
        return place in self._gaps and place not in self._untold

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Look up until cancelled."""
        pause = self._again_s
        while True:
            await self._due.wait()
            self._due.clear()
            if await self._find_gaps():
                await self._look()
            if not self._gaps and not self._shards and not self._unheard:
                pause = self._again_s
                continue
            await rest(self._due, pause)
            pause = min(pause * 2, LOOK_AGAIN_MOST) if self._untold else self._again_s
            self._due.set()

    async def _find_gaps(self) -> bool:
        """Whether it is known where something was missed; of two gaps of one place the older one counts."""
        shards, unheard = frozenset(self._shards), dict(self._unheard)
        try:
            talks = await self._talks(shards)  # asked for none too: without the database nothing is taken
            there = await self._talks({each.shard_id for each in unheard.values()}) if unheard else {}
        except StoreUnavailable as error:
            log.warning("what was said meanwhile is looked up later", reason=error.detail)
            return False
        self._shards -= shards
        noted = {place: newest for shard in shards for place, newest in self._noted.pop(shard, {}).items()}
        for place, newest in talks.items():
            self._gaps[place] = min(newest, noted.get(place, newest), self._gaps.get(place, newest))
        for place, message in unheard.items():
            del self._unheard[place]
            if place in there:
                self._gaps[place] = min(message.after, self._gaps.get(place, message.after))
        self._untold -= talks.keys()
        self._unknown -= shards
        self._tell()
        return True

    async def _look(self) -> None:
        room = asyncio.Semaphore(LOOKUPS_AT_ONCE)
        async with asyncio.TaskGroup() as group:
            for place, newest in list(self._gaps.items()):
                group.create_task(self._close(place, newest, room))

    async def _close(self, place: ConversationRef, newest: int, room: asyncio.Semaphore) -> None:
        try:
            async with room:
                missed = await self._said_since(place, newest)
        except PlaceGone:
            await self._leave(place)
        except PlatformError as error:
            log.warning("what was said meanwhile is looked up later", reason=error.detail)
            self._untold.add(place)
        else:
            self._untold.discard(place)
            if await self._hear_all(place, missed) and self._gaps.get(place) == newest:
                del self._gaps[place]
        self._tell()

    async def _leave(self, place: ConversationRef) -> None:
        try:
            await self._gone(place)
        except StoreUnavailable as error:
            log.warning("a place that is gone is left later", reason=error.detail)
            return
        self._gaps.pop(place, None)
        self._untold.discard(place)

    async def _hear_all(self, place: ConversationRef, missed: Sequence[Payload]) -> bool:
        """In order: what follows one that was not taken waits with it."""
        for message in missed:
            if not await self._hear(place, message):
                return False
        return True

    async def _said_since(self, place: ConversationRef, newest: int) -> list[Payload]:
        path = "/channels/{channel_id}/messages?limit={limit}"
        found = await self._rest.call(Route("GET", path, channel_id=target(place), limit=CATCH_UP))
        return [message for message in reversed(found) if int(message["id"]) > newest]


def _now() -> float:
    return asyncio.get_running_loop().time()


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
        now = _now()
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

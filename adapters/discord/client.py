"""discord.py's client, with what we want of it and no more: events go to their handler, and nothing is cached that is not used."""

from collections.abc import Callable
from typing import Any, Protocol

import aiohttp
import discord
import structlog

from adapters.discord.identifies import Identifies
from adapters.discord.settings import DiscordSettings

log = structlog.get_logger(__name__)

Connector = Callable[[], aiohttp.BaseConnector]
"""Makes the connector that all of a client's connections go through."""


class Ears(Protocol):
    """What the client tells."""

    async def logged_in(self, client: discord.AutoShardedClient) -> None: ...

    async def connected(self, shard_id: int) -> None: ...

    async def interaction(self, interaction: discord.Interaction) -> None: ...

    async def message(self, message: discord.Message) -> None: ...

    async def edited(self, payload: discord.RawMessageUpdateEvent) -> None: ...

    async def deleted(self, guild_id: int | None, channel_id: int, message_ids: set[int]) -> None: ...

    async def joined(self, guild_id: int, *, just_now: bool) -> None: ...

    async def left(self, guild_id: int) -> None: ...

    async def channel_gone(self, guild_id: int, channel_id: int) -> None: ...

    async def thread_gone(self, guild_id: int, parent_id: int, thread_id: int) -> None: ...


def intents(settings: DiscordSettings) -> discord.Intents:
    """The least that does it."""
    wanted = discord.Intents.none()
    wanted.guilds = True
    wanted.guild_messages = True
    wanted.dm_messages = settings.direct_messages
    wanted.message_content = settings.message_content
    return wanted


class AvatarClient(discord.AutoShardedClient):
    """Sharded even with one shard: discord.py's plain client dies when its first connection fails."""

    def __init__(
        self, settings: DiscordSettings, ears: Ears, identifies: Identifies, connector: Connector | None = None
    ) -> None:
        options: dict[str, Any] = {"connector": connector()} if connector else {}
        if settings.shards:
            options |= {"shard_ids": settings.shards.ids, "shard_count": settings.shards.count}
        super().__init__(
            intents=intents(settings),
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            guild_ready_timeout=1.0,
            max_ratelimit_timeout=30.0,
            **options,
        )
        self._ears = ears
        self._identifies = identifies

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:  # noqa: ARG002
        await self._identifies.turn()

    async def setup_hook(self) -> None:
        await self._ears.logged_in(self)

    async def on_shard_ready(self, shard_id: int) -> None:
        await self._ears.connected(shard_id)

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        await self._ears.interaction(interaction)

    async def on_message(self, message: discord.Message) -> None:
        await self._ears.message(message)

    # Without a message cache only the raw events come.

    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        await self._ears.edited(payload)

    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        await self._ears.deleted(payload.guild_id, payload.channel_id, {payload.message_id})

    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        await self._ears.deleted(payload.guild_id, payload.channel_id, payload.message_ids)

    async def on_guild_join(self, guild: discord.Guild) -> None:
        await self._ears.joined(guild.id, just_now=True)

    async def on_guild_available(self, guild: discord.Guild) -> None:
        await self._ears.joined(guild.id, just_now=False)

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        await self._ears.left(guild.id)

    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        await self._ears.channel_gone(channel.guild.id, channel.id)

    async def on_raw_thread_delete(self, payload: discord.RawThreadDeleteEvent) -> None:
        await self._ears.thread_gone(payload.guild_id, payload.parent_id, payload.thread_id)

    async def on_raw_thread_update(self, payload: discord.RawThreadUpdateEvent) -> None:
        state = payload.data.get("thread_metadata", {})
        if state.get("archived") or state.get("locked"):
            await self._ears.thread_gone(payload.guild_id, payload.parent_id, payload.thread_id)

    async def on_error(self, event_method: str, /, *_: Any, **__: Any) -> None:
        # discord.py calls this from within its `except`.
        log.exception("an event of Discord's was not handled", event=event_method)  # noqa: LOG004

"""The gateway: discord.py's client with what we want of it and no more, whether it is connected, and which shards this process receives.

Events go to their handler, and nothing is cached that is not used.
"""

import asyncio
import contextlib
import functools
import operator
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final, Protocol

import aiohttp
import discord
import structlog
from discord.gateway import DiscordWebSocket

from adapters.discord import voice_support
from adapters.discord.client import UNREACHABLE
from adapters.discord.conversations import PLATFORM
from adapters.discord.limits import IdentifyLimiter, refusals, use_buckets
from adapters.discord.settings import DiscordSettings
from bot.clock import Clock
from bot.domain.errors import PlatformError, StoreUnavailable
from bot.ports.chat import ConnectionState
from bot.ports.processes import HeldShards, Receivers
from bot.tasks import cancel_and_wait

log = structlog.get_logger(__name__)

Connector = Callable[[], aiohttp.BaseConnector]
"""Makes the connector that all of a client's connections go through."""


QUIET = 60.0
"""Seconds between two lines in the log about payloads of one kind."""

NOT_CONNECTED = (
    "Discord's gateway is not connected. Look whether this machine reaches discord.com and gateway.discord.gg."
)
ELSEWHERE = (
    "Discord sends commands and buttons to another service. Clear Interactions Endpoint URL on "
    "discord.com/developers/applications (your application, General Information)."
)


class GatewayEvents(Protocol):
    """What the client tells."""

    async def connecting(self, shard_id: int) -> None:
        """A new session of a shard begins; nothing is delivered of it yet."""
        ...

    async def connected(self, shard_id: int) -> None: ...

    async def given_up(self, shard_id: int) -> None:
        """Another process receives it from now on."""
        ...

    async def interaction(self, interaction: discord.Interaction) -> None: ...

    async def message(self, message: discord.Message) -> None: ...

    async def edited(self, payload: discord.RawMessageUpdateEvent) -> None: ...

    async def deleted(self, guild_id: int | None, channel_id: int, message_ids: set[int]) -> None: ...

    async def joined(self, guild_id: int, *, just_now: bool) -> None: ...

    async def left(self, guild_id: int) -> None: ...

    async def channel_gone(self, guild_id: int, channel_id: int) -> None: ...

    async def thread_gone(self, guild_id: int, parent_id: int, thread_id: int) -> None: ...

    async def voice_changed(self, guild_id: int) -> None: ...


class Unread:
    """What could not be read, in the log: no values of strangers', and of each kind one line a minute."""

    def __init__(self) -> None:
        self._noted: dict[str, float] = {}

    def note(self, kind: str, error: Exception) -> None:
        now = time.monotonic()
        if now - self._noted.get(kind, -QUIET) >= QUIET:
            self._noted[kind] = now
            log.warning("Discord sent something that cannot be read", kind=kind, error=type(error).__name__)


def intents(settings: DiscordSettings) -> discord.Intents:
    """The least that does it."""
    wanted = discord.Intents.none()
    wanted.guilds = True
    wanted.guild_messages = True
    wanted.dm_messages = settings.direct_messages
    wanted.message_content = settings.message_content
    wanted.voice_states = not voice_support.missing()
    return wanted


def _cached() -> discord.MemberCacheFlags:
    """Nobody but those in voice channels, where it matters who is a person and who a bot."""
    flags = discord.MemberCacheFlags.none()
    flags.voice = not voice_support.missing()
    return flags


ANSWERED_WITHIN_S = 60.0
"""For what is asked before a client is connected: discord.py itself asks five times."""


@contextlib.asynccontextmanager
async def _within(seconds: float, what: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except (TimeoutError, discord.RateLimited) as error:
        raise PlatformError(UNREACHABLE, f"{what}: no answer in time") from error


class AvatarClient(discord.AutoShardedClient):
    """Sharded even with one shard: discord.py's plain client dies when its first connection fails."""

    def __init__(
        self,
        settings: DiscordSettings,
        events: GatewayEvents,
        identify_limiter: IdentifyLimiter,
        connector: Connector | None = None,
    ) -> None:
        options: dict[str, Any] = {"connector": connector()} if connector else {}
        super().__init__(
            intents=intents(settings),
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
            member_cache_flags=_cached(),
            chunk_guilds_at_startup=False,
            guild_ready_timeout=1.0,
            http_trace=refusals(),
            **options,
        )
        use_buckets(self.http)
        self._events = events
        self._identify_limiter = identify_limiter
        self.answered_within_s = ANSWERED_WITHIN_S
        self.logged_in = asyncio.Event()
        self.held: frozenset[int] = frozenset()
        """The shards that are this process's."""
        self.has_first = asyncio.Event()
        """Set once the first shard is among them."""
        self.connected_shards: set[int] = set()
        self._launching: dict[int, asyncio.Task[None]] = {}
        self._unread = Unread()
        self._survive_payloads()

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:  # noqa: ARG002
        await self._events.connecting(shard_id or 0)
        await self._identify_limiter.turn(shard_id or 0)

    async def setup_hook(self) -> None:
        self.logged_in.set()

    # ------------------------------------------------------------ shards

    async def login(self, token: str) -> None:
        """Raises `PlatformError` for what is not answered in time, and what discord.py raises."""
        async with _within(self.answered_within_s, "login"):
            await super().login(token)

    async def ask_for_shards(self) -> int:
        """How many Discord wants now; how often sessions may be begun is learnt with it. Raises as `login` does."""
        async with _within(self.answered_within_s, "GET /gateway/bot"):
            count, _, limit = await self.http.get_bot_gateway()
        await self._identify_limiter.learn(discord.SessionStartLimits(**limit))
        return count

    async def begin(self, held: HeldShards) -> None:
        """Connect to these, and to those that `hold` adds, until closed."""
        self.shard_count = held.count
        self.held = held.numbers
        await self.connect()

    async def launch_shards(self) -> None:
        # discord.py's own launches those that it begins with, and waits for each.
        self._connection.shard_count = self.shard_count
        await self.hold(self.held)

    async def hold(self, numbers: frozenset[int]) -> None:
        """These are this process's from now on: whatever else is connected is given up, and what is new is connected to."""
        self.held, self.shard_ids = numbers, sorted(numbers)
        self._connection.shard_ids = self.shard_ids
        for number in self._launching.keys() - numbers:
            await cancel_and_wait(self._launching.pop(number))
            shard = self.get_shard(number)
            if shard and not shard.is_closed():
                await shard.disconnect()
            await self._events.given_up(number)
        for number in self.shard_ids:
            if number not in self._launching:
                launch = self.launch_shard(DiscordWebSocket.DEFAULT_GATEWAY, number)
                self._launching[number] = asyncio.create_task(launch, name=f"discord-shard-{number}")
        if 0 in numbers:
            self.has_first.set()

    def shard_of(self, guild_id: int) -> int:
        return (guild_id >> 22) % (self.shard_count or 1)

    def delivered(self, guild_id: int) -> discord.Guild | None:
        """A server whose shard is held; what another process is told of others is not known here."""
        return self.get_guild(guild_id) if self.shard_of(guild_id) in self.held else None

    async def close(self) -> None:
        await cancel_and_wait(*self._launching.values())
        await super().close()

    def message_from(self, payload: Mapping[str, Any], guild_id: int | None, channel_id: int) -> discord.Message | None:
        """A message that was asked for, as if it had been delivered; None where discord.py cannot read it."""
        channel = self.get_partial_messageable(channel_id, guild_id=guild_id)
        try:
            return self._connection.create_message(channel=channel, data=payload)  # type: ignore[arg-type]
        except Exception as error:  # noqa: BLE001 - whatever it stumbles over
            self._unread.note("a message", error)
            return None

    def _is_whole(self, event: object, *parts: str) -> bool:
        """Whether all that is needed of it was sent; discord.py leaves out what was not."""
        try:
            operator.attrgetter(*parts)(event)
        except AttributeError as error:
            self._unread.note(type(event).__name__, error)
            return False
        return True

    def _survive_payloads(self) -> None:
        """What discord.py cannot read of one server must not end the client for all. Without READY there is no session."""
        parsers = self._connection.parsers
        for name in parsers.keys() - {"READY"}:
            parsers[name] = functools.partial(self._read, name, parsers[name])

    def _read(self, name: str, parse: Callable[[Any], None], payload: Any) -> None:
        try:
            parse(payload)
        except Exception as error:  # noqa: BLE001 - whatever it stumbles over
            self._unread.note(name, error)

    async def on_shard_connect(self, shard_id: int) -> None:
        self.connected_shards.add(shard_id)

    async def on_shard_resumed(self, shard_id: int) -> None:
        self.connected_shards.add(shard_id)

    async def on_shard_disconnect(self, shard_id: int) -> None:
        self.connected_shards.discard(shard_id)

    async def on_shard_ready(self, shard_id: int) -> None:
        await self._events.connected(shard_id)

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        if self._is_whole(interaction, "user.id"):
            await self._events.interaction(interaction)

    async def on_message(self, message: discord.Message) -> None:
        if self._is_whole(message, "author.id", "mentions"):
            await self._events.message(message)

    # Without a message cache only the raw events come.

    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        if self._is_whole(payload.message, "author.id", "mentions"):
            await self._events.edited(payload)

    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        await self._events.deleted(payload.guild_id, payload.channel_id, {payload.message_id})

    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        await self._events.deleted(payload.guild_id, payload.channel_id, payload.message_ids)

    async def on_guild_join(self, guild: discord.Guild) -> None:
        await self._events.joined(guild.id, just_now=True)

    async def on_guild_available(self, guild: discord.Guild) -> None:
        await self._events.joined(guild.id, just_now=False)

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        await self._events.left(guild.id)

    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        await self._events.channel_gone(channel.guild.id, channel.id)

    async def on_raw_thread_delete(self, payload: discord.RawThreadDeleteEvent) -> None:
        await self._events.thread_gone(payload.guild_id, payload.parent_id, payload.thread_id)

    async def on_raw_thread_update(self, payload: discord.RawThreadUpdateEvent) -> None:
        state = payload.data.get("thread_metadata", {})
        if state.get("archived") or state.get("locked"):
            await self._events.thread_gone(payload.guild_id, payload.parent_id, payload.thread_id)

    async def on_voice_state_update(self, member: discord.Member, *_: discord.VoiceState) -> None:
        await self._events.voice_changed(member.guild.id)

    async def on_error(self, event_method: str, /, *_: Any, **__: Any) -> None:
        # discord.py calls this from within its `except`.
        log.exception("an event of Discord's was not handled", handler=event_method)  # noqa: LOG004


# ---------------------------------------------------------------- connectedness


class Connectedness:
    """Of one platform. A new client brings a new set of shards; `fault` is what ended the last one for good."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._state = ConnectionState(clock.now(), NOT_CONNECTED)
        self.fault = ""

    def state(self, client: AvatarClient | None, connected: set[int]) -> ConnectionState:
        """As it is now, and since when; `connected` are the client's shards that have a session; a client without shards has nothing to connect."""
        problem = self._problem(client, connected)
        if problem != self._state.problem:
            self._state = ConnectionState(self._clock.now(), problem)
        return self._state

    def _problem(self, client: AvatarClient | None, connected: set[int]) -> str:
        if self.fault or client is None or not client.application_id:
            return self.fault or NOT_CONNECTED
        if missing := sorted(client.held - connected):
            listed = ", ".join(map(str, missing[:10]))
            return (
                NOT_CONNECTED if len(missing) == len(client.held) else f"{NOT_CONNECTED} Shards without it: {listed}."
            )
        if client.application and client.application.interactions_endpoint_url:
            return ELSEWHERE
        return ""


LOOK_EVERY_S: Final = 1.5
"""Seconds between two looks for shards that nobody receives any more."""


async def receive(client: AvatarClient, receivers: Receivers, look_every_s: float = LOOK_EVERY_S) -> None:
    """Keep a client that is logged in connected to this process's shards, until it is closed. Raises what discord.py raises."""
    held = await receivers.hold(PLATFORM, await client.ask_for_shards())
    following = asyncio.create_task(_follow(client, receivers, held.count, look_every_s), name="discord-shards")
    try:
        await client.begin(held)
    finally:
        await cancel_and_wait(following)


async def _follow(client: AvatarClient, receivers: Receivers, count: int, look_every_s: float) -> None:
    while True:
        await asyncio.sleep(look_every_s)
        try:
            held = await receivers.hold(PLATFORM, count)
        except StoreUnavailable as error:
            log.warning("not known which shards are ours", reason=error.detail)
            continue
        if held.count != count:  # divided anew while this process had none
            await client.close()
            return
        if held.numbers != client.held:
            log.info("shards", received=sorted(held.numbers), of=count)
        await client.hold(held.numbers)

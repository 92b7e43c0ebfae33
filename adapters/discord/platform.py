"""Discord as a chat platform: the adapter put together."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Coroutine

import discord
import structlog
from discord.http import HTTPClient, Route

from adapters.discord import command_sync, voice, voice_support
from adapters.discord.backfill import LOOK_AGAIN_FIRST, Backfill, Payload
from adapters.discord.client import BAD_TOKEN, Rest
from adapters.discord.command_sync import CommandSync
from adapters.discord.commands import CommandMentions
from adapters.discord.conversations import (
    PLATFORM,
    Conversations,
    Places,
    is_direct,
    server,
    target,
)
from adapters.discord.direct_messages import DirectMessages
from adapters.discord.gateway import AvatarClient, Connectedness, Connector, receive
from adapters.discord.inbound import DiscordInboundHandler, MessageEvents
from adapters.discord.interactions import DiscordInteractions
from adapters.discord.limits import IdentifyLimiter
from adapters.discord.publisher import DiscordPublisher
from adapters.discord.replies import DiscordReplies
from adapters.discord.settings import DiscordSettings
from adapters.discord.voice import DiscordVoiceChannels
from bot.clock import Clock
from bot.commands.catalogue import Catalogue
from bot.commands.verbs import CATALOGUE
from bot.domain.conversations import Channel, ConversationRef
from bot.domain.errors import PlaceGone, PlatformError, SettingsError, StoreUnavailable
from bot.ports.chat import ConnectionState, CoreApi, Features
from bot.ports.processes import ONLY_RECEIVER, Budgets, LocalBudgets, Receivers
from bot.ports.storage.repositories import SecretVault
from bot.tasks import rest as rest_until

log = structlog.get_logger(__name__)

FIRST_SHARD_WITHIN_S = 10.0
"""Seconds after which the first shard is probably another process's."""

BAD_INTENTS = (
    "Discord does not let this bot read messages. Turn on Message Content Intent on discord.com/developers/applications "
    "(your application, Bot), or set AVATARBOT_DISCORD_MESSAGE_CONTENT=0."
)
RESHARD = (
    "Discord wants this bot divided into more shards than it was at the last start. Stop all processes with the role gateway, "
    "then start them: they ask Discord anew."
)
ANOTHER_BOT = (
    "DISCORD_TOKEN is of another bot than this database: servers that removed that bot meanwhile are not looked for"
)
_FOR_THE_OPERATOR = {
    4004: BAD_TOKEN,
    4010: RESHARD,
    4011: RESHARD,
    4013: BAD_INTENTS,
    4014: BAD_INTENTS,
}
"""Close codes of the gateway after which trying again is of no use."""


class DiscordPlatform(DiscordPublisher):
    """`ChatPlatform` for Discord. `connector` makes what the connections go through, where that is not the open internet.

    `receivers` say which shards this process receives; without them it receives nothing, and writes without a gateway.
    What was missed is looked up again after `backfill_again_s` seconds, commands are written again after `commands_again_s`.
    """

    def __init__(
        self,
        settings: DiscordSettings,
        core: CoreApi,
        clock: Clock,
        vault: SecretVault,
        *,
        connector: Connector | None = None,
        catalogue: Catalogue = CATALOGUE,
        receivers: Receivers | None = ONLY_RECEIVER,
        budgets: Budgets | None = None,
        backfill_again_s: float = LOOK_AGAIN_FIRST,
        commands_again_s: float = command_sync.AGAIN_FIRST,
    ) -> None:
        self._settings = settings
        self._vault = vault
        self._connectedness = Connectedness(clock)
        self._core = core
        self._connector = connector
        self._client: AvatarClient | None = None
        budgets = budgets or LocalBudgets()
        self._identify_limiter = IdentifyLimiter(budgets)
        self._receivers = receivers
        conversations = Conversations()
        rest = Rest(self._http, budgets)
        mentions = CommandMentions()
        direct = DirectMessages(rest, vault, budgets, self._own_id)
        replies = DiscordReplies(rest, direct, clock, mentions)
        super().__init__(rest, replies, conversations, clock, settings)
        handler = DiscordInboundHandler(core, replies, conversations, catalogue)
        self._places = Places(rest, self._guild)
        self._messages = MessageEvents(handler, self._places, self._own_id, self._caught_up, self._unheard)
        self._interactions = DiscordInteractions(handler, settings.conversation)
        self._backfill = Backfill(rest, self._talks, self._hear_missed, self._gone, backfill_again_s)
        self._commands = CommandSync(
            rest, settings, mentions, catalogue=catalogue, again_s=commands_again_s, budgets=budgets
        )

        self._voice = DiscordVoiceChannels(self._voice_guild, rest, self.notify, self._is_private)

    def is_home(self, workspace_id: str) -> bool:
        """The home guilds, and direct messages where they are listened to at all."""
        if not workspace_id.isdecimal():
            return self._settings.direct_messages
        return int(workspace_id) in self._settings.home_guilds

    @property
    def features(self) -> Features:
        channels = None if voice_support.missing() else self._voice
        return Features(edits=self, marks=self, typing=self, files=True, members=self, voice=channels)

    async def channel(self, place: ConversationRef) -> Channel:
        return await self._places.channel(place)

    async def is_member(self, place: ConversationRef, person_id: str) -> bool:
        """Discord tells of who leaves only with an intent that needs its leave: so it is asked."""
        return await self._places.is_member(place, person_id)

    def connection(self) -> ConnectionState:
        client = self._client
        return self._connectedness.state(client, client.connected_shards if client else set())

    async def run(self) -> None:
        """Run one client until it ends; always raises. The caller starts another."""
        if self._settings.token is None:
            raise SettingsError("DISCORD_TOKEN is not set.")
        self._connectedness.fault = ""
        try:
            async with self.new_client() as client, self._beside(client):
                await self._connected_run(client, self._settings.token.get_secret_value())
        except SettingsError as error:
            self._connectedness.fault = error.sentence
            raise
        finally:
            self._client = None

    @contextlib.asynccontextmanager
    async def _beside(self, client: AvatarClient) -> AsyncIterator[None]:
        """What runs as long as a client does. A fault of ours in it is written down and ends nothing else."""
        works = (self._backfill.run(), self._sync_commands(client))
        tasks = [asyncio.create_task(_logged(work), name="discord") for work in works]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _sync_commands(self, client: AvatarClient) -> None:
        """Of several processes the one with the first shard brings them up to date; a bot talks without that too."""
        await client.logged_in.wait()
        if client.application_id is None:
            return
        await rest_until(client.has_first, FIRST_SHARD_WITHIN_S if self._receivers else 0.0)
        if not client.has_first.is_set():
            await self._commands.learn(client.application_id)
        await client.has_first.wait()
        await self._commands.run(client.application_id)

    def new_client(self) -> AvatarClient:
        """A client that is ours from now on."""
        self._client = AvatarClient(self._settings, self, self._identify_limiter, self._connector)
        return self._client

    async def _connected_run(self, client: AvatarClient, token: str) -> None:
        try:
            await client.login(token)
            await self._receive(client)
        except discord.LoginFailure as error:
            raise SettingsError(BAD_TOKEN) from error
        except discord.PrivilegedIntentsRequired as error:
            raise SettingsError(BAD_INTENTS) from error
        except discord.ConnectionClosed as error:
            if sentence := _FOR_THE_OPERATOR.get(error.code):
                raise SettingsError(sentence) from error
            raise PlatformError("Discord closed the connection.", f"gateway closed with {error.code}") from error
        raise PlatformError("Discord closed the connection.", "the client ended by itself")

    async def _receive(self, client: AvatarClient) -> None:
        if self._receivers is None:
            await asyncio.Event().wait()
        else:
            await receive(client, self._receivers)

    # ------------------------------------------------------------ what the client tells

    async def connecting(self, shard_id: int) -> None:
        await self._backfill.note(shard_id)

    async def given_up(self, shard_id: int) -> None:
        self._backfill.given_up(shard_id)

    async def connected(self, shard_id: int) -> None:
        """A new session of a shard: what was said since the last one is lost, unless we look."""
        self._backfill.missed(shard_id)
        await self._leave_behind(shard_id)

    async def _leave_behind(self, shard_id: int) -> None:
        """Servers that it was removed from while nobody listened, and whose accounts are still kept."""
        try:
            kept = await self._core.own_accounts(PLATFORM) if await self._is_of_this_bot() else ()
        except StoreUnavailable as error:
            log.warning("servers that were left are looked for with the next connection", reason=error.detail)
            return
        for place in map(server, kept):
            if not is_direct(place) and self._shard_of(place) == shard_id:
                await self._leave_if_gone(int(place.workspace_id))

    async def _is_of_this_bot(self) -> bool:
        """Whether what the database keeps is of servers that this bot was in: another bot is in none of them, and was removed from none."""
        own, where = str(self._own_id()).encode(), (PLATFORM, "", "bot")
        first = await self._vault.get(*where)
        if first is None:
            await self._vault.put(*where, own)
        elif first != own:
            log.warning(ANOTHER_BOT, bot=self._own_id(), database_of=first.decode())
        return first in {None, own}

    async def _leave_if_gone(self, guild_id: int) -> None:
        try:
            if await self._is_gone(guild_id):
                await self.left(guild_id)
        except (PlatformError, StoreUnavailable) as error:
            log.warning("whether a server was left is asked with the next connection", reason=error.detail)

    async def _is_gone(self, guild_id: int) -> bool:
        """What this process was not told of is asked for: an outage is no removal."""
        if self._client is None or self._client.get_guild(guild_id):
            return False
        try:
            await self._rest.call(Route("GET", "/guilds/{guild_id}/roles", guild_id=guild_id))
        except PlaceGone:
            return True
        return False

    async def interaction(self, interaction: discord.Interaction) -> None:
        await self._interactions.take(interaction)

    async def message(self, message: discord.Message) -> None:
        await self._messages.hear(message)

    async def edited(self, payload: discord.RawMessageUpdateEvent) -> None:
        await self._messages.edited(payload)

    async def deleted(self, guild_id: int | None, channel_id: int, message_ids: set[int]) -> None:
        await self._messages.deleted(guild_id, channel_id, sorted(message_ids))

    async def joined(self, guild_id: int, *, just_now: bool) -> None:
        if guild_id in self._settings.home_guilds and just_now:
            self._commands.wanted()

    async def left(self, guild_id: int) -> None:
        await self._gone(server(guild_id), whole_workspace=True)

    async def channel_gone(self, guild_id: int, channel_id: int) -> None:
        await self._gone(ConversationRef(PLATFORM, str(guild_id), str(channel_id)))

    async def thread_gone(self, guild_id: int, parent_id: int, thread_id: int) -> None:
        await self._gone(ConversationRef(PLATFORM, str(guild_id), str(parent_id), str(thread_id)))

    async def voice_changed(self, guild_id: int) -> None:
        self._voice.changed(guild_id)

    # ------------------------------------------------------------ inside

    async def _is_private(self, place: ConversationRef) -> bool:
        channel = await self._places.channel(place)
        return channel.private or channel.private_thread

    async def _gone(self, place: ConversationRef, *, whole_workspace: bool = False) -> None:
        for known in self._conversations.places:
            if known.workspace_id == place.workspace_id and (whole_workspace or place in {known, known.channel}):
                self._conversations.forget(known)
        await self._core.channel_removed(place, whole_workspace=whole_workspace)

    async def _hear_missed(self, place: ConversationRef, payload: Payload) -> bool:
        guild_id = None if is_direct(place) else int(place.workspace_id)
        if self._client and (message := self._client.message_from(payload, guild_id, int(target(place)))):
            return await self._messages.hear(message, late=True)
        return True

    async def _talks(self, shards: Collection[int]) -> dict[ConversationRef, int]:
        """What goes on in these shards' servers, and up to where it was heard, here or by whoever had the shard before."""
        found = await self._core.talks(PLATFORM)
        here = {place: int(last) for place, last in found.items() if self._shard_of(place) in shards}
        return {place: max(last, self._conversations.newest(place)) for place, last in here.items()}

    async def _caught_up(self, place: ConversationRef) -> bool:
        return await self._backfill.caught_up(self._shard_of(place), place)

    def _unheard(self, place: ConversationRef, message_id: int) -> None:
        self._backfill.unheard(self._shard_of(place), place, message_id)

    def _shard_of(self, place: ConversationRef) -> int:
        return 0 if is_direct(place) or not self._client else self._client.shard_of(int(place.workspace_id))

    def _http(self) -> HTTPClient | None:
        """Only once it is logged in: until then it has no connections."""
        return self._client.http if self._client and self._client.http.token else None

    def _guild(self, guild_id: int) -> discord.Guild | None:
        return self._client.delivered(guild_id) if self._client else None

    def _voice_guild(self, guild_id: int) -> discord.Guild | None:
        """Raises `PlatformError` where the connection that could bring us into its voice channels is another process's."""
        client = self._client
        if client and (self._receivers is None or client.shard_of(guild_id) not in client.held):
            raise PlatformError(voice.ELSEWHERE)
        return self._guild(guild_id)

    def _own_id(self) -> int:
        return self._client.user.id if self._client and self._client.user else 0


async def _logged(work: Coroutine[None, None, None]) -> None:
    try:
        await work
    except Exception:
        log.exception("a task beside Discord's gateway ended")

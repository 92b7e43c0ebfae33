"""An avatar in Discord's voice and stage channels. https://docs.discord.com/developers/topics/voice-connections"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final

import discord
import structlog
from discord.http import Route
from discord.voice_state import VoiceConnectionState

from adapters.discord.client import Rest
from adapters.discord.conversations import PLATFORM, is_direct
from adapters.discord.voice_source import QueuedAudioSource
from bot.domain.conversations import ConversationRef
from bot.domain.errors import PlatformError
from bot.ports.room import AudioFrame
from bot.ports.voice import VoiceAudience, VoiceCall, VoiceCallEnded, VoiceEvent


class _ConnectionState(VoiceConnectionState):
    """A connection that broke ends here, and whoever wanted it makes another: discord.py 2.7.1 does not get through what it tries by itself.

    After a close with 4015 it waits for a session description, which a resumed connection never has; and of any new socket its reader
    hears nothing while it waits, for up to 30 s, at the one before.
    """

    taken_out = False
    """Somebody else ended it: Discord told that we are in no channel, and we had not asked for that."""

    _leaving = False

    async def voice_state_update(self, data: Any) -> None:
        self.taken_out = self.taken_out or (data["channel_id"] is None and not self._leaving)
        await super().voice_state_update(data)

    async def disconnect(self, *, force: bool = True, cleanup: bool = True, wait: bool = False) -> None:  # noqa: ARG002
        """Whoever leaves waits for Discord's word: discord.py would not pass on that somebody cancels meanwhile."""
        self._leaving = True
        await super().disconnect(force=force, cleanup=cleanup, wait=False)

    def stop_following(self) -> None:
        """In the middle of a reconnection it would come back into the channel."""
        if self._runner:
            self._runner.cancel()
            self._runner = None

    async def _connect(self, reconnect: bool, timeout: float, self_deaf: bool, self_mute: bool, resume: bool) -> None:
        if resume:
            raise TimeoutError
        await super()._connect(reconnect, timeout, self_deaf, self_mute, resume)

    async def _poll_voice_ws(self, reconnect: bool) -> None:
        with contextlib.suppress(discord.ConnectionClosed, TimeoutError):  # it has disconnected by then
            await super()._poll_voice_ws(reconnect)


class AvatarVoiceClient(discord.VoiceClient):
    """It follows moves and another region by itself.

    `over` is done once it cannot or must not go on: true where somebody took it out of the channel.
    """

    _connection: _ConnectionState

    def __init__(self, client: discord.Client, channel: discord.abc.Connectable) -> None:
        super().__init__(client, channel)
        self.over: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def create_connection_state(self) -> _ConnectionState:
        return _ConnectionState(self)

    def end(self, *, taken_out: bool = False) -> None:
        """Raises nothing when it is over already."""
        if not self.over.done():
            self.over.set_result(taken_out)

    async def disconnect(self, *, force: bool = False) -> None:
        self._connection.stop_following()
        await super().disconnect(force=force)

    def cleanup(self) -> None:
        """Called by discord.py at the end, whatever its reason, and perhaps twice."""
        super().cleanup()
        self.end(taken_out=self._connection.taken_out)

    def send_audio_packet(self, data: bytes, *, encode: bool = True) -> None:
        # discord.py sends plain sound while an encrypted call has no keys yet. Stages have none at all.
        connection = self._connection
        if connection.can_encrypt or not connection.dave_protocol_version:
            super().send_audio_packet(data, encode=encode)


log = structlog.get_logger(__name__)

CONNECT_WITHIN_S: Final = 15.0
"""Of a connection, and of one that follows a move."""

LEAVE_WITHIN_S: Final = 2.0
"""For Discord's word that we have left; then it is believed."""

NEEDED: Final = {
    "View Channel": "view_channel",
    "Connect": "connect",
    "Speak": "speak",
    "Send Messages": "send_messages",
}
"""Permissions in a voice channel, under the names that Discord shows to people. In writing people are told what it is that they hear."""

NOT_IN = "Discord did not let me into that voice channel. Please try again."

ELSEWHERE = (
    "I cannot be heard in voice channels here: this service runs its avatars and its connection to Discord in different processes. The "
    "talk goes on in writing, and with Watch you see and hear me."
)

Channel = discord.VoiceChannel | discord.StageChannel
Notify = Callable[[ConversationRef, str], Awaitable[None]]
IsPrivate = Callable[[ConversationRef], Awaitable[bool]]


class DiscordVoiceChannels:
    """`VoiceChannels`. Discord lets a bot be in one voice channel of each server."""

    def __init__(
        self,
        guild: Callable[[int], discord.Guild | None],
        rest: Rest,
        notify: Notify,
        is_private: IsPrivate,
        connect_within_s: float = CONNECT_WITHIN_S,
    ) -> None:
        self._guild = guild
        self._rest = rest
        self._notify = notify
        self._is_private = is_private
        self._connect_within_s = connect_within_s
        self._taken: dict[int, asyncio.Event] = {}
        """The servers in which a call goes on, begins or ends; what is set whenever somebody's channel there changes."""
        self._calls: dict[int, DiscordVoiceCall] = {}

    def changed(self, guild_id: int) -> None:
        """Somebody came to a voice channel of this server, left one or was moved."""
        if call := self._calls.get(guild_id):
            call.look_again()
        if changed := self._taken.get(guild_id):
            changed.set()

    @contextlib.asynccontextmanager
    async def call(self, place: ConversationRef, person_id: str, channel: str) -> AsyncIterator[VoiceCall]:
        guild = self._server(place)
        changed = self._taken[guild.id] = asyncio.Event()
        try:
            yield await self._entered(guild, place, person_id, channel)
        finally:
            self._calls.pop(guild.id, None)
            try:
                await _leave(guild, changed)
            finally:
                del self._taken[guild.id]

    async def _entered(self, guild: discord.Guild, place: ConversationRef, person_id: str, wanted: str) -> VoiceCall:
        try:
            return await self._begun(guild, place, person_id, wanted)
        except PlatformError:
            raise
        except Exception as error:  # discord.py raises what its sockets and libraries raise
            log.warning("a voice channel could not be joined", error=type(error).__name__, detail=str(error))
            raise PlatformError(NOT_IN, f"voice: {type(error).__name__}") from error

    async def _begun(self, guild: discord.Guild, place: ConversationRef, person_id: str, wanted: str) -> VoiceCall:
        private = await self._is_private(place)
        channel = await self._channel_for(guild, person_id, wanted)
        if refused := _unusable(channel) or (_too_open(channel) if private else ""):
            raise PlatformError(refused)
        voice = await self._connected(channel)
        call = self._calls[guild.id] = DiscordVoiceCall(voice, self._rest, self._notify, private=private)
        await call.begin()
        return call

    async def _connected(self, channel: Channel) -> AvatarVoiceClient:
        """Deaf: it does not listen, and people see that it does not."""
        return await channel.connect(
            timeout=self._connect_within_s, reconnect=False, cls=AvatarVoiceClient, self_deaf=True
        )

    def _server(self, place: ConversationRef) -> discord.Guild:
        if is_direct(place):
            raise PlatformError("There are no voice channels in direct messages.")
        guild = self._guild(int(place.workspace_id))
        if guild is None:
            raise PlatformError("Discord cannot be reached just now. Please try again.", "no such guild, or no client")
        if guild.id in self._taken:
            raise PlatformError(
                "Another avatar is in a voice channel of this server, and Discord lets a bot be in one at a time. It leaves with "
                "/avatar leave, in its own thread."
            )
        return guild

    async def _channel_for(self, guild: discord.Guild, person_id: str, wanted: str) -> Channel:
        """What somebody may not see, or not join, is for them as if it were not there."""
        channels: list[Channel] = [*guild.voice_channels, *guild.stage_channels]
        if not wanted:
            there = (each for each in channels if int(person_id) in each.voice_states)
            if found := next(there, None):
                return found
            raise PlatformError("Join a voice channel first, or name one: /avatar join Lounge")
        name = wanted.strip(" <#>").casefold()
        found = next((each for each in channels if name in {str(each.id), each.name.casefold()}), None)
        if found is None or not await self._may_join(guild, person_id, found):
            raise PlatformError("There is no voice channel of that name that you can join.")
        return found

    async def _may_join(self, guild: discord.Guild, person_id: str, channel: Channel) -> bool:
        route = Route("GET", "/guilds/{guild_id}/members/{user_id}", guild_id=guild.id, user_id=person_id)
        data = await self._rest.call(route)
        member = discord.Member(data=data, guild=guild, state=guild._state)  # noqa: SLF001 - as `fetch_member` does it
        held = channel.permissions_for(member)
        return held.view_channel and held.connect


async def _leave(guild: discord.Guild, changed: asyncio.Event) -> None:
    """Out of whatever channel we are in, also in the middle of joining.

    Until Discord has said so, also where the connection broke: its word on one call would end the next.
    """
    voice = guild.voice_client
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_WITHIN_S):
                if voice:
                    await voice.disconnect(force=True)
                while guild.me.voice:
                    changed.clear()
                    await changed.wait()
    finally:
        if voice:
            voice.cleanup()


# ---------------------------------------------------------------- where it may be


def _unusable(channel: Channel) -> str:
    """Why the bot cannot be heard there, or `''`."""
    held = channel.permissions_for(channel.guild.me)
    needed = {name: bit for name, bit in NEEDED.items() if bit != "speak" or not _is_stage(channel)}
    if lacking := [name for name, bit in needed.items() if not getattr(held, bit)]:
        return f"In {channel.name} I lack the permissions {', '.join(lacking)}. An admin can give them to my role."
    if channel.user_limit and len(channel.voice_states) >= channel.user_limit and not held.move_members:
        return f"{channel.name} is full."
    return ""


def _too_open(channel: Channel) -> str:
    """Why what is private must not be heard there, or `''`."""
    everyone = channel.permissions_for(channel.guild.default_role)
    if everyone.view_channel and everyone.connect:
        return f"This conversation is private, and everybody in the server can listen in {channel.name}."
    return ""


def _is_stage(channel: Channel) -> bool:
    return isinstance(channel, discord.StageChannel)


# ---------------------------------------------------------------- one call


class DiscordVoiceCall:
    """`VoiceCall` over one voice connection."""

    def __init__(self, voice: AvatarVoiceClient, rest: Rest, notify: Notify, *, private: bool) -> None:
        self.note = ""
        self._voice = voice
        self._rest = rest
        self._notify = notify
        self._private = private
        self._channel: Channel = voice.channel
        self._source = QueuedAudioSource()
        self._changed = asyncio.Event()
        voice.over.add_done_callback(lambda _: self._changed.set())

    async def begin(self) -> None:
        self.note = await self._come_forward()
        loop = asyncio.get_running_loop()
        # The player gives up when the connection is not mended in time, or for a fault of its own.
        self._voice.play(
            self._source, application="voip", signal_type="voice", after=lambda _: _tell(loop, self._voice)
        )

    def look_again(self) -> None:
        self._changed.set()

    async def events(self) -> AsyncIterator[VoiceEvent]:
        shown: VoiceAudience | None = None
        while not self._voice.over.done():
            self._changed.clear()
            await self._follow()
            if shown != (shown := self._audience()):
                yield shown
            await self._changed.wait()
        raise self._end()

    async def tell(self, text: str) -> None:
        place = ConversationRef(PLATFORM, str(self._channel.guild.id), str(self._channel.id))
        await self._notify(place, text)

    def play(self, frame: AudioFrame) -> None:
        self._source.put(frame)

    def interrupt(self) -> None:
        self._source.flush()

    # ------------------------------------------------------------ inside

    async def _follow(self) -> None:
        """Somebody may have moved it: the same rules hold there."""
        channel = self._voice.channel
        if channel == self._channel or not isinstance(channel, Channel):  # None while Discord has not told which
            return
        self._channel = channel
        if self._private and (refused := _too_open(channel)):
            raise VoiceCallEnded(refused, final=True)
        self.note = await self._come_forward()

    def _audience(self) -> VoiceAudience:
        people = frozenset(str(member.id) for member in self._channel.members if not member.bot)
        return VoiceAudience(str(self._channel.id), self._channel.name, people)

    def _end(self) -> VoiceCallEnded:
        name = self._channel.name
        if self._voice.over.result():
            return VoiceCallEnded(f"I was taken out of {name}. The talk goes on here.", final=True)
        return VoiceCallEnded(f"The connection to {name} is lost. The talk goes on here.")

    async def _come_forward(self) -> str:
        """On a stage everybody begins in the audience. What people have to do before they hear it."""
        if not _is_stage(self._channel):
            return ""
        allowed = self._channel.permissions_for(self._channel.guild.me).mute_members
        asks = {"suppress": False} if allowed else {"request_to_speak_timestamp": datetime.now(UTC).isoformat()}
        route = Route("PATCH", "/guilds/{guild_id}/voice-states/@me", guild_id=self._channel.guild.id)
        try:
            await self._rest.call(route, {"channel_id": str(self._channel.id), **asks})
        except PlatformError as error:
            log.info("not on a stage", reason=error.detail)
            return "A moderator of the stage has to invite me to speak."
        return "" if allowed else "I have asked to speak: a moderator of the stage has to allow it."


def _tell(loop: asyncio.AbstractEventLoop, voice: AvatarVoiceClient) -> None:
    """From the player's thread, perhaps after the loop is closed."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(voice.end)

"""discord.py's voice connection, with what we want of it: when it is over for good, and nothing unencrypted in an encrypted call."""

import asyncio
import contextlib
from typing import Any

import discord
from discord.voice_state import VoiceConnectionState


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

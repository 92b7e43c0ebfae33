"""discord.py's voice connection, with what we want of it: when it is over for good, and nothing unencrypted in an encrypted call."""

import asyncio
import contextlib
from typing import Any

import discord
from discord.voice_state import ConnectionFlowState, VoiceConnectionState


class AvatarVoiceClient(discord.VoiceClient):
    """It follows moves and another region by itself.

    `over` is done once it cannot or must not go on: true where somebody took it out of the channel.
    """

    def __init__(self, client: discord.Client, channel: discord.abc.Connectable) -> None:
        super().__init__(client, channel)
        self.over: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._leaving = False
        self._taken_out = False

    def create_connection_state(self) -> VoiceConnectionState:
        return _ConnectionState(self)

    def end(self, *, taken_out: bool = False) -> None:
        """Raises nothing when it is over already."""
        if not self.over.done():
            self.over.set_result(taken_out)

    async def on_voice_state_update(self, data: Any) -> None:
        self._taken_out = data["channel_id"] is None and not self._leaving
        await super().on_voice_state_update(data)

    async def disconnect(self, *, force: bool = False) -> None:
        self._leaving = True
        # In the middle of a reconnection it would come back into the channel.
        await self._connection.soft_disconnect(with_state=ConnectionFlowState.disconnected)
        await super().disconnect(force=force)

    def cleanup(self) -> None:
        """Called by discord.py at the end, whatever its reason, and perhaps twice."""
        super().cleanup()
        self.end(taken_out=self._taken_out)

    def send_audio_packet(self, data: bytes, *, encode: bool = True) -> None:
        # discord.py sends plain sound while an encrypted call has no keys yet. Stages have none at all.
        connection: Any = self._connection
        if connection.can_encrypt or not connection.dave_protocol_version:
            super().send_audio_packet(data, encode=encode)


class _ConnectionState(VoiceConnectionState):
    """A connection that broke ends here, and whoever wanted it makes another: discord.py 2.7.1 does not get through what it tries by itself.

    After a close with 4015 it waits for a session description, which a resumed connection never has; and of any new socket its reader
    hears nothing while it waits, for up to 30 s, at the one before.
    """

    async def _connect(self, reconnect: bool, timeout: float, self_deaf: bool, self_mute: bool, resume: bool) -> None:
        if resume:
            raise TimeoutError
        await super()._connect(reconnect, timeout, self_deaf, self_mute, resume)

    async def _poll_voice_ws(self, reconnect: bool) -> None:
        with contextlib.suppress(discord.ConnectionClosed, TimeoutError):  # it has disconnected by then
            await super()._poll_voice_ws(reconnect)

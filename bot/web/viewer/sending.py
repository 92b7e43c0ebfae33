"""What goes to whoever watches over a WebSocket: kept as state, so that who is slow skips instead of filling memory."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from starlette.websockets import WebSocket

from bot.media.events import MediaFanout
from bot.web.http_limits import WRITE_WHOLE
from bot.web.viewer.player import Player

F = TypeVar("F")


class NewestFrames(Generic[F]):
    """Sends what changed since it last sent: of frames of one name the newest, then what its `player` has."""

    def __init__(
        self,
        socket: WebSocket,
        media: MediaFanout,
        encode: Callable[[F], str],
        *,
        sent: Callable[[F], None] = lambda _: None,
        pictured: Callable[[float], object] | None = None,
    ) -> None:
        """`sent` is called with each frame that was sent; `pictured` is the player's."""
        self._socket = socket
        self._encode = encode
        self._sent = sent
        self._unsent: dict[str, F] = {}
        self._woken = asyncio.Event()
        self._rests = False
        self._write = socket.scope.get("extensions", {}).get(WRITE_WHOLE, _cannot)
        self.player = Player(media, self._woken.set, self._write_at_once, pictured)

    def show(self, name: str, frame: F) -> None:
        """Have a frame sent; one that was not sent yet under the same name is replaced."""
        self._unsent[name] = frame
        self._woken.set()

    def holds(self, name: str) -> bool:
        """Whether a frame of that name was not sent yet."""
        return name in self._unsent

    async def write(self) -> None:
        """Send until cancelled or the other end is gone."""
        while True:
            self._rests = True
            await self._woken.wait()
            self._woken.clear()
            self._rests = False
            unsent, self._unsent = self._unsent, {}
            for frame in unsent.values():
                await self._socket.send_text(self._encode(frame))
                self._sent(frame)
            await self.player.send(self._socket)

    def _write_at_once(self, message: bytes) -> bool:
        """Unless something else has to be sent before."""
        return self._rests and not self._unsent and self._write(message)


def _cannot(_message: bytes) -> bool:
    """Of a server that is not ours."""
    return False

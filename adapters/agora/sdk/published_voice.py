"""A voice of ours in a room: published with its first frame, and until it has been silent for a while."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from adapters.agora.reasons import refusal
from bot.domain.errors import RoomError
from bot.ports.room import PUBLISHED_FOR_S, VOICE_RATE

MOST_WAITING: Final = 25
"""Frames that wait for a call of the SDK to return; the oldest is left out for the next."""


class PublishedVoice:
    """`call` makes a call of the SDK in the connection's thread, `live` is the wrapper's connection, `note` tells the log what was refused."""

    def __init__(
        self, call: Callable[..., Awaitable[None]], live: Callable[[], Any], note: Callable[[str], None]
    ) -> None:
        self._call = call
        self._live = live
        self._note = note
        self._waiting: deque[bytes] = deque(maxlen=MOST_WAITING)
        self._woken = asyncio.Event()
        self._begun = self._over = False
        self._refused = False  # and told so: each frame tries again

    def put(self, frame: bytes) -> Coroutine[Any, Any, None] | None:
        """Never waits. Returns what publishes the voice that begins with this frame, to be run."""
        self._waiting.append(frame)
        self._woken.set()
        begun, self._begun = self._begun, True
        return None if begun or self._over else self._run()

    def close(self) -> None:
        """The room is being left, and with it nothing is published any more."""
        self._over = True
        self._woken.set()

    async def _run(self) -> None:
        """One voice, from its first frame to its end."""
        try:
            await self._call(self._begin)
            while await self._more():
                frames = b"".join(self._waiting)
                self._waiting.clear()
                await self._call(self._push, frames)
                self._refused = False
            if not self._over:
                await self._call(self._end)
        except RoomError as refused:
            self._waiting.clear()
            if not self._refused:
                self._note(f"a voice was not published: {refused.detail}")
            self._refused = True
        finally:
            self._begun = False

    async def _more(self) -> bool:
        """Whether a frame came within the time that a voice may be silent."""
        if not self._waiting and not self._over:
            self._woken.clear()
            try:
                async with asyncio.timeout(PUBLISHED_FOR_S):
                    await self._woken.wait()
            except TimeoutError:
                return False
        return not self._over

    # ------------------------------------------------------------ on the connection's thread

    def _begin(self) -> None:
        _expect(self._live().publish_audio(), "publish_audio")

    def _push(self, frames: bytes) -> None:
        # The wrapper takes nothing but a bytearray.
        _expect(self._live().push_audio_pcm_data(bytearray(frames), VOICE_RATE, 1), "push_audio_pcm_data")

    def _end(self) -> None:
        _expect(self._live().unpublish_audio(), "unpublish_audio")


def _expect(code: int, what: str) -> None:
    if code != 0:
        raise RoomError("The avatar's room takes no voice.", f"{what}: {refusal(code)}")

"""Picture and sound of a run's avatar: asked for while somebody watches, and not a moment longer."""

import asyncio
import contextlib

from bot.errors import SeatError
from bot.ports.avatar import Avatar, AvatarArrived, AvatarEvent
from bot.ports.room import AudioFrame, LinkUp, VideoFrame
from bot.session.stage import Stage

KEY_FRAME_EVERY = 0.5
"""Seconds between two requests for a key frame, each of which costs the avatar's encoder a large picture."""


class Projector:
    """One task of a run."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._on: Avatar | None = None  # the one that was told to send

    async def run(self) -> None:
        """Until cancelled. A picture that cannot be had ends nothing."""
        screen = self._stage.screen
        while True:
            await screen.changed.wait()
            screen.changed.clear()
            with contextlib.suppress(SeatError):  # the seat is lost, and whoever mends it rings again
                await self._follow()

    async def _follow(self) -> None:
        screen, avatar = self._stage.screen, self._stage.avatar
        wanted = avatar if screen.watched else None
        if wanted is not self._on:
            await self._change_to(wanted)
        if wanted and screen.take_wish():
            await wanted.request_key_frame()
            await asyncio.sleep(KEY_FRAME_EVERY)

    async def _change_to(self, wanted: Avatar | None) -> None:
        before, self._on = self._on, wanted
        if wanted:
            self._stage.screen.cut()
            await wanted.watch(True)
        elif before and before is self._stage.avatar:
            await before.watch(False)

    def observe(self, provider_row: str, event: AvatarEvent) -> None:
        """Put on screen what the avatar on stage sends. A replaced one goes on sending for a moment."""
        if provider_row != self._stage.provider_row:
            return
        match event:
            case VideoFrame() | AudioFrame():
                self._stage.screen.show(event)
            case AvatarArrived() | LinkUp():
                self._stage.screen.cut()
            case _:
                pass

"""Subscribes to the avatar's video and audio while somebody watches, and only then."""

import asyncio
import contextlib

from bot.domain.errors import RoomError
from bot.media.keyframes import KeyframeThrottle
from bot.ports.avatar import Avatar, AvatarArrived, AvatarEvent
from bot.ports.room import AudioFrame, LinkUp, VideoFrame
from bot.runtime.context import SessionContext
from bot.tasks import rest


class MediaSubscription:
    """`run` subscribes and unsubscribes as viewers come and go, until cancelled."""

    def __init__(self, context: SessionContext) -> None:
        self._context = context
        self._on: Avatar | None = None  # the one that was told to send
        self._throttle = KeyframeThrottle()

    async def run(self) -> None:
        """Until cancelled. A picture that cannot be had ends nothing."""
        media, seconds = self._context.media, None
        while True:
            await rest(media.changed, seconds)
            media.changed.clear()
            seconds = None
            with contextlib.suppress(RoomError):  # the connection is lost, and whoever restores it sets `changed` again
                seconds = await self._follow()

    async def _follow(self) -> float | None:
        """Do what is due; the seconds after which a key frame is asked for that must wait."""
        media, avatar = self._context.media, self._context.avatar
        wanted = avatar if media.watched else None
        if wanted is not self._on:
            await self._change_to(wanted)
        if wanted is None or not media.wants_key_frame:
            return None
        if wait := self._throttle.take(asyncio.get_running_loop().time()):
            return wait
        media.take_keyframe_request()
        await wanted.request_key_frame()
        return None

    async def _change_to(self, wanted: Avatar | None) -> None:
        before, self._on = self._on, wanted
        if wanted:
            self._context.media.discontinuity()
            await wanted.watch(True)
        elif before and before is self._context.avatar:
            await before.watch(False)

    def hear(self, provider_row: str, event: AvatarEvent) -> None:
        """Pass on what the active avatar sends. One that was replaced goes on sending for a moment, which is dropped."""
        if provider_row != self._context.provider_row:
            return
        match event:
            case VideoFrame() | AudioFrame():
                self._context.media.show(event)
            case AvatarArrived() | LinkUp():
                self._context.media.discontinuity()
            case _:
                pass

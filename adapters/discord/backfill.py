"""What was said while we were not connected, looked up afterwards; what cannot be looked up is tried again later."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from discord.http import Route

from adapters.discord.mapping import target
from adapters.discord.rest import Rest
from bot.domain.conversations import ConversationRef
from bot.domain.errors import PlaceGone, PlatformError

log = structlog.get_logger(__name__)

CATCH_UP = 100
"""Messages of one conversation that are looked up after a gap: the newest, since what waited too long is not spoken any more."""

AT_ONCE = 8
"""Conversations that are looked up at the same time."""

AGAIN_FIRST, AGAIN_MOST = 5.0, 60.0
"""Seconds before what failed is tried again, at first and at most."""

Payload = Mapping[str, Any]


class Backfill:
    """`hear` is told of each message that was missed, oldest first; `gone` of a place that is not there any more.

    What failed is tried again after `again_s` seconds, then after twice as many, up to `AGAIN_MOST`.
    """

    def __init__(
        self,
        rest: Rest,
        hear: Callable[[ConversationRef, Payload], Awaitable[None]],
        gone: Callable[[ConversationRef], Awaitable[None]],
        again_s: float = AGAIN_FIRST,
    ) -> None:
        self._rest = rest
        self._hear = hear
        self._gone = gone
        self._again_s = again_s
        self._gaps: dict[ConversationRef, int] = {}
        self._due = asyncio.Event()

    def missed(self, place: ConversationRef, newest: int) -> None:
        """Something may have been said there after the message `newest`; of two gaps the older one counts."""
        self._gaps[place] = min(newest, self._gaps.get(place, newest))
        self._due.set()

    async def run(self) -> None:
        """Look up until cancelled."""
        pause = self._again_s
        while True:
            await self._due.wait()
            self._due.clear()
            if await self._look():
                pause = self._again_s
                continue
            await asyncio.sleep(pause)
            pause = min(pause * 2, AGAIN_MOST)
            self._due.set()

    async def _look(self) -> bool:
        """Whether nothing is left to be tried again."""
        room = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as group:
            for place, newest in list(self._gaps.items()):
                group.create_task(self._close(place, newest, room))
        return not self._gaps

    async def _close(self, place: ConversationRef, newest: int, room: asyncio.Semaphore) -> None:
        try:
            async with room:
                missed = await self._said_since(place, newest)
        except PlaceGone:
            self._gaps.pop(place, None)
            await self._gone(place)
        except PlatformError as error:
            log.warning("what was said meanwhile is looked up later", reason=error.detail)
        else:
            for message in missed:
                await self._hear(place, message)
            if self._gaps.get(place) == newest:
                del self._gaps[place]

    async def _said_since(self, place: ConversationRef, newest: int) -> list[Payload]:
        path = "/channels/{channel_id}/messages?limit={limit}"
        found = await self._rest.call(Route("GET", path, channel_id=target(place), limit=CATCH_UP))
        return [message for message in reversed(found) if int(message["id"]) > newest]

"""What was said in Discord's conversations while nobody listened.

Discord delivers messages once, so what was said in a gap is looked up afterwards; what cannot be looked up is tried again later.
"""

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog
from discord.http import Route

from adapters.discord.client import Rest
from adapters.discord.conversations import AT_MOST, target
from bot.domain.conversations import ConversationRef
from bot.domain.errors import PlaceGone, PlatformError, StoreUnavailable
from bot.tasks import rest

log = structlog.get_logger(__name__)

CATCH_UP = 100
"""Messages of one conversation that are looked up after a gap: the newest, since what waited too long is not spoken any more."""

LOOKUPS_AT_ONCE = 8
"""Conversations that are looked up at the same time."""

LOOK_AGAIN_FIRST, LOOK_AGAIN_MOST = 2.0, 60.0
"""Seconds before a look-up is tried again: at first, and the most to which they double while Discord does not answer."""

HELD_S: Final = 30.0
"""Seconds, after a shard's session has begun, in which what is heard live waits for what was missed before it: one who wrote both is
heard in order.
"""

Payload = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Unheard:
    """The shard of a place, and the id of a message there after which nothing was taken."""

    shard_id: int
    after: int


class Backfill:
    """`talks` says where something goes on, by the newest message known there; `hear` is told of each message that was missed, oldest first,
    and says whether it was taken; `gone` is told of a place that is not there any more.

    While the database fails, it is tried again every `again_s` seconds. While Discord does not answer, the pause doubles up to
    `LOOK_AGAIN_MOST`.
    """

    def __init__(
        self,
        rest: Rest,
        talks: Callable[[Collection[int]], Awaitable[Mapping[ConversationRef, int]]],
        hear: Callable[[ConversationRef, Payload], Awaitable[bool]],
        gone: Callable[[ConversationRef], Awaitable[None]],
        again_s: float = LOOK_AGAIN_FIRST,
    ) -> None:
        self._rest = rest
        self._talks = talks
        self._hear = hear
        self._gone = gone
        self._again_s = again_s
        self._shards: set[int] = set()
        self._noted: dict[int, Mapping[ConversationRef, int]] = {}
        self._gaps: dict[ConversationRef, int] = {}
        self._due = asyncio.Event()
        self._unknown: set[int] = set()
        """Shards of which it is not known yet where there are gaps."""
        self._untold: set[ConversationRef] = set()
        """Gaps of which Discord does not tell what was said."""
        self._unheard: dict[ConversationRef, Unheard] = {}
        self._held_until: dict[int, float] = {}
        self._news = asyncio.Event()

    async def note(self, shard_id: int) -> None:
        """Up to where a shard's conversations were heard before its session begins: what is heard from then on does not tell of the gap.

        What could not be noted counts as it is known once the session has begun.
        """
        self._unknown.add(shard_id)
        self._held_until[shard_id] = math.inf
        with contextlib.suppress(StoreUnavailable):
            self._noted.setdefault(shard_id, await self._talks({shard_id}))

    def missed(self, shard_id: int) -> None:
        """What was said in a shard's conversations may not have been delivered."""
        self._shards.add(shard_id)
        self._held_until[shard_id] = _now() + HELD_S
        self._due.set()

    def given_up(self, shard_id: int) -> None:
        """Another process receives it: what was noted for a session that did not begin here is of no use later, and nobody waits for it."""
        if shard_id not in self._shards:
            self._noted.pop(shard_id, None)
            self._unknown.discard(shard_id)
            self._tell()

    def unheard(self, shard_id: int, place: ConversationRef, message_id: int) -> None:
        """A message was not taken, and its author not told, as nobody knew whether anything goes on there. It is looked up if so."""
        if place not in self._unheard and len(self._unheard) < AT_MOST:
            self._unheard[place] = Unheard(shard_id, message_id - 1)
            self._due.set()
        self._held_until[shard_id] = max(self._held_until.get(shard_id, 0.0), _now() + HELD_S)

    async def caught_up(self, shard_id: int, place: ConversationRef) -> bool:
        """Once what was missed in a place of a shard has been heard, or cannot be looked up, or has not been for `HELD_S` seconds.

        False where it will certainly be looked up yet, and what is heard now with it.
        """
        if self._is_behind(shard_id, place):
            until = min(self._held_until.get(shard_id, 0.0), _now() + HELD_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(until):
                    while self._is_behind(shard_id, place):
                        await self._news.wait()
        return not self._is_gap(place)

    def _is_behind(self, shard_id: int, place: ConversationRef) -> bool:
        return shard_id in self._unknown or place in self._unheard or self._is_gap(place)

    def _is_gap(self, place: ConversationRef) -> bool:
        return place in self._gaps and place not in self._untold

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Look up until cancelled."""
        pause = self._again_s
        while True:
            await self._due.wait()
            self._due.clear()
            if await self._find_gaps():
                await self._look()
            if not self._gaps and not self._shards and not self._unheard:
                pause = self._again_s
                continue
            await rest(self._due, pause)
            pause = min(pause * 2, LOOK_AGAIN_MOST) if self._untold else self._again_s
            self._due.set()

    async def _find_gaps(self) -> bool:
        """Whether it is known where something was missed; of two gaps of one place the older one counts."""
        shards, unheard = frozenset(self._shards), dict(self._unheard)
        try:
            talks = await self._talks(shards)  # asked for none too: without the database nothing is taken
            there = await self._talks({each.shard_id for each in unheard.values()}) if unheard else {}
        except StoreUnavailable as error:
            log.warning("what was said meanwhile is looked up later", reason=error.detail)
            return False
        self._shards -= shards
        noted = {place: newest for shard in shards for place, newest in self._noted.pop(shard, {}).items()}
        for place, newest in talks.items():
            self._gaps[place] = min(newest, noted.get(place, newest), self._gaps.get(place, newest))
        for place, message in unheard.items():
            del self._unheard[place]
            if place in there:
                self._gaps[place] = min(message.after, self._gaps.get(place, message.after))
        self._untold -= talks.keys()
        self._unknown -= shards
        self._tell()
        return True

    async def _look(self) -> None:
        room = asyncio.Semaphore(LOOKUPS_AT_ONCE)
        async with asyncio.TaskGroup() as group:
            for place, newest in list(self._gaps.items()):
                group.create_task(self._close(place, newest, room))

    async def _close(self, place: ConversationRef, newest: int, room: asyncio.Semaphore) -> None:
        try:
            async with room:
                missed = await self._said_since(place, newest)
        except PlaceGone:
            await self._leave(place)
        except PlatformError as error:
            log.warning("what was said meanwhile is looked up later", reason=error.detail)
            self._untold.add(place)
        else:
            self._untold.discard(place)
            if await self._hear_all(place, missed) and self._gaps.get(place) == newest:
                del self._gaps[place]
        self._tell()

    async def _leave(self, place: ConversationRef) -> None:
        try:
            await self._gone(place)
        except StoreUnavailable as error:
            log.warning("a place that is gone is left later", reason=error.detail)
            return
        self._gaps.pop(place, None)
        self._untold.discard(place)

    async def _hear_all(self, place: ConversationRef, missed: Sequence[Payload]) -> bool:
        """In order: what follows one that was not taken waits with it."""
        for message in missed:
            if not await self._hear(place, message):
                return False
        return True

    async def _said_since(self, place: ConversationRef, newest: int) -> list[Payload]:
        path = "/channels/{channel_id}/messages?limit={limit}"
        found = await self._rest.call(Route("GET", path, channel_id=target(place), limit=CATCH_UP))
        return [message for message in reversed(found) if int(message["id"]) > newest]


def _now() -> float:
    return asyncio.get_running_loop().time()

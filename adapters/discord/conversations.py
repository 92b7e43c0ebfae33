"""Up to where each live conversation was heard. Discord delivers messages once, so what was said in a gap is looked up."""

import asyncio
from typing import Protocol

import msgspec
import structlog

from bot.domain.conversations import ConversationRef
from bot.domain.errors import StoreUnavailable

log = structlog.get_logger(__name__)

SAVE_EVERY = 10.0
"""Seconds between two looks at whether there is news to save."""

AT_MOST = 1_000
KEY = "conversations"


class Keep(Protocol):
    """Where a few bytes survive a restart."""

    async def get(self, platform: str, workspace_id: str, key: str) -> bytes | None: ...

    async def put(self, platform: str, workspace_id: str, key: str, value: bytes) -> None: ...


class Conversations:
    """By place, the newest message that was heard there, as a snowflake. `part` tells processes with different shards apart."""

    def __init__(self, keep: Keep, part: str) -> None:
        self._keep = keep
        self._key = f"{KEY}:{part}"
        self._heard: dict[ConversationRef, int] = {}
        self._saved: bytes = b""

    def hear(self, place: ConversationRef, message_id: int) -> None:
        """Something is going on here, and was heard up to this message."""
        newest = max(message_id, self._heard.pop(place, 0))
        self._heard[place] = newest
        if len(self._heard) > AT_MOST:
            del self._heard[next(iter(self._heard))]

    def forget(self, place: ConversationRef) -> None:
        """Nothing goes on here any more."""
        self._heard.pop(place, None)

    def __contains__(self, place: ConversationRef) -> bool:
        return place in self._heard

    @property
    def places(self) -> list[ConversationRef]:
        return list(self._heard)

    def items(self) -> list[tuple[ConversationRef, int]]:
        return list(self._heard.items())

    async def load(self) -> None:
        """What an earlier process knew; what is known by now is newer. Raises `StoreUnavailable`."""
        stored = await self._keep.get("discord", "", self._key)
        if stored is None:
            return
        for place, message_id in msgspec.json.decode(stored, type=list[tuple[ConversationRef, int]]):
            self._heard.setdefault(place, message_id)

    async def save(self) -> None:
        """Raises `StoreUnavailable`."""
        now = msgspec.json.encode(self.items())
        if now != self._saved:
            await self._keep.put("discord", "", self._key, now)
            self._saved = now

    async def run(self) -> None:
        """Save now and then, until cancelled. A store that cannot be reached is tried again."""
        while True:
            await asyncio.sleep(SAVE_EVERY)
            try:
                await self.save()
            except StoreUnavailable as error:
                log.warning("how far conversations were heard is not saved", reason=error.detail)

"""Waiting, in virtual time, for what people see in a chat."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from bot.domain.sessions import SessionStatus
from bot.testing.chat import FakeChat


class Watched(Protocol):
    """Something whose people are in `room`."""

    room: FakeChat

    async def live(self) -> None:
        """Until the newest card says that its session is live."""
        await self.until(lambda: bool(self.room.cards) and self.room.card.status is SessionStatus.LIVE)

    async def ended(self) -> None:
        await self.until(lambda: bool(self.room.cards) and self.room.card.status is SessionStatus.ENDED)

    async def until(self, holds: Callable[[], bool], within: float = 120.0) -> None:
        """Wait in virtual time; fails with what the room shows when it takes too long."""
        try:
            async with asyncio.timeout(within):
                while not holds():
                    await asyncio.sleep(within / 2_400)
        except TimeoutError:
            shown = [card.note for card in self.room.cards.values()]
            raise AssertionError(f"cards {shown}, said {self.room.finals}, replies {self.room.replies}") from None

"""What was missed is heard first, and what is heard live waits for it no longer than that takes, or ten seconds."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from adapters.discord.client import Rest
from adapters.discord.conversations import HELD_S, Backfill, Payload
from bot.domain.conversations import ConversationRef
from bot.domain.errors import StoreUnavailable
from bot.testing.virtual_time import run_virtual

PLACE, QUIET = (ConversationRef("discord", "1", channel) for channel in ("2", "3"))
FIRST, MISSED, NEXT, LIVE = 10, 11, 12, 13


class History(Rest):
    """Messages of a channel, the newest first; each look takes so many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__(lambda: None)
        self.seconds = seconds

    async def call(self, *_: Any, **__: Any) -> Any:
        await asyncio.sleep(self.seconds)
        return [{"id": str(each)} for each in (NEXT, MISSED, FIRST)]


@dataclass
class Gap:
    """Somebody said `MISSED` and `NEXT` while nobody listened, and `LIVE` as a session began. Looks take `seconds`."""

    seconds: float = 0.0
    known: bool = True
    heard: list[int] = field(default_factory=list)
    refused: int = 0
    """The first so many are not taken."""

    async def talks(self, _shards: Collection[int]) -> Mapping[ConversationRef, int]:
        if not self.known:
            raise StoreUnavailable("Not now.")
        return {PLACE: FIRST}

    async def hear(self, _place: ConversationRef, message: Payload) -> bool:
        if self.refused:
            self.refused -= 1
            return False
        self.heard.append(int(message["id"]))
        return True

    async def gone(self, _place: ConversationRef) -> None: ...

    async def live(self, place: ConversationRef = PLACE) -> float:
        """Seconds that what is heard live waited."""
        backfill = Backfill(History(self.seconds), self.talks, self.hear, self.gone)
        began = asyncio.get_running_loop().time()
        await backfill.note(0)
        running = asyncio.create_task(backfill.run())
        backfill.missed(0)
        await backfill.caught_up(0, place)
        self.heard.append(LIVE)
        running.cancel()
        await asyncio.wait([running])
        return asyncio.get_running_loop().time() - began


def test_what_was_missed_is_heard_first() -> None:
    gap = Gap(seconds=2)

    assert run_virtual(gap.live()) == 2
    assert gap.heard == [MISSED, NEXT, LIVE]


def test_it_waits_ten_seconds_at_most() -> None:
    gap = Gap(seconds=60)

    assert run_virtual(gap.live()) == HELD_S
    assert gap.heard == [LIVE]


def test_it_waits_no_longer_where_gaps_are_not_known() -> None:
    assert run_virtual(Gap(known=False).live()) == HELD_S


def test_where_nothing_was_missed_nobody_waits() -> None:
    assert run_virtual(Gap(seconds=60).live(QUIET)) == 0


def test_what_follows_one_not_taken_waits_with_it() -> None:
    gap = Gap(refused=1)

    assert run_virtual(gap.live()) == 5
    assert gap.heard == [MISSED, NEXT, LIVE]

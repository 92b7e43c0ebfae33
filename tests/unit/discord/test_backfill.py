"""What was missed is heard first, and what is heard live waits for it no longer than that takes, or thirty seconds."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from adapters.discord.backfill import HELD_S, LOOK_AGAIN_FIRST, Backfill, Payload
from adapters.discord.client import Rest
from bot.domain.conversations import ConversationRef
from bot.domain.errors import PlaceGone, PlatformError, StoreUnavailable
from bot.tasks import cancel_and_wait
from bot.testing.virtual_time import run_virtual

PLACE, QUIET = (ConversationRef("discord", "1", channel) for channel in ("2", "3"))
FIRST, MISSED, NEXT, LIVE = 10, 11, 12, 13


class History(Rest):
    """Messages of a channel, the newest first; each look takes so many seconds, or fails."""

    def __init__(self, seconds: float, *, told: bool) -> None:
        super().__init__(lambda: None)
        self.seconds = seconds
        self.told = told
        self.gone = False

    async def call(self, *_: Any, **__: Any) -> Any:
        await asyncio.sleep(self.seconds)
        if self.gone:
            raise PlaceGone("That channel is gone.")
        if not self.told:
            raise PlatformError("Not now.")
        return [{"id": str(each)} for each in (NEXT, MISSED, FIRST)]


@dataclass
class Gap:
    """Somebody said `MISSED` and `NEXT` while nobody listened, and `LIVE` as a session began. Looks take `seconds`."""

    seconds: float = 0.0
    known: bool = True
    told: bool = True
    """Whether Discord tells what was said."""
    heard: list[int] = field(default_factory=list)
    left: int = 0
    """How often it was left."""
    refused: int = 0
    """The first so many are not taken."""
    caught_up: bool = False
    """What the live one was told."""

    async def talks(self, shards: Collection[int]) -> Mapping[ConversationRef, int]:
        if not self.known:
            raise StoreUnavailable("Not now.")
        return {PLACE: FIRST} if shards else {}

    async def hear(self, _place: ConversationRef, message: Payload) -> bool:
        if self.refused:
            self.refused -= 1
            return False
        self.heard.append(int(message["id"]))
        return True

    async def gone(self, _place: ConversationRef) -> None:
        if not self.known:
            raise StoreUnavailable("Not now.")
        self.left += 1

    async def live(self, place: ConversationRef = PLACE) -> float:
        """Seconds that what is heard live waited."""
        backfill = Backfill(History(self.seconds, told=self.told), self.talks, self.hear, self.gone)
        began = asyncio.get_running_loop().time()
        await backfill.note(0)
        running = asyncio.create_task(backfill.run())
        backfill.missed(0)
        self.caught_up = await backfill.caught_up(0, place)
        self.heard.append(LIVE)
        await cancel_and_wait(running)
        return asyncio.get_running_loop().time() - began


def test_what_was_missed_is_heard_first() -> None:
    gap = Gap(seconds=2)

    assert run_virtual(gap.live()) == 2
    assert gap.heard == [MISSED, NEXT, LIVE]
    assert gap.caught_up


def test_it_waits_thirty_seconds_at_most() -> None:
    gap = Gap(seconds=60)

    assert run_virtual(gap.live()) == HELD_S
    assert gap.heard == [LIVE]
    assert not gap.caught_up  # it is among what will be looked up


def test_it_does_not_wait_for_what_discord_does_not_tell() -> None:
    gap = Gap(told=False)

    assert run_virtual(gap.live()) == 0
    assert gap.caught_up  # nobody counts on a look


def test_a_new_gap_is_looked_up_at_once_whatever_waits() -> None:
    async def seconds() -> float:
        gap = Gap(told=False)
        backfill = Backfill(History(0, told=False), gap.talks, gap.hear, gap.gone)
        running = asyncio.create_task(backfill.run())
        backfill.missed(0)
        await asyncio.sleep(50)  # between two looks, which are far apart by now
        began = asyncio.get_running_loop().time()
        await backfill.note(1)
        backfill.missed(1)
        await backfill.caught_up(1, PLACE)
        await cancel_and_wait(running)
        return asyncio.get_running_loop().time() - began

    assert run_virtual(seconds()) == 0


def test_it_waits_no_longer_where_gaps_are_not_known() -> None:
    assert run_virtual(Gap(known=False).live()) == HELD_S


async def said_while_the_database_was_away(place: ConversationRef) -> list[int]:
    """What was heard in all; the last is heard live, ten seconds later, as the database is back."""
    gap = Gap(known=False)
    backfill = Backfill(History(0, told=True), gap.talks, gap.hear, gap.gone)
    running = asyncio.create_task(backfill.run())
    for message in (NEXT, LIVE):
        assert await backfill.caught_up(0, place)  # nobody counts on a look: nothing may go on there
        backfill.unheard(0, place, message)
        await asyncio.sleep(5)
        gap.known = message == LIVE
    await backfill.caught_up(0, place)
    gap.heard.append(LIVE)
    await cancel_and_wait(running)
    return gap.heard


def test_what_nobody_took_is_looked_up_where_something_goes_on() -> None:
    assert run_virtual(said_while_the_database_was_away(PLACE)) == [NEXT, LIVE]
    assert run_virtual(said_while_the_database_was_away(QUIET)) == [LIVE]


def test_a_place_gone_is_left_though_the_database_fails() -> None:
    async def left() -> list[int]:
        gap, rest = Gap(), History(1, told=True)
        rest.gone = True
        backfill = Backfill(rest, gap.talks, gap.hear, gap.gone)
        running = asyncio.create_task(backfill.run())
        seen = []
        backfill.missed(0)
        for seconds, known in ((0.5, False), (1.0, True), (10.0, True)):
            await asyncio.sleep(seconds)
            gap.known = known
            seen.append(gap.left)
        await cancel_and_wait(running)
        return seen

    assert run_virtual(left()) == [0, 0, 1]


def test_nobody_waits_for_a_shard_that_was_given_up() -> None:
    async def waited() -> float:
        gap = Gap()
        backfill = Backfill(History(0, told=True), gap.talks, gap.hear, gap.gone)
        await backfill.note(0)
        began = asyncio.get_running_loop().time()
        waiting = asyncio.create_task(backfill.caught_up(0, PLACE))
        await asyncio.sleep(1)
        backfill.given_up(0)
        await waiting
        return asyncio.get_running_loop().time() - began

    assert run_virtual(waited()) == 1


def test_where_nothing_was_missed_nobody_waits() -> None:
    assert run_virtual(Gap(seconds=60).live(QUIET)) == 0


def test_what_follows_one_not_taken_waits_with_it() -> None:
    gap = Gap(refused=1)

    assert run_virtual(gap.live()) == LOOK_AGAIN_FIRST
    assert gap.heard == [MISSED, NEXT, LIVE]

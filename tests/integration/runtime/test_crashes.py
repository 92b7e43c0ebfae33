"""Crashes at the worst moments; each was found by killing real processes (tests/acceptance/test_crash.py)."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from adapters.simulator.faults import Fault
from bot.domain.conversations import ConversationRef
from bot.domain.errors import PlatformError
from bot.domain.sessions import EndReason, SessionStatus
from bot.ports.storage.records import Lease
from bot.runtime.lifecycle import SURVIVED
from bot.runtime.session_runner import MOST_DEATHS
from bot.runtime.status_card import ENDINGS
from bot.testing.chat import CHANNEL, FakeChat
from tests.world_fixture import Stack, on_stack


class Interrupted:
    """One call of a kind gets no answer until its process is dead; `after` it has had its effect, or before."""

    def __init__(
        self, room: FakeChat, method: str, strikes: Callable[..., bool] = lambda *_: True, *, after: bool = False
    ) -> None:
        self.hangs = asyncio.Event()
        self.gives_up = asyncio.Event()
        self._strikes = strikes
        (room.after if after else room.before)[method] = self._hang

    async def _hang(self, *args: object) -> None:
        if not self.hangs.is_set() and self._strikes(*args):
            self.hangs.set()
            await self.gives_up.wait()
            raise PlatformError("This process is dead.")


@on_stack()
async def test_a_card_never_goes_on_saying_that_it_says_goodbye(stack: Stack) -> None:
    room = stack.room
    goodbye = Interrupted(room, "update_card", lambda _thread, _ref, card: card.status is SessionStatus.ENDED)
    async with stack.serving():
        await room.command("start")
        await stack.live()
        await room.command("stop", room.thread)
        await goodbye.hangs.wait()
        stack.crash()
        goodbye.gives_up.set()
    async with stack.serving():
        await stack.ended()
    assert stack.hosted == []


@on_stack()
async def test_a_posted_card_that_was_not_recorded_is_adopted(stack: Stack) -> None:
    room = stack.room
    card = Interrupted(room, "post_card", after=True)
    async with stack.serving():
        await room.command("start")
        await card.hangs.wait()
        stack.crash()
        card.gives_up.set()
    async with stack.serving():
        await stack.live()
        assert len(room.cards) == 1


@on_stack()
async def test_speech_behind_a_slow_post_reaches_the_transcript(stack: Stack) -> None:
    room = stack.room
    line = Interrupted(room, "post")
    async with stack.serving() as service:
        await room.command("start")
        await stack.live()
        for number in range(2):
            await room.say(f"Number {number}?", room.thread)
            await stack.until(lambda: len(stack.spoken) > number)  # noqa: B023
        spoken = service.services.metrics.turns.labels("spoken")
        await stack.until(lambda: spoken._value.get() == 2)
        stack.crash()
        line.gives_up.set()
    async with stack.serving():
        await stack.until(lambda: len(room.finals) == 2)
    assert "[connection lost]" not in " ".join(room.finals)


@on_stack()
async def test_a_closing_room_is_not_rejoined(stack: Stack) -> None:
    """Whoever meant to close it may still do so."""
    async with stack.serving() as service:
        await stack.room.command("start")
        await stack.live()
        storage, session_id = service.services.storage, stack.room.card.session_id
        (row,) = await storage.provider_sessions.unclosed(session_id)
        async with storage.fenced(Lease(session_id, service.worker.lease.id, 1)) as run:
            run.closing(row.id)
        stack.crash()
    async with stack.serving():
        await stack.until(lambda: [session.id for session in stack.hosted] not in ([], [row.provider_id]))
        await stack.room.say("Hello", stack.room.thread)
        await stack.until(lambda: len(stack.room.finals) == 1)
        assert len(stack.hosted) == 1


@on_stack()
async def test_what_nobody_waited_for_is_not_bought_again(stack: Stack) -> None:
    """As after a night without the service, and of a copy of yesterday's database."""
    async with stack.serving():
        await stack.room.command("start")
        await stack.live()
        stack.crash()
    await asyncio.sleep(timedelta(hours=8).total_seconds())
    async with stack.serving():
        await stack.until(lambda: stack.room.card.status is SessionStatus.SLEEPING)
        assert len(list(stack.simulator.sessions)) == 1
        await stack.room.say("Good morning", stack.room.thread)
        await stack.live()


async def dies_of_it(stack: Stack, *, after: float) -> None:
    async with stack.serving():
        await stack.live()
        await asyncio.sleep(after)
        stack.crash()


@on_stack()
async def test_what_kills_each_process_that_runs_it_is_ended(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start")
        await stack.live()
        stack.crash()
    for _ in range(MOST_DEATHS - 1):
        await dies_of_it(stack, after=1)
    async with stack.serving():
        await stack.ended()
        assert stack.room.card.note == ENDINGS[EndReason.ERROR]
    assert stack.hosted == []


@on_stack()
async def test_who_ran_beside_what_kills_is_kept(stack: Stack) -> None:
    innocents, killer = [], ""
    async with stack.serving():
        for number in range(3):
            await stack.room.command("start", ConversationRef("fake", "W1", f"C{number}"))
            await stack.until(lambda: len(stack.room.cards) > number)  # noqa: B023 - within the loop
            await stack.live()
            innocents += [killer] if killer else []
            killer = stack.room.card.session_id
        stack.crash()
    for _ in range(MOST_DEATHS - 1):
        async with stack.serving() as service:
            await stack.until(lambda: service.worker.lease_of(killer) is not None)
            await asyncio.sleep(1)
            stack.crash()
    async with stack.serving() as service:
        await stack.until(lambda: killer in ended_cards(stack))
        await stack.until(lambda: service.worker.hosted == len(innocents))
        assert ended_cards(stack) == {killer: ENDINGS[EndReason.ERROR]}


@on_stack()
async def test_who_is_only_being_closed_keeps_no_suspect_waiting(stack: Stack) -> None:
    async with stack.serving():
        for number in range(2):
            await stack.room.command("start", CHANNEL.in_thread(f"t{number}"))
            await stack.until(lambda: len(stack.room.cards) > number)  # noqa: B023 - within the loop
            await stack.live()
        stack.crash()
    for _ in range(MOST_DEATHS - 2):
        async with stack.serving() as service:
            await stack.until(lambda: service.worker.hosted == 2)
            stack.crash()
    async with stack.serving() as service:
        await stack.until(lambda: service.worker.hosted == 1)
        stack.simulator.faults.queue("session/close", *[Fault(status=500)] * 100)
        await stack.room.command("stop", CHANNEL.in_thread("t0"))
        await stack.until(lambda: service.worker.hosted == 2, 20)


def ended_cards(stack: Stack) -> dict[str, str]:
    return {card.session_id: card.note for card in stack.room.cards.values() if card.status is SessionStatus.ENDED}


@on_stack()
async def test_what_processes_survive_for_a_while_goes_on(stack: Stack) -> None:
    """Somebody kills one after another."""
    async with stack.serving():
        await stack.room.command("start")
        await stack.live()
        stack.crash()
    for _ in range(MOST_DEATHS):
        await dies_of_it(stack, after=SURVIVED + 4)
    async with stack.serving():
        await stack.live()
        await stack.room.say("Hello", stack.room.thread)
        await stack.until(lambda: len(stack.room.finals) == 1)


@on_stack()
async def test_a_posted_line_that_was_not_recorded_is_found(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start")
        await stack.live()
        stack.room.late_faults["post"] = [PlatformError("The connection broke.")]
        await stack.room.say("Hello", stack.room.thread)
        await stack.until(lambda: bool(stack.room.lines))
        stack.crash()
    async with stack.serving():
        await stack.room.say("And again", stack.room.thread)
        await stack.until(lambda: len(stack.room.lines) > 1)
    posted = [post.key for post in stack.room.posts]
    assert len(posted) == len(set(posted))

"""Whoever is to be told something is told once, and nobody is forgotten because the platform failed."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from bot.domain.conversations import (
    ConversationRef,
    Inbound,
    Membership,
    MessagePosted,
    MessageRef,
    Person,
    ReplyTo,
    Role,
)
from bot.domain.errors import PlaceGone, PlatformError, Throttled
from bot.ports.storage.records import SAY, Conclusion, InboxOutcome, Lease, NewRow, ProcessProfile
from bot.ports.storage.transactions import Settlement
from bot.runtime.outbox import AGAIN, AT_ONCE, BEGUN_WITHIN, CLAIMED_FOR, GIVE_UP, LOOK_EVERY, Outbox
from bot.storage.memory import MemoryStorage
from bot.testing.chat import ANN, CHANNEL, FakeChat
from bot.testing.chat_platform import FakeChatPlatform
from bot.testing.virtual_time import LoopClock, run_virtual
from tests.stored import started

BEN = Person("ben", "Ben", Membership.MEMBER)


async def a_moment(*_: object) -> None:
    """What a platform takes over every answer."""
    await asyncio.sleep(0.1)


class Office:
    """A storage in which somebody is to be told something, and a room to tell it in."""

    def __init__(self, storage: MemoryStorage, lease: Lease) -> None:
        self.storage = storage
        self._lease = lease
        self.clock = LoopClock()
        self.room = FakeChat(clock=self.clock)
        self.room.before["reply"] = a_moment
        platform = FakeChatPlatform(self.room)
        self.wakeup = asyncio.Event()
        services = SimpleNamespace(
            storage=storage,
            platforms={"fake": platform},
            platform=lambda _place: platform,
            clock=self.clock,
            replies_due=self.wakeup,
        )
        enlisted = asyncio.Event()
        enlisted.set()
        self.replies = Outbox(services, enlisted)  # type: ignore[arg-type] # all that it needs of the services
        self.other_process = Outbox(services, enlisted)  # type: ignore[arg-type] # on the same storage
        self._numbers = 0

    @asynccontextmanager
    async def telling(self, *also: Outbox) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(each.run()) for each in (self.replies, *also)]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    async def owe(self, sentence: str, person: Person = ANN, place: ConversationRef = CHANNEL) -> None:
        """Something of theirs has an outcome that they do not know yet."""
        self._numbers += 1
        row_id = f"row{self._numbers}"
        said = MessagePosted("Hello", MessageRef(place, row_id))
        inbound = Inbound(row_id, self._numbers, place, person, said, ReplyTo(place, person, "handle", None, 5))
        row = NewRow(row_id, "s", inbound, SAY, {"text": "Hello"}, said.message, Role.MEMBER)

        settlement = Settlement([Conclusion(row_id, InboxOutcome.UNHEARD, sentence)], [row])
        async with self.storage.fenced(self._lease) as run:
            run.settle(lambda _: settlement)
        self.wakeup.set()

    async def due(self) -> list[str]:
        rows = await self.storage.inbox.claim_replies(("fake",), 50, "looks", lasts=timedelta())
        return [row.sentence for row in rows]


Story = Callable[[Office], Coroutine[Any, Any, None]]


@pytest.fixture
def play() -> Callable[[Story], None]:
    """Plays a story in virtual time, on a session that exists."""

    async def main(story: Story) -> None:
        storage = MemoryStorage(LoopClock())
        await started(storage, "s")
        await storage.workers.enlist("w", ProcessProfile(), lasts=None)
        (lease,) = await storage.workers.claim("w", room=1)
        await story(Office(storage, lease))

    return lambda story: run_virtual(main(story))


def test_each_is_told_once_in_their_order(play: Callable[[Story], None]) -> None:
    async def story(application_client: Office) -> None:
        async with application_client.telling():
            await application_client.owe("First.")
            await application_client.owe("Second.", BEN)
            await asyncio.sleep(2 * LOOK_EVERY)
        assert application_client.room.replies == [("ann", "First."), ("ben", "Second.")]
        assert await application_client.due() == []

    play(story)


def test_two_processes_tell_nobody_the_same(play: Callable[[Story], None]) -> None:
    async def story(office: Office) -> None:
        for number in range(AT_ONCE + 5):
            await office.owe(f"Number {number}.")
        async with office.telling(office.other_process):
            await asyncio.sleep(2 * LOOK_EVERY)
        assert sorted(office.room.answers()) == sorted(f"Number {number}." for number in range(AT_ONCE + 5))

    play(story)


def test_what_a_dead_process_had_claimed_is_told(play: Callable[[Story], None]) -> None:
    async def story(office: Office) -> None:
        await office.owe("Sorry.")
        await office.storage.inbox.claim_replies(("fake",), 1, "the dead", lasts=CLAIMED_FOR)
        async with office.telling():
            await asyncio.sleep(CLAIMED_FOR.total_seconds() - 1)
            assert office.room.replies == []
            await asyncio.sleep(1 + LOOK_EVERY)
        assert office.room.replies == [("ann", "Sorry.")]

    play(story)


def test_slow_replies_are_left_to_others_in_time(play: Callable[[Story], None]) -> None:
    async def story(office: Office) -> None:
        async def slowly(*_: object) -> None:
            await asyncio.sleep(BEGUN_WITHIN)

        office.room.before["reply"] = slowly
        for number in range(4):
            await office.owe(f"Number {number}.")
        async with office.telling(office.other_process):
            await asyncio.sleep(5 * BEGUN_WITHIN + LOOK_EVERY)
        assert sorted(office.room.answers()) == [f"Number {number}." for number in range(4)]

    play(story)


def test_the_last_look_does_not_repeat_what_is_being_told(play: Callable[[Story], None]) -> None:
    async def story(application_client: Office) -> None:
        for number in range(3):
            await application_client.owe(f"Number {number}.")
        async with application_client.telling():
            await asyncio.sleep(0.05)  # in the middle of the first
            await application_client.replies.drain(5.0)
        assert application_client.room.answers() == ["Number 0.", "Number 1.", "Number 2."]
        assert await application_client.due() == []

    play(story)


def test_told_while_the_database_goes_away_is_told_once(play: Callable[[Story], None]) -> None:
    async def story(office: Office) -> None:
        async def goes_away(*_: object) -> None:
            office.storage.data.inbox.updates_fail = True

        office.room.after["reply"] = goes_away
        await office.owe("Sorry.")
        async with office.telling(office.other_process):
            await asyncio.sleep(12)
            office.storage.data.inbox.updates_fail = False
            await asyncio.sleep(CLAIMED_FOR.total_seconds() + LOOK_EVERY)
        assert office.room.replies == [("ann", "Sorry.")]
        assert await office.due() == []

    play(story)


def test_who_tells_ends_when_cancelled_without_its_database(play: Callable[[Story], None]) -> None:
    async def story(office: Office) -> None:
        for number in range(2):
            await office.owe(f"Number {number}.")
        telling = asyncio.create_task(office.replies.run())
        await asyncio.sleep(0.05)  # in the middle of the first
        office.storage.data.inbox.updates_fail = True
        telling.cancel()
        await asyncio.wait((telling,), timeout=LOOK_EVERY)
        assert telling.cancelled()

    play(story)


def test_out_of_time_told_outcomes_are_recorded(play: Callable[[Story], None]) -> None:
    async def story(application_client: Office) -> None:
        for number in range(3):
            await application_client.owe(f"Number {number}.")
        await application_client.replies.drain(0.15)
        assert application_client.room.answers() == ["Number 0."]
        assert await application_client.due() == ["Number 1.", "Number 2."]

    play(story)


@pytest.mark.parametrize(
    "fault", [PlatformError("It is away."), RuntimeError("a fault of ours"), Throttled(3.0)], ids=repr
)
def test_whoever_could_not_be_told_is_told_later(play: Callable[[Story], None], fault: Exception) -> None:
    async def story(application_client: Office) -> None:
        application_client.room.faults["reply"] = [fault]
        async with application_client.telling():
            await application_client.owe("Sorry.")
            await application_client.owe("And you.", BEN)
            await asyncio.sleep(AGAIN.total_seconds() + LOOK_EVERY)
        assert sorted(application_client.room.replies) == [("ann", "Sorry."), ("ben", "And you.")]

    play(story)


def test_whose_place_is_gone_is_not_tried_again(play: Callable[[Story], None]) -> None:
    async def story(application_client: Office) -> None:
        application_client.room.faults["reply"] = [PlaceGone("The channel was deleted.")]
        await application_client.owe("Sorry.")
        await application_client.replies.drain(5.0)
        assert application_client.room.replies == []
        assert await application_client.due() == []

    play(story)


def test_what_would_only_puzzle_is_given_up(play: Callable[[Story], None]) -> None:
    async def story(application_client: Office) -> None:
        await application_client.owe("Sorry.")
        await asyncio.sleep((GIVE_UP + timedelta(seconds=1)).total_seconds())
        application_client.room.faults["reply"] = [PlatformError("It is away.")]
        await application_client.replies.drain(5.0)
        assert application_client.room.replies == []
        assert await application_client.due() == []

    play(story)


def test_who_is_slowed_down_holds_up_only_their_own_workspace(play: Callable[[Story], None]) -> None:
    async def story(application_client: Office) -> None:
        application_client.room.faults["reply"] = [Throttled(20.0)]
        await application_client.owe("First.")
        await application_client.owe("Second.")
        await application_client.owe("Elsewhere.", BEN, ConversationRef("fake", "W2", "C1"))
        async with application_client.telling():
            await asyncio.sleep(5.0)
            assert application_client.room.replies == [("ben", "Elsewhere.")]
            await asyncio.sleep(16.0)
        assert application_client.room.replies[1:] == [("ann", "First."), ("ann", "Second.")]

    play(story)

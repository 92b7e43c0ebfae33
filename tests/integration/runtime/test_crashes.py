"""Crashes at the worst moments; each was found by killing real processes (tests/acceptance/test_crash.py)."""

import asyncio
from datetime import datetime

from bot.domain.cards import Card, Opened
from bot.domain.conversations import ConversationRef, MessageRef
from bot.domain.errors import PlatformError
from bot.domain.sessions import SessionStatus
from bot.domain.transcript import TranscriptLine
from bot.storage import provider_sessions
from bot.storage.records import Lease
from tests.chat_room import ChatRoom
from tests.world_fixture import Stack, on_stack


class HangingRoom(ChatRoom):
    """The first card that says *ended* never gets there."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.hangs = asyncio.Event()
        self.gives_up = asyncio.Event()

    async def update_card(self, card_ref: MessageRef, thread: ConversationRef, card: Card) -> MessageRef:
        if card.status is SessionStatus.ENDED and not self.hangs.is_set():
            self.hangs.set()
            await self.gives_up.wait()
            raise PlatformError("This process is dead.")
        return await super().update_card(card_ref, thread, card)


@on_stack()
async def test_a_card_never_goes_on_saying_that_it_says_goodbye(stack: Stack) -> None:
    room = stack.room = HangingRoom()
    async with stack.serving():
        await room.command("start")
        await stack.live()
        await room.command("stop", room.thread)
        await room.hangs.wait()
        stack.crash()
        room.gives_up.set()
    async with stack.serving():
        await stack.ended()
    assert stack.hosted == []


class ForgetfulRoom(ChatRoom):
    """Posts the first card, and never says where."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.posted = asyncio.Event()
        self.gives_up = asyncio.Event()

    async def post_card(self, place: ConversationRef, card: Card, *, since: datetime | None = None) -> Opened:
        opened = await super().post_card(place, card, since=since)
        if not self.posted.is_set():
            self.posted.set()
            await self.gives_up.wait()
            raise PlatformError("This process is dead.")
        return opened


@on_stack()
async def test_a_card_that_was_posted_and_not_written_down_is_taken_up(stack: Stack) -> None:
    room = stack.room = ForgetfulRoom()
    async with stack.serving():
        await room.command("start")
        await room.posted.wait()
        stack.crash()
        room.gives_up.set()
    async with stack.serving():
        await stack.live()
        assert len(room.cards) == 1


class StuckRoom(ChatRoom):
    """The first line never gets there, and whatever comes behind it waits."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.gives_up = asyncio.Event()

    async def post(self, thread: ConversationRef, line: TranscriptLine, key: str) -> MessageRef:
        if not self.gives_up.is_set():
            await self.gives_up.wait()
            raise PlatformError("This process is dead.")
        return await super().post(thread, line, key)


@on_stack()
async def test_what_was_spoken_behind_a_post_that_takes_long_is_in_the_transcript(stack: Stack) -> None:
    room = stack.room = StuckRoom()
    async with stack.serving() as service:
        await room.command("start")
        await stack.live()
        for number in range(2):
            await room.say(f"Number {number}?", room.thread)
            await stack.until(lambda: len(stack.spoken) > number)  # noqa: B023
        spoken = service.services.metrics.turns.labels("spoken")
        await stack.until(lambda: spoken._value.get() == 2)
        stack.crash()
        room.gives_up.set()
    async with stack.serving():
        await stack.until(lambda: len(room.finals) == 2)
    assert "[connection lost]" not in " ".join(room.finals)


@on_stack()
async def test_a_room_that_was_about_to_be_closed_is_not_joined_again(stack: Stack) -> None:
    """Whoever meant to close it may still do so."""
    async with stack.serving() as service:
        await stack.room.command("start")
        await stack.live()
        store, session_id = service.services.store, stack.room.card.session_id
        (row,) = await store.read(lambda c: provider_sessions.unclosed(c, store.cipher, session_id))
        lease = Lease(session_id, service.worker.lease.id, 1)
        await store.write(lambda c: provider_sessions.closing(c, lease, row.id))
        stack.crash()
    async with stack.serving():
        await stack.until(lambda: [session.id for session in stack.hosted] not in ([], [row.provider_id]))
        await stack.room.say("Hello", stack.room.thread)
        await stack.until(lambda: len(stack.room.finals) == 1)
        assert len(stack.hosted) == 1


@on_stack()
async def test_a_line_that_was_posted_and_not_written_down_is_found(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start")
        await stack.live()
        stack.room.faults["post after"] = [PlatformError("The connection broke.")]
        await stack.room.say("Hello", stack.room.thread)
        await stack.until(lambda: bool(stack.room.messages))
        stack.crash()
    async with stack.serving():
        await stack.room.say("And again", stack.room.thread)
        await stack.until(lambda: len(stack.room.messages) > 1)
    posted = [shown.key for shown in stack.room.messages.values()]
    assert len(posted) == len(set(posted))

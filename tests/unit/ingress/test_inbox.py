"""The way in says of each inbound whether it was taken, whatever the database does meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager

import pytest

from bot.commands.policy import Policy
from bot.domain.conversations import Accepted, Command, ConversationRef, Duplicate, Inbound
from bot.domain.errors import StoreUnavailable
from bot.ingress.inbox import COMMIT_WITHIN, Inbox
from bot.ports.storage.records import InboxRecord
from bot.runtime.funding import Funding
from bot.storage.memory import MemoryStorage
from bot.testing.chat import ANN, CHANNEL
from bot.testing.virtual_time import LoopClock, run_virtual


class RecordingRuns:
    """`Runs` that keep what they are told."""

    def __init__(self) -> None:
        self.rows: list[InboxRecord] = []
        self.channels: list[ConversationRef] = []
        self.claims = 0

    def hand_over(self, row: InboxRecord) -> None:
        self.rows.append(row)

    def look_again(self, session_id: str) -> None:
        raise AssertionError(session_id)

    def claimable(self) -> None:
        self.claims += 1

    def hosts(self, channel: ConversationRef) -> bool:
        return False

    def changed(self, channel: ConversationRef) -> None:
        self.channels.append(channel)


Story = Callable[[Inbox, RecordingRuns], Coroutine[None, None, None]]


def start(event_id: str = "e1") -> Inbound:
    return Inbound(event_id, 1, CHANNEL, ANN, Command("start"))


def with_inbox(story: Story) -> None:
    """Tell a story of an inbox that nobody runs yet, in virtual time."""

    async def main() -> None:
        runs, storage = RecordingRuns(), MemoryStorage(LoopClock())
        await story(Inbox(storage, Policy(), Funding(storage.channels, lambda *_: True), runs), runs)

    run_virtual(main())


@asynccontextmanager
async def running(inbox: Inbox) -> AsyncIterator[None]:
    task = asyncio.create_task(inbox.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait((task,))


def test_what_is_not_taken_within_two_seconds_never_is() -> None:
    async def story(inbox: Inbox, runs: RecordingRuns) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        with pytest.raises(StoreUnavailable, match="Please try again"):
            await inbox.accept(start())
        assert loop.time() - began == pytest.approx(COMMIT_WITHIN, abs=0.01)
        async with running(inbox):
            assert isinstance(await inbox.accept(start()), Accepted)  # the same event: it was not taken before
        assert len(runs.rows) == 1

    with_inbox(story)


def test_leaving_before_the_commit_takes_nothing() -> None:
    async def story(inbox: Inbox, runs: RecordingRuns) -> None:
        gone = asyncio.create_task(inbox.accept(start("gone")))
        stays = asyncio.create_task(inbox.accept(start("stays")))
        await asyncio.sleep(0)
        gone.cancel()
        async with running(inbox):
            assert isinstance(await stays, Accepted)
        assert len(runs.rows) == 1

    with_inbox(story)


def test_whoever_leaves_during_the_commit_is_taken_and_harms_nobody() -> None:
    async def story(inbox: Inbox, runs: RecordingRuns) -> None:
        async with running(inbox):
            gone = asyncio.create_task(inbox.accept(start("gone")))
            await until(lambda: bool(inbox._queue))
            await until(lambda: not inbox._queue)  # its commit has begun
            gone.cancel()
            assert isinstance(await inbox.accept(start("gone")), Duplicate)
        assert len(runs.rows) == 1

    with_inbox(story)


def test_one_event_in_two_deliveries_at_once_is_taken_once() -> None:
    async def story(inbox: Inbox, runs: RecordingRuns) -> None:
        async with running(inbox):
            first, second = await asyncio.gather(inbox.accept(start()), inbox.accept(start()))
        assert isinstance(first, Accepted)
        assert isinstance(second, Duplicate)
        assert [row.verb for row in runs.rows] == ["start"]

    with_inbox(story)


def test_what_is_taken_is_handed_over_as_it_is_read() -> None:
    async def story(inbox: Inbox, runs: RecordingRuns) -> None:
        async with running(inbox):
            accepted = await inbox.accept(start())
        assert isinstance(accepted, Accepted)
        assert runs.rows == await inbox._storage.inbox.waiting_controls(accepted.session_id)

    with_inbox(story)


async def until(true: Callable[[], bool]) -> None:
    while not true():
        await asyncio.sleep(0)


def test_draining_waits_for_whoever_handed_something_in() -> None:
    async def story(inbox: Inbox, _runs: RecordingRuns) -> None:
        await inbox.drain(60.0)  # nobody has
        accepting = asyncio.create_task(inbox.accept(start()))
        await asyncio.sleep(0)
        draining = asyncio.create_task(inbox.drain(1.0))
        await asyncio.sleep(0.5)
        assert not draining.done()
        async with running(inbox):
            await draining
            assert accepting.done() or isinstance(await accepting, Accepted)

    with_inbox(story)


def test_draining_has_an_end() -> None:
    async def story(inbox: Inbox, _runs: RecordingRuns) -> None:
        accepting = asyncio.create_task(inbox.accept(start()))
        await asyncio.sleep(0)
        await inbox.drain(0.5)
        assert not accepting.done()
        with pytest.raises(StoreUnavailable):
            await accepting

    with_inbox(story)

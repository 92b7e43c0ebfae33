"""A process whose database is away keeps its rooms and is silent in them; who is cut off alone leaves what another has taken over."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import Connection

from bot.app.service import Service
from bot.domain.conversations import ConversationRef, Refused
from bot.domain.errors import StoreUnavailable
from bot.domain.sessions import SessionStatus
from bot.ports.room import RoomConnection
from bot.ports.storage.records import ProcessProfile
from bot.runtime.lease import LEASE
from bot.runtime.worker import ON_LOSS
from bot.storage.connections import Work
from bot.storage.encryption import Cipher
from bot.storage.engine import Store
from bot.storage.sql import SqlStorage
from bot.transcript.posts import FENCE_COUNTS_S
from tests.integration.core.tapped import Tapped
from tests.reachable import Reachable, store_of
from tests.world_fixture import KEY, QUICK, CuttableStore, Stack, T, on_stack

AWAY_S = 12.0
SPEAKS_WITHIN_S = 3.0
LATE_S = 3.0
"""As after a try to connect that was under way when the database came back."""
SLOWLY = replace(QUICK, pace=15.0)
CHANNELS = tuple(ConversationRef("fake", f"W{number}", "C1") for number in (1, 2))


class Counted(Tapped):
    """Counts who leaves."""

    left = 0

    async def leave(self) -> None:
        Counted.left += 1
        await self.connection.leave()


def counting(stack: Stack) -> Callable[..., RoomConnection]:
    Counted.left = 0
    return lambda credentials: Counted(stack.simulator.connect(credentials))


async def all_live(stack: Stack) -> list[ConversationRef]:
    """The threads of the sessions, each of its own workspace."""
    threads = []
    for channel in CHANNELS:
        started = len(stack.room.cards)
        await stack.room.command("start", channel)
        await stack.until(lambda: len(stack.room.cards) > started)  # noqa: B023 - within the loop
        await stack.live()
        threads.append(stack.room.thread)
    return threads


def answered(stack: Stack, text: str) -> bool:
    return any(text in line for line in stack.room.finals)


@on_stack(SLOWLY)
async def test_without_its_database_a_process_keeps_its_rooms(stack: Stack) -> None:
    stack.tap = counting(stack)
    async with stack.serving(alone=False, kind=Reachable) as service:
        threads = await all_live(stack)
        store, lease = store_of(stack), service.worker.lease.id
        store.away = True
        outcome = await stack.room.say("Repeat after me: lost.", threads[0])
        await asyncio.sleep(AWAY_S)
        assert isinstance(outcome, Refused)
        assert not service.worker.lease.held
        assert (Counted.left, service.worker.hosted) == (0, len(threads))
        store.away = False
        back = asyncio.get_running_loop().time()
        for number, thread in enumerate(threads):
            while isinstance(await stack.room.say(f"Repeat after me: number {number}.", thread), Refused):
                await asyncio.sleep(0.1)
        await stack.until(lambda: len(stack.spoken) == len(threads))
        assert asyncio.get_running_loop().time() - back <= SPEAKS_WITHIN_S
        await stack.until(lambda: all(answered(stack, f"number {number}.") for number in range(len(threads))))
        assert service.worker.lease.id == lease
        assert Counted.left == 0
    assert len(list(stack.simulator.sessions)) == len(threads)
    assert stack.given_up == []


@on_stack(SLOWLY)
async def test_what_is_said_while_the_database_is_away_is_kept(stack: Stack) -> None:
    async with stack.serving(alone=False, kind=Reachable):
        await stack.room.command("start")
        await stack.live()
        await stack.room.say("Repeat after me: this is long enough to be heard for a while.", stack.room.thread)
        await stack.until(lambda: len(stack.spoken) == 1)
        store, posted = store_of(stack), len(stack.room.lines)
        store.away = True
        await asyncio.sleep(AWAY_S)
        assert len(stack.room.lines) <= posted + 1, "no row, no post"
        store.away = False
        await stack.until(lambda: answered(stack, "for a while."), SPEAKS_WITHIN_S + 3)
        assert "connection lost" not in " ".join(stack.room.finals)


@on_stack()
async def test_no_room_is_bought_without_the_database(stack: Stack) -> None:
    """What was paid for ends by itself; nobody came back, so that nothing is bought once the database is there either."""
    async with stack.serving(alone=False, kind=Reachable):
        await stack.room.command("start")
        await stack.live()
        store_of(stack).away = True
        await asyncio.sleep(1_200)
        assert stack.hosted == []
        store_of(stack).away = False
        await stack.until(lambda: stack.room.card.status is SessionStatus.SLEEPING)
    assert len(list(stack.simulator.sessions)) == 1


async def beside(stack: Stack, processes: AsyncExitStack) -> tuple[Service, Reachable]:
    service = await processes.enter_async_context(stack.serving(alone=False, kind=Reachable))
    await stack.until(lambda: service.worker.lease.held)
    return service, store_of(stack)


@on_stack(SLOWLY)
async def test_who_is_cut_off_leaves_what_another_took_over(stack: Stack) -> None:
    async with AsyncExitStack() as processes:
        cut_off, store = await beside(stack, processes)
        await stack.room.command("start")
        await stack.live()
        other, _ = await beside(stack, processes)
        store.away = True
        await stack.until(lambda: other.worker.hosted == 1, within=7)
        await stack.room.say("Repeat after me: still here.", stack.room.thread)
        await stack.until(lambda: answered(stack, "still here."))
        store.away = False
        await stack.until(lambda: cut_off.worker.hosted == 0, within=7)
        await stack.until(lambda: cut_off.worker.lease.held)
        await stack.room.say("Repeat after me: and still.", stack.room.thread)
        await stack.until(lambda: answered(stack, "and still."))
        assert (cut_off.worker.hosted, other.worker.hosted) == (0, 1)
        assert [card.status for card in stack.room.cards.values()] == [SessionStatus.LIVE]
    assert len(list(stack.simulator.sessions)) == 1


@on_stack(SLOWLY)
async def test_who_is_back_first_takes_nothing_from_who_follows(stack: Stack) -> None:
    stack.tap = counting(stack)
    async with AsyncExitStack() as processes:
        late, its_store = await beside(stack, processes)
        await all_live(stack)
        first, other_store = await beside(stack, processes)
        its_store.away = other_store.away = True
        await asyncio.sleep(AWAY_S)
        other_store.away = False
        await stack.until(lambda: first.worker.lease.held)
        await asyncio.sleep(LATE_S)
        its_store.away = False
        await stack.until(lambda: late.worker.lease.held)
        await asyncio.sleep(AWAY_S)
        assert (late.worker.hosted, first.worker.hosted, Counted.left) == (len(CHANNELS), 0, 0)


async def taken_over(stack: Stack, other: Store) -> None:
    """Once the lease is over another process has the session, which it does not run."""
    await asyncio.sleep(LEASE.total_seconds() + 1)
    workers = SqlStorage(other, stack.clock).workers
    await workers.enlist("other", ProcessProfile(), lasts=timedelta(hours=1))
    assert len(await workers.claim("other", room=1)) == 1


class StandingStill(CuttableStore):
    """A process that stands still as it writes down that it posts: it hears of that commit when another has its session."""

    still = False

    async def write_late(self, make: Callable[[], Work[T]]) -> T:
        written = await super().write_late(make)
        if self.still and await super().read(_somebody_posts):
            await asyncio.sleep(AWAY_S)
        return written

    async def urgent(self, work: Work[T]) -> T:
        if self.still:
            await asyncio.sleep(3 * AWAY_S)
        return await super().urgent(work)


def _somebody_posts(connection: Connection) -> bool:
    return bool(connection.exec_driver_sql("SELECT count(*) FROM posts WHERE message_id = ''").scalar())


@on_stack(SLOWLY)
async def test_who_stood_still_before_a_post_does_not_make_it(stack: Stack) -> None:
    async with stack.serving(alone=False, kind=StandingStill), Store.open(stack.url, Cipher((KEY,))) as other:
        await stack.room.command("start")
        await stack.live()
        store = stack.stores[0]
        assert isinstance(store, StandingStill)
        store.still = True
        await stack.room.say("Repeat after me: not twice.", stack.room.thread)
        await stack.until(lambda: len(stack.spoken) == 1)
        await taken_over(stack, other)
        await asyncio.sleep(2 * AWAY_S)
        assert [line.text for line in stack.room.lines if "not twice." in line.text] == []
        store.still = False


class RenewingLate(CuttableStore):
    """A process that is cut off as it writes down that it posts, and is back when another has its session: it hears of that commit once
    its lease is renewed.
    """

    back: asyncio.Event
    renewed: asyncio.Event

    async def write_late(self, make: Callable[[], Work[T]]) -> T:
        cut_off = not self.back.is_set()
        written = await super().write_late(make)
        if cut_off and await super().read(_somebody_posts):
            await self.renewed.wait()
        return written

    async def urgent(self, work: Work[T]) -> T:
        if not self.back.is_set():
            raise StoreUnavailable("It is away.")
        done = await super().urgent(work)
        self.renewed.set()
        return done


@on_stack(SLOWLY)
async def test_who_renewed_late_before_a_post_does_not_make_it(stack: Stack) -> None:
    RenewingLate.back, RenewingLate.renewed = asyncio.Event(), asyncio.Event()
    RenewingLate.back.set()
    async with stack.serving(alone=False, kind=RenewingLate), Store.open(stack.url, Cipher((KEY,))) as other:
        await stack.room.command("start")
        await stack.live()
        RenewingLate.back.clear()
        RenewingLate.renewed.clear()
        await stack.room.say("Repeat after me: not twice.", stack.room.thread)
        await stack.until(lambda: len(stack.spoken) == 1)
        await taken_over(stack, other)
        RenewingLate.back.set()
        await asyncio.sleep(2 * AWAY_S)
        assert RenewingLate.renewed.is_set()
        assert [line.text for line in stack.room.lines if "not twice." in line.text] == []


class SlowlyWriting(CuttableStore):
    """Each commit is heard of late, but for those of the lease."""

    slow = False

    async def write_late(self, make: Callable[[], Work[T]]) -> T:
        written = await super().write_late(make)
        if self.slow:
            await asyncio.sleep(FENCE_COUNTS_S + 0.5)
        return written

    async def urgent(self, work: Work[T]) -> T:
        return await super().write_late(lambda: work)


@on_stack(SLOWLY)
async def test_slow_writes_under_a_lease_that_holds_are_posted(stack: Stack) -> None:
    async with stack.serving(alone=False, kind=SlowlyWriting):
        await stack.room.command("start")
        await stack.live()
        store = stack.stores[0]
        assert isinstance(store, SlowlyWriting)
        store.slow = True
        await stack.room.say("Repeat after me: once.", stack.room.thread)
        await stack.until(lambda: answered(stack, "once."))
        store.slow = False
    assert [line.text for line in stack.room.lines if "once." in line.text] == ["once."]


@on_stack()
async def test_a_process_without_its_database_ends_in_time(stack: Stack) -> None:
    async with stack.serving(alone=False, kind=Reachable):
        await stack.room.command("start")
        await stack.live()
        store_of(stack).away = True
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < 9
    assert stack.given_up == []


class SlowToLeave(Tapped):
    """As slow as a run may be that is asked to end."""

    async def leave(self) -> None:
        await asyncio.sleep(ON_LOSS.asked - 0.1)
        await self.connection.leave()


@on_stack(SLOWLY)
async def test_while_it_leaves_lost_rooms_it_renews_its_lease(stack: Stack) -> None:
    stack.tap = lambda credentials: SlowToLeave(stack.simulator.connect(credentials))
    async with stack.serving(alone=False, kind=Reachable) as service, Store.open(stack.url, Cipher((KEY,))) as other:
        stack.stores.append(other)
        threads, workers = await all_live(stack), SqlStorage(other, stack.clock).workers
        store_of_service, lease = stack.stores[0], service.worker.lease
        assert isinstance(store_of_service, Reachable)
        store_of_service.away = True
        await stack.until(lambda: not lease.held, within=7)
        await workers.enlist("other", ProcessProfile(), lasts=timedelta(hours=1))
        (taken,) = await workers.claim("other", room=1)
        store_of_service.away = False
        await stack.until(lambda: service.worker.hosted == 1, within=7)
        assert service.worker.lease_of(taken.session_id) is None
        await asyncio.sleep(LEASE.total_seconds())
        lapses = service.services.metrics.registry.get_sample_value("avatarbot_leases_lost_total")
        assert (lapses, service.worker.hosted) == (1, len(threads) - 1)

"""A start, a renewal and a stop, with the simulator as the bank: what it charged is compared with the books, whatever went wrong."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import Enum, auto
from typing import Concatenate, ParamSpec, TypeVar

import httpx
from pydantic import SecretStr

from adapters.akool.client import AkoolApi, ApiKey
from adapters.akool.provider import AkoolProvider
from adapters.simulator.http.app import application
from adapters.simulator.options import Options
from adapters.simulator.simulator import Simulator
from bot.app.service import Parts, Service
from bot.commands.policy import Policy
from bot.domain.conversations import Accepted
from bot.domain.errors import StoreAway, StoreUnavailable
from bot.domain.ledger import LedgerAccount, balances
from bot.domain.sessions import SessionStatus
from bot.runtime.services import SessionTimeouts
from bot.storage.memory import MemoryStorage
from bot.storage.memory.rows import Data, MemoryTransaction, MemoryTransactions
from bot.telemetry import new_metrics
from bot.testing.chat import FakeChat
from bot.testing.chat_platform import FakeChatPlatform
from bot.testing.virtual_time import LoopClock, run_virtual

P = ParamSpec("P")
T = TypeVar("T")

MINUTES = 3
RENEWED_WITHIN, ENDED_WITHIN, SETTLED_WITHIN = 200.0, 120.0, 150.0
AWAY_FOR = 25.0
HANGS_FOR = 60.0
RESTARTED_AFTER = 1.0
QUICK = replace(Options(), join_delay=0.2, thinking=0.1, pace=150.0)


class Fault(Enum):
    """What happens at a call to the provider or a transaction: instead of it, or once it has had its effect."""

    REFUSED = auto()
    HANGS = auto()  # of the provider
    AWAY = auto()  # of the database, for a while
    CRASH = auto()
    SHUTDOWN = auto()
    STOP = auto()  # somebody stops the avatar at that moment
    ANSWER_BROKEN = auto()  # with effect, and so are the next three
    ANSWER_LOST = auto()
    CRASH_AFTER = auto()


AT_PROVIDER = tuple(fault for fault in Fault if fault is not Fault.AWAY)
IN_DATABASE = (Fault.REFUSED, Fault.AWAY, Fault.CRASH, Fault.SHUTDOWN, Fault.STOP, Fault.CRASH_AFTER)
Plan = Mapping[int, Fault]

CALLS = frozenset({"session/create", "session/close", "session/detail", "session/list"})
WRITES = frozenset({"FencedBlock._run", "opened", "closing", "closed", "expired", "found", "refuted", "lost"})
POINTS = CALLS | WRITES
"""Where money is spent and written down; what else is asked and polled has no part in it."""


@dataclass
class World:
    """AKOOL, a chat and a database; processes come and go. `points` are the calls and transactions there were, in their order."""

    simulator: Simulator
    clock: LoopClock
    plan: Plan
    room: FakeChat = field(default_factory=FakeChat)
    data: Data = field(default_factory=Data)
    points: list[str] = field(default_factory=list)
    told: asyncio.Event = field(default_factory=asyncio.Event)  # its process is to end
    cut: bool = False
    counting: bool = False
    away_until: float = 0.0
    alone: Counter[str] = field(
        default_factory=Counter
    )  # seconds that a room was paid for and nobody of ours was in it
    stop: asyncio.Event = field(default_factory=asyncio.Event)  # somebody wants it to end

    def reached(self, name: str) -> Fault | None:
        """A point; what is to happen there."""
        if not self.counting or name not in POINTS:
            return None
        self.points.append(name)
        fault = self.plan.get(len(self.points) - 1)
        if fault is Fault.SHUTDOWN:
            self.told.set()
        if fault is Fault.STOP:
            self.stop.set()
        return fault

    def crash(self) -> None:
        self.cut = True
        self.room.listener = None
        self.told.set()

    @property
    def away(self) -> bool:
        return self.cut or asyncio.get_running_loop().time() < self.away_until

    async def watch(self) -> None:
        """Who is in the rooms, second by second, as seen from there."""
        while True:
            await asyncio.sleep(1)
            here = self.simulator.rooms.occupancy()
            for session in self.simulator.sessions:
                if session.open and session.client.uid not in here.get(session.client.channel, ()):
                    self.alone[session.id] += 1


class BankTransport(httpx.ASGITransport):
    """AKOOL goes on with what it was asked for when the process that asked does not."""

    def __init__(self, world: World) -> None:
        super().__init__(application(world.simulator))
        self._world = world

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        world = self._world
        if world.cut:
            raise httpx.ConnectError("this process is dead")
        fault = world.reached(request.url.path.rpartition("liveAvatar/")[2])
        if fault is Fault.CRASH:
            world.crash()
            raise httpx.ConnectError("this process is dead")
        if fault is Fault.REFUSED:
            return httpx.Response(503)
        if fault is Fault.HANGS:
            await asyncio.sleep(HANGS_FOR)
        response = await super().handle_async_request(request)
        if fault is Fault.CRASH_AFTER:
            world.crash()
            raise httpx.ReadError("this process is dead")
        if fault is Fault.ANSWER_LOST:
            await asyncio.sleep(HANGS_FOR)
        return httpx.Response(503) if fault is Fault.ANSWER_BROKEN else response


def transactions_of(world: World) -> type[MemoryTransactions]:
    class BankTransactions(MemoryTransactions):
        async def read(
            self, work: Callable[Concatenate[MemoryTransaction, P], T], /, *args: P.args, **kwargs: P.kwargs
        ) -> T:
            self._require()
            return await super().read(work, *args, **kwargs)

        async def write(
            self, work: Callable[Concatenate[MemoryTransaction, P], T], /, *args: P.args, **kwargs: P.kwargs
        ) -> T:
            fault = None if world.cut else world.reached(work.__qualname__)
            if fault is Fault.CRASH:
                world.crash()
            if fault is Fault.AWAY:
                world.away_until = asyncio.get_running_loop().time() + AWAY_FOR
            self._require(fault)
            result = await super().write(work, *args, **kwargs)
            if fault is Fault.CRASH_AFTER:
                world.crash()
                self._require()
            return result

        @staticmethod
        def _require(fault: Fault | None = None) -> None:
            if world.cut or fault is Fault.REFUSED:
                raise StoreUnavailable("The database takes nothing.")
            if world.away:
                raise StoreAway("The database is away.")

    return BankTransactions


@asynccontextmanager
async def process(world: World) -> AsyncIterator[Service]:
    world.cut = False
    world.told.clear()
    async with AsyncExitStack() as stack:
        storage = MemoryStorage(world.clock, world.data, transactions_of(world))
        api = AkoolApi.at("http://akool.test", ApiKey(SecretStr(QUICK.api_key)), BankTransport(world))
        provider = AkoolProvider(api, world.simulator.connect)
        stack.push_async_callback(provider.aclose)
        ours = SessionTimeouts(account_is_ours=True)
        parts = Parts(storage, provider, world.clock, Policy(), new_metrics(), timeouts=ours, give_up=lambda _: None)
        service = Service(parts)
        world.room.clock = world.clock
        service.add(FakeChatPlatform(world.room, service.core, lambda: not world.cut))
        await stack.enter_async_context(service.running())
        yield service


# ---------------------------------------------------------------- the story


class Story:
    """Ann starts an avatar, talks until it was renewed, and stops it: as far as it goes."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._started = self._stopped = False

    async def tell(self) -> None:
        """As far as one process lives."""
        world = self._world
        stopping = asyncio.create_task(self._stop_when_asked())
        try:
            if not self._started:
                self._started = isinstance(await world.room.command("start", minutes=str(MINUTES)), Accepted)
            await self._talk()
            await self._end()
        finally:
            stopping.cancel()
            await asyncio.wait((stopping,))

    @property
    def over(self) -> bool:
        room = self._world.room
        return bool(room.cards) and room.card.status is SessionStatus.ENDED

    async def _talk(self) -> None:
        world = self._world
        until, spoken = asyncio.get_running_loop().time() + RENEWED_WITHIN, 0
        while not self.over and not self._stopped and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(2)
            if world.room.cards and len(world.room.cards) > spoken:
                spoken += 1
                await world.room.say("Hello", world.room.thread)
            if len(list(world.simulator.sessions)) > 1 and len(_open(world)) == 1:
                return

    async def _end(self) -> None:
        until = asyncio.get_running_loop().time() + ENDED_WITHIN
        while not self.over and asyncio.get_running_loop().time() < until:
            if self._world.room.cards and not self._stopped:
                self._stopped = isinstance(await self._world.room.command("stop", self._world.room.thread), Accepted)
            await asyncio.sleep(2)

    async def _stop_when_asked(self) -> None:
        await self._world.stop.wait()
        self._world.stop.clear()
        if self._world.room.cards and self._world.room.listener:
            self._stopped = isinstance(await self._world.room.command("stop", self._world.room.thread), Accepted)


def _open(world: World) -> list[str]:
    return [session.id for session in world.simulator.sessions if session.open]


async def _lives(world: World, story: Story) -> None:
    """One process after another, until one has seen the end of the story and of what it left."""
    for _ in range(len(world.plan) + 2 + int(AWAY_FOR)):
        try:
            if await _lived(world, story):
                return
        except* StoreUnavailable:
            pass  # it could not begin, or not go on: whoever watches over it starts it again
        await asyncio.sleep(RESTARTED_AFTER)
    raise AssertionError("no process saw the end")


async def _lived(world: World, story: Story) -> bool:
    """One process. Whether it saw the end."""
    async with process(world):
        world.counting = True
        told = asyncio.create_task(story.tell())
        ended = asyncio.create_task(world.told.wait())
        try:
            await asyncio.wait((told, ended), return_when=asyncio.FIRST_COMPLETED)
            if told.done():
                told.result()
                world.counting = False
                await asyncio.sleep(SETTLED_WITHIN)
                return True
        finally:
            for task in (told, ended):
                task.cancel()
            await asyncio.wait((told, ended))
    return False


def after(plan: Plan) -> World:
    """The world once all of it has happened."""

    async def main() -> World:
        clock = LoopClock()
        async with Simulator(clock, QUICK) as simulator:
            world = World(simulator, clock, plan)
            watching = asyncio.create_task(world.watch())
            try:
                await _lives(world, Story(world))
            finally:
                watching.cancel()
                await asyncio.wait((watching,))
            return world

    return run_virtual(main())


# ---------------------------------------------------------------- the audit


TO_THE_SECOND = timedelta(seconds=1)
LEAKED_AT_MOST = 60


def audit(world: World, unknown_at_most: timedelta = timedelta()) -> list[str]:
    """What is wrong; nothing, if the books agree with the bank and no session was paid for in vain for too long. What the books call unknown
    may have been paid for or not.
    """
    found = [f"{id_} still runs" for id_ in _open(world)]
    rows = [row.record for row in world.data.provider_sessions]
    unknown = sum((balances_of(world, row.id)[LedgerAccount.UNKNOWN] for row in rows), timedelta())
    if unknown > unknown_at_most:
        found.append(f"{unknown} are unknown")
    booked = {row.provider_id: balances_of(world, row.id) for row in rows if row.provider_id}
    for session in world.simulator.sessions:
        paid = timedelta(minutes=(session.price - session.refunded) / QUICK.credits_per_minute)
        books = booked.pop(session.id, None)
        if books is None:
            unknown -= paid
            if unknown < -TO_THE_SECOND:
                found.append(f"{session.id} is in no book, and cost {paid}")
        elif abs(-books[LedgerAccount.CREDIT] - paid) > TO_THE_SECOND:
            found.append(f"{session.id} cost {paid} and was booked with {-books[LedgerAccount.CREDIT]}")
        elif books[LedgerAccount.PAID]:
            found.append(f"{session.id} is over and booked as running")
    nothing = [*booked.values(), *(_but_unknown(world, row.id) for row in rows if not row.provider_id)]
    found += [f"{held} are booked of nothing" for held in nothing if held[LedgerAccount.CREDIT]]
    if (leaked := sum(world.alone.values())) > LEAKED_AT_MOST:
        found.append(f"{leaked} s were paid for in vain")
    return found


def _but_unknown(world: World, row_id: str) -> Mapping[LedgerAccount, timedelta]:
    held = balances_of(world, row_id)
    return {**held, LedgerAccount.CREDIT: held[LedgerAccount.CREDIT] + held[LedgerAccount.UNKNOWN]}


def balances_of(world: World, row_id: str) -> Mapping[LedgerAccount, timedelta]:
    return balances(row.transfer for (purchase_id, _), row in world.data.ledger.items() if purchase_id == row_id)

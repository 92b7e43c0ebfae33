"""The whole service on the simulator, over HTTP without a socket, in virtual time."""

import asyncio
import contextvars
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import httpx
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy.engine import URL, make_url

from adapters.akool.client import AkoolApi, ApiKey
from adapters.akool.provider import AkoolProvider
from adapters.simulator.http.app import application
from adapters.simulator.options import Options
from adapters.simulator.sessions import HostedSession
from adapters.simulator.simulator import Simulator
from bot.app.service import Parts, Service
from bot.clock import Clock
from bot.commands.policy import Policy
from bot.domain.errors import StoreUnavailable
from bot.ports.room import ConnectRoom, OwnRoom
from bot.storage.connections import PoolSize, Work
from bot.storage.encryption import Cipher
from bot.storage.engine import Store
from bot.storage.sql import SqlStorage
from bot.storage.tables import metadata
from bot.telemetry import new_metrics
from bot.testing.chat import FakeChat
from bot.testing.chat_platform import FakeChatPlatform
from bot.testing.virtual_time import LoopClock, run_virtual
from tests.database import NAME, database_in
from tests.server import connected, emptied_database
from tests.watched import Watched

T = TypeVar("T")
Watch = Callable[[httpx.Request], None]

KEY = Fernet.generate_key().decode()
QUICK = replace(Options(), join_delay=0.2, thinking=0.1, pace=150.0)
"""Ten times as fast as people speak."""


class Wire:
    """What connects a process with the world. Cut, it is as if the process had been killed: nothing it does has an effect."""

    cut = False


class CuttableStore(Store):
    wire = Wire()

    async def read(self, work: Work[T]) -> T:
        return await super().read(self._unless_cut(work))

    async def write(self, work: Work[T]) -> T:
        return await super().write(self._unless_cut(work))

    async def urgent(self, work: Work[T]) -> T:
        return await super().urgent(self._unless_cut(work))

    def _unless_cut(self, work: Work[T]) -> Work[T]:
        if self.wire.cut:
            raise StoreUnavailable("This process is dead.")
        return work


class TwiceStore(CuttableStore):
    """Every write runs twice, as after a connection that was lost while it committed; what the second run answers counts."""

    async def write_late(self, make: Callable[[], Work[T]]) -> T:
        made: list[Work[T]] = []

        def once() -> Work[T]:
            made.append(make())
            return made[0]

        await super().write_late(once)
        return await super().write_late(lambda: made[0])


@dataclass(frozen=True)
class Engine:
    """Where a world keeps what it keeps, and how processes open it."""

    store: type[CuttableStore] = CuttableStore
    on_server: bool = False

    @contextmanager
    def database(self, folder: Path) -> Iterator[str | URL]:
        if not self.on_server:
            yield database_in(folder)
            return
        with emptied_database() as url:
            yield url


SQLITE = Engine()
ENGINES = {"sqlite": SQLITE, "postgresql": Engine(on_server=True), "twice": Engine(TwiceStore)}
"""`twice` is SQLite whose every write runs twice."""


class CuttableTransport(httpx.ASGITransport):
    """What arrives is served by the world, which goes on when the process that asked does not."""

    wire = Wire()
    world = contextvars.copy_context()
    watch: Watch = staticmethod(lambda _: None)
    delay = 0.0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(self.delay)
        if self.wire.cut:
            raise httpx.ConnectError("this process is dead")
        self.watch(request)
        return await asyncio.create_task(super().handle_async_request(request), context=self.world.copy())


@dataclass
class Stack(Watched):
    """One world: AKOOL, a chat room and a database that outlive the service, which can be started, stopped and crashed."""

    folder: Path
    simulator: Simulator
    clock: LoopClock
    room: FakeChat = field(default_factory=FakeChat)
    policy: Policy = field(default_factory=Policy)
    stores: list[Store] = field(default_factory=list)
    service: Service | None = None
    wire: Wire = field(default_factory=Wire)
    opening: bool = False
    engine: Engine = SQLITE
    given_url: str | URL = ""
    tap: ConnectRoom | None = None
    """Connections to be used instead of the simulator's own."""
    own_room: OwnRoom | None = None
    delay: float = 0.0
    """Seconds before a request leaves a process: time in which it may be stopped."""
    given_up: list[str] = field(default_factory=list)
    """What a process would have said as it ended at once."""

    @property
    def url(self) -> str | URL:
        """Of the database that was given, or of the one in its folder."""
        return self.given_url or database_in(self.folder)

    def stolen(self) -> bytes:
        """The database as it is for whoever has it and no key."""
        if not self.engine.on_server:
            return (self.folder / NAME).read_bytes()
        with connected(make_url(self.url)) as connection:
            return b"".join(
                repr(connection.execute(f"SELECT * FROM {table.name}".encode()).fetchall()).encode()
                for table in metadata.sorted_tables
            )

    def url_of(self, process: str) -> URL:
        url = make_url(self.url)
        return url.update_query_dict({"application_name": process}) if self.engine.on_server and process else url

    @property
    def hosted(self) -> list[HostedSession]:
        """What runs, and costs money, at AKOOL."""
        return [session for session in self.simulator.sessions if session.open]

    @property
    def spoken(self) -> list[str]:
        """Everything the avatars were given, in order."""
        return [each.given for session in reversed(list(self.simulator.sessions)) for each in session.avatar.spoken]

    def busy(self) -> bool:
        return self.opening or any(store.busy for store in self.stores)

    @asynccontextmanager
    async def serving(
        self,
        *,
        hand_over: bool = False,
        alone: bool = True,
        clock: Clock | None = None,
        wiretap: Callable[[Store], Awaitable[Watch]] | None = None,
        kind: type[CuttableStore] | None = None,
        process: str = "",
        **parts: Any,
    ) -> AsyncIterator[Service]:
        """A service on this world, until the block ends; `crash` inside it kills the process.

        `process` is its name on a server. `wiretap` gets the store before anything is done with it, and answers who is to see what is asked of AKOOL.
        """
        async with AsyncExitStack() as stack:
            self.wire = wire = Wire()
            self.opening = True
            store = await stack.enter_async_context(
                (kind or self.engine.store).open(self.url_of(process), Cipher((KEY,)), PoolSize(2, 2))
            )
            self.opening = False
            assert isinstance(store, CuttableStore)
            self.stores.append(store)
            transport = CuttableTransport(application(self.simulator))
            store.wire = transport.wire = wire
            transport.delay = self.delay
            if wiretap:
                transport.watch = await wiretap(store)
            api = AkoolApi.at("http://akool.test", ApiKey(SecretStr(self.simulator.options.api_key)), transport)
            provider = AkoolProvider(api, self.tap or self.simulator.connect, self.own_room)
            stack.push_async_callback(provider.aclose)
            parts.setdefault("give_up", self.given_up.append)
            storage = SqlStorage(store, clock or self.clock, self.clock if self.engine.on_server else None)
            made = Parts(storage, provider, clock or self.clock, self.policy, new_metrics(), alone=alone, **parts)
            service = Service(made, "http://avatarbot.test")
            self.service, self.room.clock = service, self.clock
            service.add(FakeChatPlatform(self.room, service.core, lambda: not wire.cut))
            await stack.enter_async_context(service.running(hand_over=hand_over))
            yield service

    def crash(self) -> None:
        """kill -9: what the process does from now on reaches nobody."""
        self.wire.cut = True
        self.room.listener = None


Story = Callable[[Stack], Awaitable[None]]


def on_stack(options: Options = QUICK, policy: Policy | None = None) -> Callable[[Story], Callable[[Path, str], None]]:
    """Decorate `async def test(stack)`: runs it on a fresh world in virtual time, on each engine that `tests/conftest.py` says."""

    def decorate(story: Story) -> Callable[[Path, str], None]:
        @functools.wraps(story)
        def test(tmp_path: Path, engine: str) -> None:
            run_story(story, tmp_path, options, policy or Policy(), ENGINES[engine])

        del test.__wrapped__  # pytest would look for a fixture called `stack`
        return test

    return decorate


def run_story(
    story: Story, folder: Path, options: Options = QUICK, policy: Policy | None = None, engine: Engine = SQLITE
) -> None:
    worlds: list[Stack] = []

    async def main(url: str | URL) -> None:
        clock = LoopClock()
        async with Simulator(clock, options) as simulator:
            worlds.append(Stack(folder, simulator, clock, policy=policy or Policy(), engine=engine, given_url=url))
            await story(worlds[0])

    with engine.database(folder) as url:
        work: Coroutine[Any, Any, None] = main(url)
        run_virtual(work, busy=lambda: any(world.busy() for world in worlds))

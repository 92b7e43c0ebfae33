"""What several benchmarks stand on: a service with live sessions on the simulator in one process."""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import httpx
import msgspec
from cryptography.fernet import Fernet
from pydantic import SecretStr

from adapters.akool.client import AkoolApi, ApiKey
from adapters.akool.provider import AkoolProvider
from adapters.simulator.http.app import application
from adapters.simulator.options import Options
from adapters.simulator.simulator import Simulator
from bot.app.service import Parts, Service
from bot.app.wiring import keep_loaded
from bot.clock import SystemClock
from bot.commands.policy import Limits, Policy
from bot.domain.conversations import Accepted, Command, ConversationRef, Inbound, Membership, Person
from bot.domain.sessions import SessionStatus
from bot.ports.chat import RateLimits
from bot.ports.room import ConnectRoom, RoomConnection, RoomCredentials
from bot.storage.encryption import Cipher
from bot.storage.migrate import upgraded
from bot.storage.sql import SqlStorage, sql_storage
from bot.telemetry import configure_logging, new_metrics
from bot.testing.chat import FakeChat
from bot.testing.chat_platform import FakeChatPlatform

AMPLE = Limits(sessions=10_000, account_sessions=10_000, sessions_in_all=10_000, person_minutes=10_000_000)
FAST = replace(Options.instantly(), concurrency=10_000, credit=1e9)


class FirstPackets:
    """When the first packet of each turn was handed to a connection: by its `mid`, or by its `text` where the mid is not known."""

    def __init__(self, by: Literal["mid", "text"] = "mid") -> None:
        self.sent: dict[str, float] = {}
        self._by = by

    def watch(self, connections: ConnectRoom) -> ConnectRoom:
        def connection(credentials: RoomCredentials) -> RoomConnection:
            watched = connections(credentials)
            watched.send = self._noting(watched.send)  # type: ignore[method-assign, assignment]
            return watched

        return connection

    def _noting(self, send: Callable[[bytes], Awaitable[None]]) -> Callable[[bytes], Awaitable[None]]:
        def noting(packet: bytes) -> Awaitable[None]:
            message = msgspec.json.decode(packet)
            named = message if self._by == "mid" else message.get("pld", {})
            self.sent.setdefault(named.get(self._by, ""), time.perf_counter())
            return send(packet)

        return noting


@contextlib.asynccontextmanager
async def open_storage(folder: str, url: str = "") -> AsyncIterator[SqlStorage]:
    """A new database as the service keeps it: a file in the folder, or what the URL names."""
    url = url or f"sqlite:///{Path(folder) / 'avatarbot.db'}"
    await upgraded(url)
    async with sql_storage(url, Cipher((Fernet.generate_key().decode(),)), SystemClock()) as storage:
        yield storage


class World:
    """One service, one chat room, and the simulator they live on."""

    def __init__(self, service: Service, room: FakeChat, simulator: Simulator) -> None:
        self.service = service
        self.room = room
        self.simulator = simulator
        self.threads: list[ConversationRef] = []

    async def start(self, sessions: int, minutes: int = 60) -> None:
        """So many sessions, live, each in a channel of its own workspace; `threads` has where they listen."""
        first = len(self.threads)
        places = [ConversationRef("fake", f"W{number}", "C") for number in range(first, first + sessions)]
        self.room.homes |= {place.workspace_id for place in places}
        options = {"mode": "retelling", "minutes": str(minutes)}
        for number, place in enumerate(places):
            person = Person(f"starter{first + number}", "Ann", Membership.MEMBER)
            body = Command("start", options)
            outcome = await self.service.core.accept(Inbound(f"start{first + number}", number, place, person, body))
            assert isinstance(outcome, Accepted), outcome
        async with asyncio.timeout(300):
            while self.live < first + sessions:
                await asyncio.sleep(0.05)
        by_workspace = {opened.thread.workspace_id: opened.thread for opened in self.room.opened}
        self.threads += [by_workspace[place.workspace_id] for place in places]

    @property
    def live(self) -> int:
        return sum(card.status is SessionStatus.LIVE for card in self.room.cards.values())


@contextlib.asynccontextmanager
async def running(
    options: Options = FAST,
    connections: Callable[[ConnectRoom], ConnectRoom] = lambda connections: connections,
    limits: Limits = AMPLE,
) -> AsyncIterator[World]:
    """A service without a session; `connections` may look at what is sent."""
    configure_logging("error")
    async with contextlib.AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        simulator = await stack.enter_async_context(Simulator(SystemClock(), options))
        storage = await stack.enter_async_context(open_storage(folder))
        transport = httpx.ASGITransport(application(simulator))
        api = AkoolApi.at("http://akool.test", ApiKey(SecretStr(options.api_key)), transport)
        provider = AkoolProvider(api, connections(simulator.connect))
        await stack.enter_async_context(contextlib.aclosing(provider))
        service = Service(Parts(storage, provider, SystemClock(), Policy(limits), new_metrics()))
        room = FakeChat(pace=RateLimits(calls_per_second=100_000, edit_interval=1.0, first_post=0.4))
        service.add(FakeChatPlatform(room, service.core))
        await stack.enter_async_context(service.running(hand_over=True))
        keep_loaded()
        yield World(service, room, simulator)

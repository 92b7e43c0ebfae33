"""The core's front door alone: what is accepted is durable, and nobody speaks it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import httpx
from pydantic import SecretStr

from adapters.akool.client import AkoolApi, ApiKey
from adapters.akool.provider import AkoolProvider
from adapters.simulator.http.app import application
from adapters.simulator.simulator import Simulator
from benchmarks.world import open_storage
from bot.app.service import Parts, Service
from bot.clock import SystemClock
from bot.commands.policy import Limits, Policy
from bot.domain.conversations import Accepted, Command, ConversationRef, Inbound, Membership, Person
from bot.ports.chat import CoreApi
from bot.storage.sql import SqlStorage
from bot.telemetry import new_metrics
from bot.testing.chat import FakeChat
from bot.testing.chat_platform import FakeChatPlatform

STARTER = Person("U0ANN", "Ann", Membership.MEMBER)


@contextlib.asynccontextmanager
async def gateway(folder: Path, places: Sequence[ConversationRef]) -> AsyncIterator[CoreApi]:
    """Reception and inbox on SQLite, with a session in each place. No avatars: `speak` takes what waits off, as turns would."""
    limits = Limits(
        sessions=len(places),
        account_sessions=len(places),
        sessions_in_all=len(places),
        waiting=10**6,
        waiting_per_person=10**6,
        person_minutes=10**6,
    )
    async with open_storage(str(folder)) as storage, Simulator(SystemClock()) as simulator:
        key = ApiKey(SecretStr(simulator.options.api_key))
        api = AkoolApi.at("http://akool.test", key, httpx.ASGITransport(application(simulator)))
        async with contextlib.aclosing(AkoolProvider(api, simulator.connect)) as provider:
            service = Service(
                Parts(storage, provider, SystemClock(), Policy(limits), new_metrics()), "http://bench.test"
            )
            homes = frozenset(place.workspace_id for place in places)
            service.add(FakeChatPlatform(FakeChat(name=places[0].platform, homes=homes)))
            tasks = [asyncio.create_task(service._inbox.run()), asyncio.create_task(speak(storage))]  # noqa: SLF001
            for n, place in enumerate(places):
                outcome = await service.core.accept(Inbound(f"start{n}", n, place, STARTER, Command("start")))
                assert isinstance(outcome, Accepted), outcome
            try:
                yield service.core
            finally:
                for task in tasks:
                    task.cancel()


async def speak(storage: SqlStorage) -> None:
    """More than ten never wait in a session, so a benchmark must not let thousands wait either."""
    while True:
        await asyncio.sleep(0.2)
        await storage.store.write(
            lambda c: c.exec_driver_sql("UPDATE inbox SET state = 'done' WHERE state = 'waiting'")
        )

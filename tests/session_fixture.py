"""One session on its stage, in virtual time: for a single task of a run, on a real store, the simulator and the chat room in memory."""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
from pydantic import SecretStr

from adapters.akool.api import AkoolApi, ApiKey
from adapters.akool.provider import AkoolProvider
from adapters.simulator.http.app import application
from adapters.simulator.simulator import Simulator
from bot.app.service import Parts, Service
from bot.commands.channel_settings import ChannelSettings
from bot.commands.policy import Policy
from bot.domain.sessions import Mode, SessionSpec, SessionStatus
from bot.ports.storage.records import Lease, SessionRecord
from bot.runtime.context import SessionContext
from bot.runtime.services import Services
from bot.runtime.status_card import card_of
from bot.storage.encryption import Cipher
from bot.storage.engine import Store
from bot.storage.sql import SqlStorage
from bot.telemetry import new_metrics
from bot.testing.chat import CHANNEL, FakeChat
from bot.testing.chat_platform import FakeChatPlatform
from bot.testing.virtual_time import LoopClock, run_virtual
from tests.database import database_in
from tests.stored import started
from tests.world_fixture import KEY, QUICK

A_DAY = timedelta(days=1)
SPEC = SessionSpec("sim_Alma_cardigan_1080P", "Alma", mode=Mode.DIALOGUE)


@dataclass
class Staged:
    """The session's stage, the room its talk goes on in, and AKOOL."""

    context: SessionContext
    room: FakeChat
    simulator: Simulator

    @property
    def services(self) -> Services:
        return self.context.services

    @property
    def store(self) -> Store:
        """The database itself."""
        assert isinstance(self.services.storage, SqlStorage)
        return self.services.storage.store

    async def taken_over(self) -> SessionContext:
        """The stage of the next run, as after a crash: nothing is left of the earlier one but what is in the database."""
        await self.services.storage.unfenced.released(self.context.lease)
        self.context = await _context(self.services)
        return self.context

    @contextlib.asynccontextmanager
    async def playing(self, *tasks: Coroutine[None, None, None]) -> AsyncIterator[None]:
        """Tasks of a run, until the block ends; what one of them raises is raised."""
        running = [asyncio.create_task(task) for task in tasks]
        try:
            yield
        finally:
            for task in running:
                task.cancel()
            await asyncio.wait(running)
        for task in running:
            if not task.cancelled():
                task.result()


Story = Callable[[Staged], Awaitable[None]]


def active(
    room: Callable[[], FakeChat] = FakeChat,
    spec: SessionSpec = SPEC,
    policy: Policy | None = None,
    store: type[Store] = Store,
) -> Callable[[Story], Callable[[Path], None]]:
    """Decorate `async def test(staged)`: it runs on a fresh session whose card is posted, in virtual time."""

    def decorate(story: Story) -> Callable[[Path], None]:
        @functools.wraps(story)
        def test(tmp_path: Path) -> None:
            _tell(story, tmp_path, room, spec, policy or Policy(), store)

        del test.__wrapped__  # pytest would look for a fixture called `staged`
        return test

    return decorate


def _tell(  # noqa: PLR0917
    story: Story, folder: Path, room: Callable[[], FakeChat], spec: SessionSpec, policy: Policy, kind: type[Store]
) -> None:
    url = database_in(folder)
    stores: list[Store] = []

    async def main() -> None:
        clock = LoopClock()
        opening = kind.open(url, Cipher((KEY,)))
        async with Simulator(clock, QUICK) as simulator, opening as store:
            stores.append(store)
            api = AkoolApi.at(
                "http://akool.test",
                ApiKey(SecretStr(simulator.options.api_key)),
                httpx.ASGITransport(application(simulator)),
            )
            async with contextlib.aclosing(AkoolProvider(api, simulator.connect)) as provider:
                service = Service(Parts(SqlStorage(store, clock), provider, clock, policy, new_metrics()))
                chat = room()
                chat.clock = clock
                service.add(FakeChatPlatform(chat))
                await _begin(service.services, spec)
                await story(Staged(await _context(service.services), chat, simulator))

    run_virtual(main(), busy=lambda: not stores or any(store.busy for store in stores))


async def _begin(services: Services, spec: SessionSpec) -> None:
    await started(services.storage, "s1", spec=spec)
    await services.storage.workers.enlist("w1", lasts=A_DAY, capacity=1, address="here")


async def _context(services: Services) -> SessionContext:
    """The session claimed, its card posted unless it was before, and live."""
    (lease,) = await services.storage.workers.claim("w1", room=1)
    session = await _session(services, lease)
    if session.card is None:
        opened = await services.platform(CHANNEL).post_card(
            CHANNEL, card_of(session, services.disclosures.of(session.spec.language))
        )
        async with services.storage.fenced(lease) as run:
            run.open_thread(opened)
    async with services.storage.fenced(lease) as run:
        run.become(SessionStatus.LIVE)
    ending = asyncio.get_running_loop().create_future()
    media = services.events.media.of(session.id)
    return SessionContext(services, lease, await _session(services, lease), ChannelSettings(), ending, media)


async def _session(services: Services, lease: Lease) -> SessionRecord:
    session = await services.storage.sessions.get(lease.session_id)
    assert session is not None
    return session

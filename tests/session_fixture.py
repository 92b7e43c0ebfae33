"""One session, in virtual time and in memory: for a single task of a run, on the fakes of chat and provider."""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta

from bot.app.service import Parts, Service
from bot.commands.options import ChannelSettings
from bot.commands.policy import Policy
from bot.domain.sessions import Mode, SessionSpec, SessionStatus
from bot.ports.storage.records import Lease, ProcessProfile, SessionRecord
from bot.runtime.context import SessionContext
from bot.runtime.services import Services
from bot.runtime.status_card import card_of
from bot.storage.memory import MemoryStorage
from bot.telemetry import new_metrics
from bot.testing.avatar import FakeAvatar
from bot.testing.chat import CHANNEL, FakeChat
from bot.testing.chat_platform import FakeChatPlatform
from bot.testing.provider import AVATARS, FakeAvatarProvider
from bot.testing.virtual_time import LoopClock, run_virtual
from tests.stored import started

A_DAY = timedelta(days=1)
SPEC = SessionSpec(AVATARS[0].id, "Alma", mode=Mode.DIALOGUE)


@dataclass
class Staged:
    """What the tasks of a session share, the chat in which its talk goes on, and its provider."""

    context: SessionContext
    room: FakeChat
    provider: FakeAvatarProvider

    @property
    def services(self) -> Services:
        return self.context.services

    @property
    def storage(self) -> MemoryStorage:
        assert isinstance(self.services.storage, MemoryStorage)
        return self.services.storage

    @property
    def avatar(self) -> FakeAvatar:
        """The one that was joined last."""
        return self.provider.hosted[-1].avatars[-1]

    @property
    def given(self) -> list[str]:
        """Everything that its avatars were given, in order."""
        return [text for hosted in self.provider.hosted for text in hosted.given]

    async def taken_over(self) -> SessionContext:
        """What the next run shares, as after a crash: nothing is left of the earlier one but what is stored."""
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
    room: Callable[[], FakeChat] = FakeChat, spec: SessionSpec = SPEC, policy: Policy | None = None
) -> Callable[[Story], Callable[[], None]]:
    """Decorate `async def test(staged)`: it runs on a fresh session whose card is posted, in virtual time."""

    def decorate(story: Story) -> Callable[[], None]:
        @functools.wraps(story)
        def test() -> None:
            run_virtual(_tell(story, room(), spec, policy or Policy()))

        del test.__wrapped__  # pytest would look for a fixture called `staged`
        return test

    return decorate


async def _tell(story: Story, chat: FakeChat, spec: SessionSpec, policy: Policy) -> None:
    clock = LoopClock()
    async with contextlib.aclosing(FakeAvatarProvider(clock)) as provider:
        service = Service(Parts(MemoryStorage(clock), provider, clock, policy, new_metrics()))
        chat.clock = clock
        service.add(FakeChatPlatform(chat))
        await _begin(service.services, spec)
        await story(Staged(await _context(service.services), chat, provider))


async def _begin(services: Services, spec: SessionSpec) -> None:
    await started(services.storage, "s1", spec=spec)
    await services.storage.workers.enlist("w1", ProcessProfile(), lasts=A_DAY)


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
    session, settings = await _session(services, lease), ChannelSettings()
    return SessionContext(services, lease, session, settings, lambda _: True, ending, media)


async def _session(services: Services, lease: Lease) -> SessionRecord:
    session = await services.storage.sessions.get(lease.session_id)
    assert session is not None
    return session

"""The whole service in virtual time and in memory: on the fakes of chat and provider, without a file, a process or a socket."""

import contextlib
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import NoReturn

from bot.app.service import Parts, Service
from bot.commands.policy import Policy
from bot.domain.conversations import Accepted
from bot.ports.words import LanguageModel
from bot.storage.memory import MemoryStorage
from bot.telemetry import new_metrics
from bot.testing.avatar import AvatarBehavior, FakeAvatar
from bot.testing.chat import ANN, FakeChat
from bot.testing.chat_platform import FakeChatPlatform
from bot.testing.provider import FakeAvatarProvider, FakeProviderSession
from bot.testing.virtual_time import LoopClock, run_virtual
from tests.watched import Watched


@dataclass
class MemoryWorld(Watched):
    """A service that runs, its chat and its provider."""

    service: Service
    room: FakeChat
    provider: FakeAvatarProvider
    clock: LoopClock

    @property
    def hosted(self) -> list[FakeProviderSession]:
        """What runs, and costs money."""
        return [hosted for hosted in self.provider.hosted if hosted.open]

    @property
    def avatar(self) -> FakeAvatar:
        """The one that was joined last."""
        return self.provider.hosted[-1].avatars[-1]

    async def told(self, verb: str, **options: str) -> str:
        """Ann runs a command in the thread; the answer to it."""
        before = len(self.room.answers())
        assert isinstance(await self.room.command(verb, self.room.thread, ANN, **options), Accepted)
        await self.until(lambda: len(self.room.answers()) > before)
        return self.room.answers()[-1]


Story = Callable[[MemoryWorld], Awaitable[None]]


def in_memory(
    policy: Policy | None = None, model: LanguageModel | None = None
) -> Callable[[Story], Callable[[], None]]:
    """Decorate `async def test(world)`: it runs beside a service of its own, in virtual time."""

    def decorate(story: Story) -> Callable[[], None]:
        @functools.wraps(story)
        def test() -> None:
            run_virtual(_tell(story, policy or Policy(), model))

        del test.__wrapped__  # pytest would look for a fixture called `world`
        return test

    return decorate


def given_up(sentence: str) -> NoReturn:
    """What ends a process of its own fails a test."""
    raise AssertionError(sentence)


@dataclass
class Surroundings:
    """What outlives a service: its clock, its storage, the chat and the provider."""

    policy: Policy = field(default_factory=Policy)
    model: LanguageModel | None = None
    clock: LoopClock = field(default_factory=LoopClock)

    def __post_init__(self) -> None:
        self.storage = MemoryStorage(self.clock)
        self.room, self.provider = FakeChat(clock=self.clock), FakeAvatarProvider(self.clock, AvatarBehavior())

    @contextlib.asynccontextmanager
    async def service(self) -> AsyncIterator[MemoryWorld]:
        """A process of it, until the block ends."""
        parts = (self.storage, self.provider, self.clock, self.policy, new_metrics(), self.model)
        service = Service(Parts(*parts, give_up=given_up))
        service.add(FakeChatPlatform(self.room, service.core))
        async with service.running():
            yield MemoryWorld(service, self.room, self.provider, self.clock)


async def _tell(story: Story, policy: Policy, model: LanguageModel | None) -> None:
    surroundings = Surroundings(policy, model)
    async with contextlib.aclosing(surroundings.provider), surroundings.service() as world:
        await story(world)

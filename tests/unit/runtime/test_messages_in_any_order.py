"""Messages that are written, edited and deleted while runs come and go: each is spoken once at most, as it stands, or its author is told."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.app.service import Parts, Service
from bot.commands.policy import Limits, Policy
from bot.domain.conversations import Accepted, Membership, MessageRef, Person
from bot.domain.sessions import SessionStatus
from bot.ports.storage.records import SAY, InboxOutcome, InboxRecord
from bot.storage.memory import MemoryStorage
from bot.telemetry import new_metrics
from bot.testing.chat import CHANNEL, FakeChat
from bot.testing.chat_platform import FakeChatPlatform
from bot.testing.provider import FakeAvatarProvider
from bot.testing.virtual_time import LoopClock, run_virtual
from tests.memory_fixture import given_up

PEOPLE = [Person(name, name.title(), Membership.MEMBER) for name in ("ann", "ben", "cem", "dee")]
steps = st.one_of(
    st.tuples(st.just("say"), st.integers(0, 3)),
    st.tuples(st.just("say"), st.integers(0, 3)),
    st.tuples(st.sampled_from(["edit", "delete"]), st.integers(0, 7)),
    st.tuples(st.just("pause"), st.sampled_from([0, 1, 20, 300, 1_500])),
    st.tuples(st.just("crash"), st.just(0)),
)


CANCELLED_BEFORE_IT_BEGAN = [
    *[("delete", 1), ("crash", 0), ("pause", 0), ("say", 2), ("say", 3), ("say", 2), ("say", 3), ("say", 2)],
    *[("crash", 0), ("delete", 4), ("crash", 0), ("edit", 1), ("pause", 300), ("say", 0)],
]


class World:
    """One service in memory, and what people did in the thread of its only session."""

    def __init__(self, service: Service, storage: MemoryStorage, chat: FakeChat, provider: FakeAvatarProvider) -> None:
        self.service = service
        self.chat = chat
        self._storage = storage
        self._provider = provider
        self.taken: list[MessageRef] = []
        self.deleted: set[str] = set()
        self.crashed = False

    @property
    def rows(self) -> list[InboxRecord]:
        return [row.record for row in self._storage.data.inbox if row.record.verb == SAY]

    @property
    def given(self) -> list[str]:
        """Everything that avatars were given."""
        return [text for hosted in self._provider.hosted for text in hosted.given]

    async def do(self, what: str, number: int) -> None:
        match what:
            case "say":
                await self._say(PEOPLE[number])
            case "edit" if number < len(self.taken) and self.taken[number].message_id not in self.deleted:
                ref = self.taken[number]
                await self.chat.edit_message(ref, self.chat.messages[ref.message_id].text + " indeed")
            case "delete" if number < len(self.taken) and self.taken[number].message_id not in self.deleted:
                self.deleted.add(self.taken[number].message_id)
                await self.chat.withdraw(self.taken[number])
            case "pause":
                await asyncio.sleep(number / 1000)
            case "crash":
                await self._crash()

    async def _say(self, person: Person) -> None:
        before = set(self.chat.messages)
        outcome = await self.chat.say(f"Message number{len(self.taken)}.", self.chat.thread, person)
        if isinstance(outcome, Accepted):
            (new,) = set(self.chat.messages) - before
            self.taken.append(self.chat.messages[new].ref)

    async def _crash(self) -> None:
        """The run is gone from one moment to the next; another one claims the session."""
        worker = self.service.worker
        for session_id, task in list(worker._tasks.items()):
            self.crashed = True
            lease = worker._runs[session_id].lease
            task.cancel()
            await asyncio.wait((task,))
            await self._storage.unfenced.released(lease)


@contextlib.asynccontextmanager
async def world() -> AsyncIterator[World]:
    clock, chat = LoopClock(), FakeChat()
    chat.clock = clock
    async with contextlib.aclosing(FakeAvatarProvider(clock)) as provider:
        storage = MemoryStorage(clock)
        policy = Policy(Limits(person_minutes=10_000))
        service = Service(Parts(storage, provider, clock, policy, new_metrics(), give_up=given_up))
        service.add(FakeChatPlatform(chat, service.core))
        async with service.running():
            await chat.command("start", CHANNEL, mode="retelling")
            while not chat.cards or chat.card.status is not SessionStatus.LIVE:
                await asyncio.sleep(0.1)
            yield World(service, storage, chat, provider)


async def settled(there: World) -> None:
    async with asyncio.timeout(600):
        while any(row.outcome is InboxOutcome.NONE for row in there.rows):
            await asyncio.sleep(0.5)


@settings(max_examples=25, deadline=None)
@given(st.lists(steps, max_size=14))
@example(CANCELLED_BEFORE_IT_BEGAN)
def test_each_is_spoken_once_at_most_and_as_it_stands(story: list[tuple[str, int]]) -> None:
    async def tell() -> None:
        async with world() as there:
            for what, number in story:
                await there.do(what, number)
            await settled(there)
            for number, ref in enumerate(there.taken):
                (row,) = (row for row in there.rows if row.message == ref)
                spoken = [text for text in there.given if f"number{number}." in text]
                assert len(spoken) <= 1
                assert spoken in ([], [row.text]) or ref.message_id in there.deleted
                if row.outcome is InboxOutcome.SPOKEN:
                    assert spoken
                elif not there.crashed:
                    assert row.outcome is InboxOutcome.WITHDRAWN
                    assert ref.message_id in there.deleted

    run_virtual(tell())

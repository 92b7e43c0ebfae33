"""What is handed over, edited, withdrawn, missed and taken over, in whatever order, is spoken once and as it stands."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.conversations import ConversationRef, Role
from bot.ports.storage.records import InboxOutcome, InboxRecord, InboxState
from bot.runtime.turn_order import WaitingRows

PLACE = ConversationRef("room", "W1", "C1", "t1")
WHEN = datetime(2026, 1, 1, tzinfo=UTC)


def row(number: int, text: str = "Hello") -> InboxRecord:
    return InboxRecord(
        id=f"row{number}",
        session_id="s1",
        sequence=number,
        verb="say",
        body={"text": text},
        person_id="ann",
        person_name="Ann",
        role=Role.MEMBER,
        place=PLACE,
        message=None,
        reply_to=None,
        state=InboxState.WAITING,
        outcome=InboxOutcome.NONE,
        sentence="",
        created_at=WHEN,
    )


Event = tuple[str, int]
"""What happens, and to which row."""

events = st.tuples(
    st.sampled_from(["accept", "accept", "hand over", "edit", "withdraw", "take", "take", "poll", "crash"]),
    st.integers(0, 5),
)
stories = st.lists(st.tuples(events, st.lists(events, max_size=3)), max_size=25)
"""Events, each with those that happen in the middle of the next reading."""


@dataclass
class World:
    """The database, the way from it to the run, and the run."""

    waiting: dict[str, InboxRecord] = field(default_factory=dict)
    on_their_way: list[InboxRecord] = field(default_factory=list)  # committed, and not handed over yet
    spoken: list[InboxRecord] = field(default_factory=list)
    withdrawn: set[str] = field(default_factory=set)
    accepted: set[str] = field(default_factory=set)
    reads: int = 0
    meanwhile: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rows = WaitingRows(self._read)

    async def _read(self) -> list[InboxRecord]:
        self.reads += 1
        found = list(self.waiting.values())
        meanwhile, self.meanwhile = self.meanwhile, []
        for what, number in meanwhile:
            if what != "take":
                await self.happen(what, number)
        return found

    async def happen(self, what: str, number: int) -> None:
        known = self.waiting.get(f"row{number}")
        match what:
            case "accept":
                self._accept(row(len(self.accepted)))
            case "hand over" if self.on_their_way:
                self.rows.put(self.on_their_way.pop(0))
            case "edit" if known:
                self.waiting[known.id] = replace(known, body={"text": known.text + "!"})
            case "withdraw" if known:
                self.withdrawn.add(self.waiting.pop(known.id).id)
            case "take":
                await self.take()
            case "poll" if not all(map(self.rows.knows, self.waiting)):
                self.rows.doubt()
            case "crash":
                self.on_their_way.clear()
                self.rows = WaitingRows(self._read)

    def _accept(self, new: InboxRecord) -> None:
        self.accepted.add(new.id)
        self.waiting[new.id] = new
        self.on_their_way.append(new)

    async def take(self) -> None:
        """As a turn does: the lowest, claimed as it was read."""
        if not (known := await self.rows.all()):
            return
        first = known[0]
        if self.waiting.get(first.id) != first:
            self.rows.doubt()
            return
        self.spoken.append(self.waiting.pop(first.id))
        self.rows.over(first)

    async def settle(self) -> None:
        """The clock goes on: a worker looks once a second for what may have been missed."""
        for _ in range(3 * len(self.accepted) + 3):
            await self.happen("poll", 0)
            await self.take()


async def told(story: list[tuple[Event, list[Event]]]) -> World:
    world = World()
    for (what, number), meanwhile in story:
        world.meanwhile = meanwhile
        await world.happen(what, number)
    world.meanwhile = []
    return world


@given(stories)
def test_everything_accepted_is_spoken_once_unless_it_was_withdrawn(story: list[tuple[Event, list[Event]]]) -> None:
    async def check() -> None:
        world = await told(story)
        await world.settle()
        ids = [each.id for each in world.spoken]
        assert sorted(ids) == sorted(world.accepted - world.withdrawn)

    asyncio.run(check())


@given(st.lists(st.sampled_from(["accept", "take"]), max_size=30))
def test_what_is_handed_over_is_never_read(story: list[str]) -> None:
    async def check() -> None:
        world = World()
        await world.take()  # the start
        for what in story:
            await world.happen(what, 0)
            await world.happen("hand over", 0)
        assert world.reads == 1
        assert [each.sequence for each in world.spoken] == list(range(len(world.spoken)))

    asyncio.run(check())


async def test_a_reading_that_fails_leaves_them_in_doubt() -> None:
    answers: list[list[InboxRecord] | Exception] = [OSError("no database"), [row(1)]]

    async def read() -> list[InboxRecord]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    rows = WaitingRows(read)
    with pytest.raises(OSError, match="no database"):
        await rows.all()
    assert await rows.all() == [row(1)]


async def test_what_is_handed_over_during_a_reading_stays() -> None:
    async def read() -> list[InboxRecord]:
        rows.put(row(2))
        return [row(1)]

    rows = WaitingRows(read)
    assert await rows.all() == [row(1), row(2)]


async def test_what_is_over_is_not_taken_again() -> None:
    async def read() -> list[InboxRecord]:
        return [row(1)]

    rows = WaitingRows(read)
    assert await rows.all() == [row(1)]
    rows.over(row(1))
    rows.put(row(1))  # handed over later than it was read
    assert await rows.all() == []
    rows.doubt()
    assert await rows.all() == []

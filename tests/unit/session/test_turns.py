"""What waits is spoken as it stands when its turn comes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection

from bot.model import Inbound, MessageRef, Mode, Role, Said
from bot.ports.avatar import AvatarEvent
from bot.session.hosting import Hosting
from bot.session.turns import Turns
from bot.store import inbox
from bot.store.engine import Store
from bot.store.inbox import SAY, NewRow
from bot.store.lane import Work
from bot.store.records import InboxRecord
from bot.transcript.scribe import Scribe
from tests.chat_room import ANN, CHANNEL
from tests.staged import SPEC, Staged, on_stage

T = TypeVar("T")
MESSAGE = MessageRef(CHANNEL.in_thread("t1"), "m1")


class BusyStore(Store):
    """Something comes in between the reading of what waits and whatever is done about it."""

    meanwhile: Work[object] | None = None

    async def read(self, work: Work[T]) -> T:
        found = await super().read(work)
        if self.meanwhile and isinstance(found, list) and any(isinstance(row, InboxRecord) for row in found):
            change, self.meanwhile = self.meanwhile, None
            await self.write(change)
        return found


@asynccontextmanager
async def taking_turns(staged: Staged) -> AsyncIterator[None]:
    turns = Turns(staged.stage, Scribe(staged.stage), None)

    def observe(_row: str, event: AvatarEvent) -> None:
        turns.observe(event)

    async with asyncio.TaskGroup() as group:
        hosting = Hosting(staged.stage, group, observe)
        await hosting.begin()
        async with staged.playing(turns.run()):
            yield
        await hosting.leave()


async def says(staged: Staged, text: str) -> None:
    """A message waits in the thread."""
    house = staged.house
    inbound = Inbound("e1", 1, MESSAGE.place, ANN, Said(text, MESSAGE))
    row = NewRow("row1", "s1", inbound, SAY, {"text": text}, MESSAGE, Role.MEMBER)
    await house.store.write(lambda c: inbox.add(c, house.store.cipher, [row], house.clock.now()))


def meanwhile(staged: Staged, change: Work[object]) -> None:
    assert isinstance(staged.house.store, BusyStore)
    staged.house.store.meanwhile = change


def spoken(staged: Staged) -> list[str]:
    return [each.given for session in staged.simulator.sessions for each in session.avatar.spoken]


async def given(staged: Staged) -> list[str]:
    """What the transcript says that the avatar was given."""

    def work(connection: Connection) -> list[str]:
        return [text for (text,) in connection.exec_driver_sql("SELECT text FROM turns")]

    return await staged.house.store.read(work)


@on_stage(store=BusyStore)
async def test_what_is_edited_when_it_is_about_to_be_spoken_is_spoken_as_edited(staged: Staged) -> None:
    await says(staged, "Helo")
    meanwhile(staged, lambda c: inbox.edit_waiting(c, MESSAGE, "Hello"))
    async with taking_turns(staged):
        await asyncio.sleep(20)
    assert spoken(staged) == await given(staged) == ["Ann: Hello"]


@on_stage(store=BusyStore)
async def test_what_is_withdrawn_when_it_is_about_to_be_spoken_is_not_spoken(staged: Staged) -> None:
    await says(staged, "Helo")
    meanwhile(staged, partial(inbox.withdraw_waiting, ref=MESSAGE, now=staged.house.clock.now()))
    async with taking_turns(staged):
        await asyncio.sleep(20)
    assert spoken(staged) == await given(staged) == []


@on_stage(store=BusyStore)
async def test_an_edit_that_comes_when_it_is_claimed_changes_nothing(staged: Staged) -> None:
    await says(staged, "Hello")
    async with taking_turns(staged):
        await asyncio.sleep(0.3)
        assert await staged.house.store.write(lambda c: inbox.edit_waiting(c, MESSAGE, "Goodbye")) == 0
        await asyncio.sleep(20)
    assert spoken(staged) == ["Ann: Hello"]


@on_stage(spec=replace(SPEC, mode=Mode.RETELLING))
async def test_in_retelling_the_message_that_was_spoken_is_marked(staged: Staged) -> None:
    await says(staged, "Hello")
    async with taking_turns(staged):
        await asyncio.sleep(20)
    assert (spoken(staged), staged.room.marked) == (["Hello"], [MESSAGE.message_id])


@on_stage()
async def test_in_dialogue_nothing_is_marked(staged: Staged) -> None:
    await says(staged, "Hello")
    async with taking_turns(staged):
        await asyncio.sleep(20)
    assert (spoken(staged), staged.room.marked) == (["Ann: Hello"], [])

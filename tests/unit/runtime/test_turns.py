"""What waits is spoken as it stands when its turn comes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TypeVar

from sqlalchemy import Connection

from bot.domain.conversations import MessageRef
from bot.domain.messages import Inbound, MessageEdited, MessagePosted
from bot.domain.people import Role
from bot.domain.sessions import Mode
from bot.ports.storage.admission import AdmissionQuery, Admitted
from bot.ports.storage.records import SAY, InboxRecord, NewRow
from bot.runtime.provider_sessions import ProviderSessions
from bot.runtime.turns import Turns
from bot.storage import inbox
from bot.storage.connection_thread import Work
from bot.storage.engine import Store
from bot.storage.transaction import Transaction
from bot.testing.chat import ANN, CHANNEL
from bot.transcript.publisher import TranscriptPublisher
from tests.session_fixture import SPEC, Staged, active
from tests.stored import accepted

T = TypeVar("T")
MESSAGE = MessageRef(CHANNEL.in_thread("t1"), "m2")
"""The first that follows the card."""


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
    turns = Turns(staged.context, TranscriptPublisher(staged.context), None)
    async with asyncio.TaskGroup() as group:
        provider_sessions = ProviderSessions(staged.context, group, (turns,))
        await provider_sessions.begin()
        async with staged.playing(turns.run()):
            yield
        await provider_sessions.leave()


async def says(staged: Staged, text: str) -> None:
    """A message waits in the thread."""
    assert staged.room.write(text, MESSAGE.place).ref == MESSAGE
    inbound = Inbound("e1", 1, MESSAGE.place, ANN, MessagePosted(text, MESSAGE))
    row = NewRow("row1", "s1", inbound, SAY, {"text": text}, MESSAGE, Role.MEMBER)
    await accepted(staged.services.storage, row)


def meanwhile(staged: Staged, change: Callable[[Transaction], object]) -> None:
    store, now = staged.store, staged.services.clock.now()
    assert isinstance(store, BusyStore)
    store.meanwhile = lambda connection: change(Transaction(connection, store.cipher, now))


def spoken(staged: Staged) -> list[str]:
    return [each.given for session in staged.simulator.sessions for each in session.avatar.spoken]


async def given(staged: Staged) -> list[str]:
    """What the transcript says that the avatar was given."""

    def work(connection: Connection) -> list[str]:
        return [text for (text,) in connection.exec_driver_sql("SELECT text FROM turns")]

    return await staged.store.read(work)


@active(store=BusyStore)
async def test_what_is_edited_when_it_is_about_to_be_spoken_is_spoken_as_edited(staged: Staged) -> None:
    await says(staged, "Helo")
    meanwhile(staged, lambda tx: inbox.edit_waiting(tx, MESSAGE, "Hello"))
    async with taking_turns(staged):
        await asyncio.sleep(20)
    assert spoken(staged) == await given(staged) == ["Ann: Hello"]


@active(store=BusyStore)
async def test_what_is_withdrawn_when_it_is_about_to_be_spoken_is_not_spoken(staged: Staged) -> None:
    await says(staged, "Helo")
    meanwhile(staged, lambda tx: inbox.withdraw_waiting(tx, MESSAGE))
    async with taking_turns(staged):
        await asyncio.sleep(20)
    assert spoken(staged) == await given(staged) == []


@active(store=BusyStore)
async def test_an_edit_that_comes_when_it_is_claimed_changes_nothing(staged: Staged) -> None:
    await says(staged, "Hello")
    async with taking_turns(staged):
        await asyncio.sleep(0.3)
        edited = Admitted(edits=[MessageEdited(MESSAGE, "Goodbye")])
        await staged.services.storage.admit(AdmissionQuery, lambda _: edited)
        await asyncio.sleep(20)
    assert spoken(staged) == ["Ann: Hello"]


@active(spec=replace(SPEC, mode=Mode.RETELLING))
async def test_in_retelling_the_message_that_was_spoken_is_marked(staged: Staged) -> None:
    await says(staged, "Hello")
    async with taking_turns(staged):
        await asyncio.sleep(20)
    assert (spoken(staged), staged.room.marked) == (["Hello"], [MESSAGE.message_id])


@active()
async def test_in_dialogue_nothing_is_marked(staged: Staged) -> None:
    await says(staged, "Hello")
    async with taking_turns(staged):
        await asyncio.sleep(20)
    assert (spoken(staged), staged.room.marked) == (["Ann: Hello"], [])

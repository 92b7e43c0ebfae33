"""What waits is spoken as it stands when its turn comes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from bot.domain.conversations import Inbound, MessageEdited, MessagePosted, MessageRef, Role
from bot.domain.sessions import Mode
from bot.ports.storage.records import SAY, InboxRecord, NewRow
from bot.ports.storage.transactions import AdmissionQuery, Admitted
from bot.runtime.provider_sessions import ProviderSessions
from bot.runtime.turns import Turns
from bot.testing.chat import ANN, CHANNEL
from bot.transcript.publisher import TranscriptPublisher
from tests.session_fixture import SPEC, Staged, active
from tests.stored import accepted

MESSAGE = MessageRef(CHANNEL.in_thread("t1"), "m2")
"""The first that follows the card."""


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


def meanwhile(staged: Staged, admitted: Admitted) -> None:
    """It comes in between the reading of what waits and whatever is done about it."""
    inbox, coming = staged.storage.inbox, [admitted]
    read = inbox.waiting_turns

    async def busy(session_id: str) -> list[InboxRecord]:
        found = await read(session_id)
        if found and coming:
            await staged.storage.admit(AdmissionQuery, lambda _: coming.pop())
        return found

    inbox.waiting_turns = busy  # type: ignore[method-assign]


def given(staged: Staged) -> list[str]:
    """What the transcript says that the avatar was given."""
    return [turn.text for turn in staged.storage.data.turns]


@active()
async def test_an_edit_before_speaking_is_spoken_as_edited(staged: Staged) -> None:
    await says(staged, "Helo")
    meanwhile(staged, Admitted(edits=[MessageEdited(MESSAGE, "Hello")]))
    async with taking_turns(staged):
        await asyncio.sleep(20)
    assert staged.given == given(staged) == ["Ann: Hello"]


@active()
async def test_a_withdrawal_before_speaking_silences_it(staged: Staged) -> None:
    await says(staged, "Helo")
    meanwhile(staged, Admitted(withdrawals=[MESSAGE]))
    async with taking_turns(staged):
        await asyncio.sleep(20)
    assert staged.given == given(staged) == []


@active()
async def test_an_edit_that_comes_when_it_is_claimed_changes_nothing(staged: Staged) -> None:
    await says(staged, "Hello")
    async with taking_turns(staged):
        await asyncio.sleep(0.3)
        edited = Admitted(edits=[MessageEdited(MESSAGE, "Goodbye")])
        await staged.services.storage.admit(AdmissionQuery, lambda _: edited)
        await asyncio.sleep(20)
    assert staged.given == ["Ann: Hello"]


@active(spec=replace(SPEC, mode=Mode.RETELLING))
async def test_in_retelling_the_message_that_was_spoken_is_marked(staged: Staged) -> None:
    await says(staged, "Hello")
    async with taking_turns(staged):
        await asyncio.sleep(20)
    assert (staged.given, staged.room.marked) == (["Hello"], [MESSAGE.message_id])


@active()
async def test_in_dialogue_nothing_is_marked(staged: Staged) -> None:
    await says(staged, "Hello")
    async with taking_turns(staged):
        await asyncio.sleep(20)
    assert (staged.given, staged.room.marked) == (["Ann: Hello"], [])


@active()
async def test_typing_is_shown_only_where_an_answer_is_posted(staged: Staged) -> None:
    await says(staged, "Hello")
    async with taking_turns(staged):
        await asyncio.sleep(20)
    assert staged.room.calls["start_typing"] >= 1


@active(spec=replace(SPEC, mode=Mode.RETELLING))
async def test_no_typing_is_shown_where_words_are_repeated(staged: Staged) -> None:
    await says(staged, "Hello")
    async with taking_turns(staged):
        await asyncio.sleep(20)
    assert staged.given == ["Hello"]
    assert staged.room.calls["start_typing"] == 0

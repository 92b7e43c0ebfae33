"""What an operator does, on a real database."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import update

from bot.app.operations import allow, forget, forget_older, forget_person, listing, stop, transcript
from bot.clock import SystemClock, new_id
from bot.domain.conversations import ConversationRef, Inbound, Membership, MessagePosted, Person, Role
from bot.domain.errors import AvatarbotError
from bot.domain.sessions import EndReason, SessionSpec, SessionStatus
from bot.ports.storage.records import SAY, NewRow
from bot.ports.storage.transactions import AdmissionQuery, Admitted
from bot.storage import tables
from bot.storage.encryption import Cipher
from bot.storage.sql import SqlStorage, sql_storage
from tests import stored
from tests.database import database_in

NOW = datetime.now(UTC)


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[SqlStorage]:
    url = database_in(tmp_path)
    async with sql_storage(url, Cipher((Fernet.generate_key().decode(),)), SystemClock()) as storage:
        yield storage


async def started(storage: SqlStorage, channel: str = "C1", ended: datetime | None = None) -> str:
    """A session that was started, and perhaps has ended."""
    session_id = new_id()
    spec = SessionSpec("ann-1", avatar_name="Ann")
    await stored.started(storage, session_id, ConversationRef("slack", "T1", channel), spec)
    if ended is not None:
        over = {"status": SessionStatus.ENDED, "end_reason": EndReason.STOPPED, "ended_at": ended}
        change = update(tables.sessions).where(tables.sessions.c.id == session_id).values(over)
        await storage.store.write(lambda c: c.execute(change))
    return session_id


async def test_sessions_are_listed_in_columns(storage: SqlStorage) -> None:
    assert await listing(storage) == "No session is running."
    first, gone = await started(storage, "C1"), await started(storage, "C2", ended=NOW)

    heading, *rows = (await listing(storage)).splitlines()

    assert heading.split()[:3] == ["SESSION", "STATUS", "PLATFORM"]
    (row,) = rows
    assert row.split()[:7] == [first, "starting", "slack", "T1", "C1", "Ann", "Ann"]
    assert gone not in row


async def test_stopping_is_a_row_in_the_inbox(storage: SqlStorage) -> None:
    session_id = await started(storage)
    assert await stop(storage, session_id) == f"Session {session_id} is told to stop."
    (row,) = await storage.inbox.waiting_controls(session_id)
    assert (row.verb, row.person_name, row.place) == ("stop", "the operator", ConversationRef("slack", "T1", "C1"))


async def test_what_sleeps_ends_at_once(storage: SqlStorage) -> None:
    """Nobody runs it, so that nobody would ever read the row."""
    session_id = await started(storage)
    change = update(tables.sessions).where(tables.sessions.c.id == session_id).values(status=SessionStatus.SLEEPING)
    await storage.store.write(lambda c: c.execute(change))
    assert await stop(storage, session_id) == f"Session {session_id} was asleep, and has ended."
    assert not await storage.inbox.waiting_controls(session_id)
    assert await listing(storage) == "No session is running."


async def test_what_has_ended_is_not_stopped_again(storage: SqlStorage) -> None:
    session_id = await started(storage, ended=NOW)
    with pytest.raises(AvatarbotError, match="has ended already"):
        await stop(storage, session_id)


async def test_only_what_has_ended_is_forgotten(storage: SqlStorage) -> None:
    over, live = await started(storage, "C1", ended=NOW), await started(storage, "C2")
    with pytest.raises(AvatarbotError, match=f"avatarbot sessions stop {live}"):
        await forget(storage, [over, live])
    assert await forget(storage, [over]) == "Forgot 1 session."
    with pytest.raises(AvatarbotError, match="There is no session"):
        await forget(storage, [over])


async def test_platforms_can_see_what_was_forgotten(storage: SqlStorage) -> None:
    over, live = await started(storage, "C1", ended=NOW), await started(storage, "C2")
    assert await storage.sessions.kept({over, live, "17"}) == {over, live}
    await forget(storage, [over])
    assert await storage.sessions.kept({over, live}) == {live}


async def test_old_sessions_are_forgotten_together(storage: SqlStorage) -> None:
    for days in (1, 8, 9):
        await started(storage, f"C{days}", ended=NOW - timedelta(days=days))
    assert await forget_older(storage, 7) == "Forgot 2 sessions."
    assert await forget_older(storage, 7) == "Forgot 0 sessions."


async def test_a_transcript_is_text(storage: SqlStorage) -> None:
    session_id = await started(storage)
    assert session_id in await transcript(storage, session_id, "md")
    assert (await transcript(storage, session_id, "vtt")).startswith("WEBVTT")
    with pytest.raises(AvatarbotError, match="There is no session 17"):
        await transcript(storage, "17", "md")


async def test_a_workspace_is_allowed_and_no_longer(storage: SqlStorage) -> None:
    assert "may now start" in await allow(storage, "slack", "T1", yes=True)
    assert await storage.channels.allowed("slack", "T1") is True
    assert "may no longer" in await allow(storage, "slack", "T1", yes=False)
    assert await storage.channels.allowed("slack", "T1") is False


async def test_one_person_s_words_are_forgotten_in_one_workspace(storage: SqlStorage) -> None:
    session_id = await started(storage)
    place = ConversationRef("slack", "T1", "C1")
    inbound = Inbound("e1", 1, place, Person("U1", "Ann", Membership.MEMBER), MessagePosted("Hello"))
    row = NewRow(new_id(), session_id, inbound, SAY, {"text": "Hello"}, None, Role.MEMBER)
    await storage.admit(AdmissionQuery, lambda _: Admitted(rows=[row]))
    assert await forget_person(storage, "slack", "T2", "U1") == "Forgot 0 messages of U1."
    assert await forget_person(storage, "slack", "T1", "U1") == "Forgot 1 message of U1."
    assert await storage.inbox.waiting_turns(session_id) == []

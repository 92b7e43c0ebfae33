"""What an operator does, on a real database."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import update

from bot.app.operations import allow, forget, forget_older, listing, stop, transcript
from bot.domain.conversations import ConversationRef
from bot.domain.errors import AvatarbotError
from bot.domain.identity import new_id
from bot.domain.sessions import EndReason, SessionSpec, SessionStatus
from bot.storage import channels, inbox, sessions, tables
from bot.storage.encryption import Cipher
from bot.storage.engine import Store
from bot.storage.migrate import upgraded

NOW = datetime.now(UTC)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    url = f"sqlite:///{tmp_path / 'avatarbot.db'}"
    await upgraded(url)
    async with Store.open(url, Cipher((Fernet.generate_key().decode(),))) as store:
        yield store


async def started(store: Store, channel: str = "C1", ended: datetime | None = None) -> str:
    """A session that was started, and perhaps has ended."""
    session_id = new_id()
    spec = SessionSpec("ann-1", avatar_name="Ann")
    place = ConversationRef("slack", "T1", channel)
    await store.write(
        lambda c: sessions.add(
            c,
            store.cipher,
            session_id=session_id,
            place=place,
            starter_id="U1",
            starter_name="Bo",
            spec=spec,
            now=NOW,
        )
    )
    if ended is not None:
        over = {"status": SessionStatus.ENDED, "end_reason": EndReason.STOPPED, "ended_at": ended}
        change = update(tables.sessions).where(tables.sessions.c.id == session_id).values(over)
        await store.write(lambda c: c.execute(change))
    return session_id


async def test_sessions_are_listed_in_columns(store: Store) -> None:
    assert await listing(store) == "No session is running."
    first, gone = await started(store, "C1"), await started(store, "C2", ended=NOW)

    heading, *rows = (await listing(store)).splitlines()

    assert heading.split()[:3] == ["SESSION", "STATUS", "PLATFORM"]
    (row,) = rows
    assert row.split()[:7] == [first, "starting", "slack", "T1", "C1", "Ann", "Bo"]
    assert gone not in row


async def test_stopping_is_a_row_in_the_inbox(store: Store) -> None:
    session_id = await started(store)
    assert await stop(store, session_id) == f"Session {session_id} is told to stop."
    (row,) = await store.read(lambda c: inbox.waiting_controls(c, store.cipher, session_id))
    assert (row.verb, row.person_name, row.place) == ("stop", "the operator", ConversationRef("slack", "T1", "C1"))


async def test_what_has_ended_is_not_stopped_again(store: Store) -> None:
    session_id = await started(store, ended=NOW)
    with pytest.raises(AvatarbotError, match="has ended already"):
        await stop(store, session_id)


async def test_only_what_has_ended_is_forgotten(store: Store) -> None:
    over, live = await started(store, "C1", ended=NOW), await started(store, "C2")
    with pytest.raises(AvatarbotError, match=f"avatarbot sessions stop {live}"):
        await forget(store, [over, live])
    assert await forget(store, [over]) == "Forgot 1 session."
    with pytest.raises(AvatarbotError, match="There is no session"):
        await forget(store, [over])


async def test_platforms_can_see_what_was_forgotten(store: Store) -> None:
    over, live = await started(store, "C1", ended=NOW), await started(store, "C2")
    assert await store.read(lambda c: sessions.kept(c, {over, live, "17"})) == {over, live}
    await forget(store, [over])
    assert await store.read(lambda c: sessions.kept(c, {over, live})) == {live}


async def test_old_sessions_are_forgotten_together(store: Store) -> None:
    for days in (1, 8, 9):
        await started(store, f"C{days}", ended=NOW - timedelta(days=days))
    assert await forget_older(store, 7) == "Forgot 2 sessions."
    assert await forget_older(store, 7) == "Forgot 0 sessions."


async def test_a_transcript_is_text(store: Store) -> None:
    session_id = await started(store)
    assert session_id in await transcript(store, session_id, "md")
    assert (await transcript(store, session_id, "vtt")).startswith("WEBVTT")
    with pytest.raises(AvatarbotError, match="There is no session 17"):
        await transcript(store, "17", "md")


async def test_a_workspace_is_allowed_and_no_longer(store: Store) -> None:
    assert "may now start" in await allow(store, "slack", "T1", yes=True)
    assert await store.read(lambda c: channels.funded(c, "slack", "T1")) is True
    assert "may no longer" in await allow(store, "slack", "T1", yes=False)
    assert await store.read(lambda c: channels.funded(c, "slack", "T1")) is False

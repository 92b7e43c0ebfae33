"""What an operator does from the command line. What changes a session is an inbox row, as it is for everybody else."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from bot.errors import AvatarbotError
from bot.identity import new_id
from bot.model import Command, Inbound, Person, Role, SessionStatus, Standing
from bot.speech.printable import printable_line
from bot.store import channels, grants, inbox, sessions
from bot.store.engine import Store
from bot.store.records import SessionRecord
from bot.transcript.archive import StoredArchive

OPERATOR = Person("operator", "the operator", Standing.ADMIN)

COLUMNS = ("SESSION", "STATUS", "PLATFORM", "WORKSPACE", "CHANNEL", "AVATAR", "STARTED BY", "SINCE (UTC)")


async def listing(store: Store) -> str:
    """Sessions of all workspaces that have not ended, oldest first, in columns."""
    return _table(await store.read(lambda c: sessions.everywhere(c, store.cipher)))


def _table(records: Sequence[SessionRecord]) -> str:
    if not records:
        return "No session is running."
    rows = [COLUMNS, *map(_row, records)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _row(record: SessionRecord) -> tuple[str, ...]:
    place, spec = record.place, record.spec
    since = f"{record.created_at:%Y-%m-%d %H:%M}"
    avatar = spec.avatar_name or spec.avatar_id
    cells = (
        record.id,
        record.status,
        place.platform,
        place.workspace_id,
        place.channel_id,
        avatar,
        record.starter_name,
        since,
    )
    return tuple(printable_line(str(cell)) or "-" for cell in cells)


async def stop(store: Store, session_id: str) -> str:
    """Ask the session's run to stop; answers with a sentence. Raises `AvatarbotError` when there is nothing to stop."""

    def work(connection: Connection) -> str:
        record = _known(connection, store, session_id)
        if record.status is SessionStatus.ENDED:
            raise AvatarbotError(f"Session {session_id} has ended already.")
        inbox.add(connection, store.cipher, [_stop_row(record)], datetime.now(UTC))
        return f"Session {session_id} is told to stop."

    return await store.write(work)


def _stop_row(record: SessionRecord) -> inbox.NewRow:
    inbound = Inbound(
        event_id=f"operator-{new_id()}",
        stamp=time.time_ns() // 1000,
        place=record.talk,
        person=OPERATOR,
        body=Command("stop"),
    )
    return inbox.NewRow(new_id(), record.id, inbound, "stop", {}, None, Role.ADMIN)


def _known(connection: Connection, store: Store, session_id: str) -> SessionRecord:
    record = sessions.get(connection, store.cipher, session_id)
    if record is None:
        raise AvatarbotError(f"There is no session {session_id}; `avatarbot sessions list` shows those that run.")
    return record


async def transcript(store: Store, session_id: str, form: str) -> str:
    """What was said in a session, as `md`, `json`, `vtt` or `srt`. Raises `AvatarbotError` for an unknown session."""
    file = await StoredArchive(store).export(session_id, form)
    if file is None:
        raise AvatarbotError(f"There is no session {session_id}, or what was said in it is forgotten.")
    return file.content.decode()


async def forget(store: Store, session_ids: Sequence[str]) -> str:
    """Delete ended sessions with all that was said in them. Raises `AvatarbotError`, and deletes none, when one is unknown or runs."""

    def work(connection: Connection) -> str:
        for session_id in session_ids:
            record = _known(connection, store, session_id)
            if record.status is not SessionStatus.ENDED:
                raise AvatarbotError(
                    f"Session {session_id} has not ended: stop it first, `avatarbot sessions stop {session_id}`."
                )
        return _forgotten(sessions.forget(connection, session_ids))

    return await store.write(work)


async def forget_older(store: Store, days: int) -> str:
    """Delete every session that ended more than so many days ago."""

    def work(connection: Connection) -> str:
        old = sessions.ended_before(connection, datetime.now(UTC) - timedelta(days=days))
        return _forgotten(sessions.forget(connection, old))

    return await store.write(work)


def _forgotten(number: int) -> str:
    return f"Forgot {number} session{'' if number == 1 else 's'}."


async def allow(store: Store, platform: str, workspace_id: str, *, yes: bool) -> str:
    """Let a workspace start sessions on the operator's AKOOL account, or no longer."""

    def work(connection: Connection) -> str:
        channels.allow(connection, platform, workspace_id, yes=yes)
        return f"Workspace {workspace_id} on {platform} may {'now' if yes else 'no longer'} start sessions."

    return await store.write(work)


async def revoke_links(store: Store) -> str:
    """Revoke all Watch links of all sessions."""
    number = await store.write(grants.revoke_all)
    return f"Revoked {number} link{'' if number == 1 else 's'}."

"""Operations that need more than the database."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from bot.app.wiring import open_provider, open_store
from bot.clock import SystemClock
from bot.domain.errors import AvatarbotError
from bot.domain.identity import new_id
from bot.domain.messages import Command, Inbound
from bot.domain.people import Membership, Person, Role
from bot.domain.sessions import SessionStatus
from bot.jobs.reaper import Reaper, Swept
from bot.queries.archive import StoredArchive
from bot.settings import Settings, load
from bot.speech.printable import printable_line
from bot.storage import channels, grants, inbox, sessions
from bot.storage.engine import Store
from bot.storage.records import SessionRecord
from bot.telemetry import new_metrics

BETWEEN_SWEEPS = 5.0
"""Seconds: what is unknown in one sweep only may have been written down a moment later."""


async def reap() -> Sequence[str]:
    """`avatarbot sessions reap`: what was found at AKOOL, a sentence each. Raises `AvatarbotError`."""
    settings = load(Settings)
    async with open_store(settings) as store, open_provider(settings, new_metrics()) as provider:
        reaper = Reaper(store, provider, SystemClock(), account_is_ours=settings.akool_key_is_ours)
        await reaper.sweep()
        await asyncio.sleep(BETWEEN_SWEEPS)
        swept = await reaper.sweep()
        return sentences(swept, provider.name) or [f"Nothing runs at {provider.name} that is not known here."]


def sentences(swept: Swept, provider: str) -> list[str]:
    """What came of a sweep, for the operator."""
    remedy = "If nothing else uses this key, AVATARBOT_AKOOL_KEY_IS_OURS=true closes it."
    return [
        *(f"{id_} was left over and is closed." for id_ in swept.closed),
        *(f"{id_} runs at {provider} and is not known here. {remedy}" for id_ in swept.strangers),
        *(["A session is being created at this moment; try again in a minute."] if swept.too_early else []),
    ]


OPERATOR = Person("operator", "the operator", Membership.ADMIN)

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
        sequence=time.time_ns() // 1000,
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
    file = await StoredArchive(store, load(Settings).disclosures).export(session_id, form)
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

"""Operations that need more than the database."""

import asyncio
import contextlib
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.app.wiring import BESIDE_THE_SERVICE, open_provider, open_storage
from bot.clock import SystemClock, new_id
from bot.domain.conversations import Command, ConversationRef, Inbound, Membership, Person, Role
from bot.domain.errors import AvatarbotError, ProviderError, SettingsError
from bot.domain.sessions import EndReason, SessionStatus
from bot.domain.text import printable_line
from bot.jobs.reaper import Reaper, Swept
from bot.ports.provider import AvatarProvider
from bot.ports.storage import Storage
from bot.ports.storage.records import NewRow, SessionRecord
from bot.queries.account import not_kept
from bot.queries.archive import StoredArchive
from bot.queries.sessions import counted
from bot.runtime.accounts import ProviderAccounts, accounts_of
from bot.runtime.funding import Funding
from bot.settings import Settings, load
from bot.storage import backup
from bot.storage.keys import key_file
from bot.telemetry import new_metrics

BETWEEN_SWEEPS = 5.0
"""Seconds: what is unknown in one sweep only may have been written down a moment later."""


async def reap() -> Sequence[str]:
    """`avatarbot sessions reap`: what was found at the provider, a sentence each. Raises `AvatarbotError`."""
    settings = load(Settings)
    async with (
        open_storage(settings, BESIDE_THE_SERVICE) as storage,
        open_provider(settings, new_metrics()) as provider,
    ):
        accounts = _accounts(storage, provider)
        reaper = Reaper(storage, accounts, SystemClock(), account_is_ours=settings.akool_key_is_ours)
        await reaper.sweep()
        await asyncio.sleep(BETWEEN_SWEEPS)
        swept = await reaper.sweep()
        return sentences(swept, provider.name) or [f"Nothing runs at {provider.name} that is not known here."]


def sentences(swept: Swept, provider: str) -> list[str]:
    """What came of a sweep, for the operator."""
    remedy = "If nothing else uses this key, AVATARBOT_AKOOL_KEY_IS_OURS=true closes it."
    return [
        *(f"{id_} was left over and is closed." for id_ in swept.closed),
        *(
            f"{id_} runs at {provider}, is not known here and could not be closed. Try again in a minute."
            for id_ in swept.unclosed
        ),
        *(f"{id_} runs at {provider} and is not known here. {remedy}" for id_ in swept.strangers),
        *(["A session is being created at this moment; try again in a minute."] if swept.too_early else []),
    ]


OPERATOR = Person("operator", "the operator", Membership.ADMIN)

COLUMNS = ("SESSION", "STATUS", "PLATFORM", "WORKSPACE", "CHANNEL", "AVATAR", "STARTED BY", "SINCE (UTC)")


async def listing(storage: Storage) -> str:
    """Sessions of all workspaces that have not ended, oldest first, in columns."""
    return _table(await storage.sessions.everywhere())


def _table(records: Sequence[SessionRecord]) -> str:
    if not records:
        return "No session is running."
    return in_columns(COLUMNS, map(_row, records))


def in_columns(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table for a terminal."""
    table = [heads, *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in table)


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


async def stop(storage: Storage, session_id: str) -> str:
    """Ask the session's run to stop; answers with a sentence. Raises `AvatarbotError` when there is nothing to stop."""
    await _known(storage, session_id)
    for session in await storage.sessions.ask_to_end([session_id], EndReason.STOPPED, _stop_row):
        asleep = session.status is SessionStatus.SLEEPING
        return f"Session {session_id} {'was asleep, and has ended' if asleep else 'is told to stop'}."
    raise AvatarbotError(f"Session {session_id} has ended already.")


def _stop_row(record: SessionRecord) -> NewRow:
    inbound = Inbound(
        event_id=f"operator-{new_id()}",
        sequence=time.time_ns() // 1000,
        place=record.talk,
        person=OPERATOR,
        body=Command("stop"),
    )
    return NewRow(new_id(), record.id, inbound, "stop", {}, None, Role.ADMIN)


async def _known(storage: Storage, session_id: str) -> SessionRecord:
    record = await storage.sessions.get(session_id)
    if record is None:
        raise AvatarbotError(f"There is no session {session_id}; `avatarbot sessions list` shows those that run.")
    return record


async def transcript(storage: Storage, session_id: str, form: str) -> str:
    """What was said in a session, as `md`, `json`, `vtt` or `srt`. Raises `AvatarbotError` for an unknown session."""
    file = await StoredArchive(storage, load(Settings).disclosures).export(session_id, form)
    if file is None:
        raise AvatarbotError(f"There is no session {session_id}, or what was said in it is forgotten.")
    return file.content.decode()


async def forget(storage: Storage, session_ids: Sequence[str]) -> str:
    """Delete ended sessions with all that was said in them. Raises `AvatarbotError`, and deletes none, when one is unknown or runs."""
    for session_id in session_ids:
        record = await _known(storage, session_id)
        if record.status is not SessionStatus.ENDED:
            raise AvatarbotError(
                f"Session {session_id} has not ended: stop it first, `avatarbot sessions stop {session_id}`."
            )
    return _forgotten(await storage.sessions.forget(session_ids))


async def forget_older(storage: Storage, days: int) -> str:
    """Delete every session that ended more than so many days ago."""
    return _forgotten(await storage.sessions.forget_older(timedelta(days=days)))


async def forget_person(storage: Storage, platform: str, workspace_id: str, person_id: str) -> str:
    """Take one person's words out of all that is kept of a workspace."""
    place = ConversationRef(platform, workspace_id, "")
    messages = await storage.transcripts.forget_person(place, person_id)
    return f"Forgot {counted(messages)} of {person_id}."


def _forgotten(number: int) -> str:
    return f"Forgot {number} session{'' if number == 1 else 's'}."


async def allow(storage: Storage, platform: str, workspace_id: str, *, yes: bool) -> str:
    """Let a workspace start sessions on the operator's account, or no longer."""
    await storage.channels.allow(platform, workspace_id, yes=yes)
    return f"Workspace {workspace_id} on {platform} may {'now' if yes else 'no longer'} start sessions."


async def keep_key(platform: str, workspace_id: str, key: str) -> str:
    """Let a workspace use the provider's account of this key; an empty one takes it back. Raises `AvatarbotError` for one that is refused."""
    settings, place = load(Settings), ConversationRef(platform, workspace_id, "")
    async with (
        open_storage(settings, BESIDE_THE_SERVICE) as storage,
        open_provider(settings, new_metrics()) as provider,
        contextlib.aclosing(_accounts(storage, provider)) as accounts,
    ):
        whose = f"Workspace {workspace_id} on {platform}"
        if not key:
            return f"{whose} {'has no key of its own any more' if await accounts.drop(place) else 'has no key of its own'}."
        try:
            own = await accounts.keep(place, key)
        except ProviderError as error:
            raise AvatarbotError(not_kept(provider.name, error), error.detail) from error
        return f"{whose} uses its own {provider.name} account now, by the key {own.hint}."


def _accounts(storage: Storage, provider: AvatarProvider) -> ProviderAccounts:
    return accounts_of(provider, storage, Funding(storage.channels, lambda *_: False))


def back_up(file: Path) -> str:
    """`avatarbot backup`. Raises `SettingsError`."""
    settings = _with_a_file()
    size = backup.back_up(settings.database_path, file)
    return f"{settings.database_path} is copied to {file} ({size / 1_000_000:.1f} MB). {_where_the_key_is(settings)}"


def _with_a_file() -> Settings:
    settings = load(Settings)
    if settings.on_server:
        raise SettingsError(
            "The database is on a server: copy it with pg_dump and put the copy back with pg_restore. Keep AVATARBOT_SECRET_KEYS apart."
        )
    return settings


def _where_the_key_is(settings: Settings) -> str:
    kept = "AVATARBOT_SECRET_KEYS" if settings.secret_keys else key_file(settings)
    return f"It can be read with the key only, which is in {kept}: keep that too, and not beside the copy."


def restore(file: Path) -> str:
    """`avatarbot restore`. Raises `SettingsError`."""
    settings = _with_a_file()
    former = backup.restore(file, settings, datetime.now(UTC))
    kept = f" What was there is {former} now." if former else ""
    return f"{file} is in the place of {settings.database_path}.{kept}"


async def revoke_links(storage: Storage) -> str:
    """Revoke all Watch links of all sessions."""
    number = await storage.grants.revoke_all()
    return f"Revoked {number} link{'' if number == 1 else 's'}."

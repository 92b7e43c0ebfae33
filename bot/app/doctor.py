"""`avatarbot doctor`: looks at everything that can be wrong before it goes wrong, and says what to do about each."""

import asyncio
import contextlib
import os
import shlex
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from adapters.moderation.checks import check as check_moderation
from bot.app.files import exposed
from bot.app.plugins import faults, platforms
from bot.app.running import running
from bot.app.wiring import check_key, known_settings, open_hints, provider_context, provider_plugin, rooms_plugin
from bot.domain.errors import AvatarbotError, SettingsError
from bot.domain.text import printable_line
from bot.ports.plugin import AdapterPlugin, Finding, Level, Observation
from bot.redaction import REDACTOR
from bot.settings import Settings, environment, load, unknown_names
from bot.storage.keys import key_file, secret_keys
from bot.storage.migrate import connected, current_revision, is_newer, is_readable, newer, newest_revision
from bot.telemetry import new_metrics
from bot.web.app import listen

Check = Callable[[], Awaitable[Sequence[Finding]]]
"""Looks at one thing. What it raises is reported as a problem."""

LONGEST_S = 35.0
"""A check that has not ended by then is reported as stuck. A provider's own may take 30 s."""

ROOM_BYTES = 100 * 1024 * 1024
"""Less than this left on the database's disk is worth a warning."""

OLDEST_PYTHON = (3, 11)

SIGNS = {Level.OK: "✓", Level.WARNING: "!", Level.PROBLEM: "✗"}
COLOURS = {Level.OK: "32", Level.WARNING: "33", Level.PROBLEM: "31"}


async def examine(checks: Sequence[Check]) -> Sequence[Finding]:
    """Run all checks at once; findings come in the order of the checks."""
    return list(chain.from_iterable(await asyncio.gather(*map(_findings, checks))))


async def _findings(check: Check) -> Sequence[Finding]:
    try:
        async with asyncio.timeout(LONGEST_S):
            return await check()
    except TimeoutError:
        what = f"{_name(check)}: no answer within {LONGEST_S:g} s"
        return [Finding(Level.PROBLEM, what, "Check the network.", starts=True)]
    except AvatarbotError as error:
        return [Finding(Level.PROBLEM, error.sentence, starts=not isinstance(error, SettingsError))]
    except Exception as error:  # noqa: BLE001 - a broken check must not hide what the others found
        what = f"{_name(check)}: the check itself broke ({type(error).__name__}: {REDACTOR.text(str(error))})"
        return [Finding(Level.PROBLEM, what, "Please report this.", starts=True)]


def _name(check: Check) -> str:
    return str(getattr(check, "__qualname__", type(check).__name__))


def table(findings: Sequence[Finding], *, colour: bool = False) -> str:
    """One line for each finding, its remedy under it, and a sum at the end."""
    return "\n".join([*lines(findings, colour=colour), "", _sum(findings)])


def lines(findings: Sequence[Finding], *, colour: bool = False) -> Sequence[str]:
    """One for each finding, and its remedy under it."""
    return list(chain.from_iterable(_lines(finding, colour=colour) for finding in findings))


def _lines(finding: Finding, *, colour: bool) -> Iterator[str]:
    sign = SIGNS[finding.level]
    painted = f"\033[{COLOURS[finding.level]}m{sign}\033[0m"
    yield f"{painted if colour else sign} {printable_line(finding.what)}"
    if finding.remedy:
        yield f"    {printable_line(finding.remedy)}"


def _sum(findings: Sequence[Finding]) -> str:
    problems = sum(finding.level is Level.PROBLEM for finding in findings)
    warnings = sum(finding.level is Level.WARNING for finding in findings)
    if not problems and not warnings:
        return "All is well."
    starts = (
        ""
        if not problems
        else " The service starts all the same."
        if not exit_code(findings)
        else " It does not start."
    )
    return f"{_count(problems, 'problem')}, {_count(warnings, 'warning')}.".capitalize() + starts


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"


def exit_code(findings: Sequence[Finding]) -> int:
    """What `avatarbot run` would end with at once: 2, or 0 when it starts."""
    return 2 if any(finding.level is Level.PROBLEM and not finding.starts for finding in findings) else 0


# ---------------------------------------------------------------- what the core looks at


Inside = Callable[[Settings], Awaitable[Finding]]
"""Whether the database has the tables this version needs, and is written with the keys that are here. Asked only where there is one."""


def core_checks(known: Collection[str], inside: Inside) -> Sequence[Check]:
    """The core's own checks. `known` are the names of everybody's settings."""

    async def core() -> Sequence[Finding]:
        context = [python(sys.version_info[:2]), *unknown(environment(), known)]
        try:
            settings = load(Settings)
        except SettingsError as error:
            return [*context, Finding(Level.PROBLEM, error.sentence, "Mend it in .env or in the environment.")]
        listening = await running(settings) or [port(settings)]
        kept = [*await _kept(settings, inside), *map(_readable, exposed(settings))]
        return [*context, *kept, *listening, public_url(settings), *disclosure(settings)]

    return [core]


def python(version: tuple[int, ...]) -> Finding:
    running = ".".join(map(str, version))
    if version < OLDEST_PYTHON:
        return Finding(Level.PROBLEM, f"Python {running} is too old", "Use Python 3.11 or newer.")
    return Finding(Level.OK, f"Python {running}")


def unknown(environ: Mapping[str, str], known: Collection[str]) -> Sequence[Finding]:
    """A mistyped setting would be ignored without a word."""
    names = unknown_names(environ, known)
    return [Finding(Level.PROBLEM, str(name), "Correct it or take it out.", starts=True) for name in names]


def database(settings: Settings, room_bytes: int = ROOM_BYTES) -> Finding:
    """Whether the server lets us in, or the file can be written now: folder, rights, so much room on the disk, another program's lock."""
    if settings.on_server:
        return _server(settings)
    file = settings.database_path
    if not file.parent.is_dir():
        return Finding(
            Level.PROBLEM, f"Database: there is no folder {file.parent}", "Make it, or correct DATABASE_URL."
        )
    return _rights(file) or _room(file, room_bytes) or _lock(file) or Finding(Level.OK, f"Database: {file}")


def _server(settings: Settings) -> Finding:
    from bot.storage.postgresql import connections_of, pool_size, server_room  # noqa: PLC0415 - its driver is an extra

    try:
        with connected(settings.store_url) as connection:
            version = ".".join(map(str, connection.dialect.server_version_info or ()))
            room = server_room(connection)
    except AvatarbotError as error:
        return Finding(Level.PROBLEM, f"Database: {error.sentence}")
    what, wanted = f"Database: {settings.database_name}, PostgreSQL {version}", connections_of(settings.roles_played)
    if room.pooled:
        return Finding(Level.OK, f"{what}, behind a pooler")
    if room.taken + wanted > room.most:
        return Finding(
            Level.PROBLEM if pool_size(settings.roles_played).total > room.most else Level.WARNING,
            f"{what}, lends {room.most} connections; processes that live hold {room.taken}, and this one wants {wanted}",
            "Raise max_connections of the server or the user's CONNECTION LIMIT, or put PgBouncer (pool_mode = transaction) before it.",
        )
    return Finding(Level.OK, f"{what}, {room.taken} of {room.most} connections held by processes that live")


def _rights(file: Path) -> Finding | None:
    try:
        with tempfile.TemporaryFile(dir=file.parent):  # SQLite keeps its journal beside the file
            writable = not file.exists() or os.access(file, os.W_OK)
    except OSError:
        writable = False
    if writable:
        return None
    remedy = "Give this user the right to write there, or set DATABASE_URL to another place."
    return Finding(Level.PROBLEM, f"Database: {file} cannot be written", remedy)


def _room(file: Path, room_bytes: int) -> Finding | None:
    free = shutil.disk_usage(file.parent).free
    if free >= room_bytes:
        return None
    what = f"Database: {free // 2**20} MB are left on the disk of {file}"
    return Finding(
        Level.PROBLEM if free < 2**20 else Level.WARNING, what, "Make room, or move the file (DATABASE_URL)."
    )


def _lock(file: Path) -> Finding | None:
    if not file.exists():
        return None
    try:
        with closing(sqlite3.connect(file, timeout=1.5, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        return Finding(
            Level.PROBLEM,
            f"Database: {file}: {error}",
            "Stop the other program that uses the file, and look at its rights.",
        )
    except sqlite3.DatabaseError:
        return Finding(
            Level.PROBLEM, f"Database: {file} is not a SQLite database", "Correct DATABASE_URL, or restore the file."
        )
    return None


async def _kept(settings: Settings, inside: Inside) -> Sequence[Finding]:
    """Of the database and its keys. Inside is looked where there is one, and whoever looks gets in."""
    there = await asyncio.to_thread(database, settings)
    opens = keys(settings)
    closed = settings.on_server and Level.PROBLEM in {there.level, opens.level}
    if closed or not (settings.on_server or settings.database_path.exists()):
        return [there, opens]
    passing = [await hints(settings)] if settings.on_server else []
    try:
        return [there, *passing, await inside(settings), opens]
    except AvatarbotError as error:
        return [there, *passing, Finding(Level.PROBLEM, f"Database: {error.sentence}")]


async def hints(settings: Settings) -> Finding:
    """Whether what one process tells comes to another."""
    if not settings.hints:
        return Finding(Level.OK, "Hints between processes: off, messages are found within a quarter of a second")
    try:
        await open_hints(settings)
    except SettingsError as error:
        return Finding(Level.PROBLEM, f"Hints between processes: {error.sentence}")
    return Finding(Level.OK, "Hints between processes pass")


def keys(settings: Settings) -> Finding:
    """Where the keys are, and whether others can read them."""
    if settings.secret_keys:
        return Finding(Level.OK, f"Secret keys: {len(settings.secret_keys)} from AVATARBOT_SECRET_KEYS")
    file = key_file(settings)
    if not (settings.on_server or file.exists()):
        return Finding(Level.OK, f"Secret keys: {file} will be made at the first start")
    try:
        secret_keys(settings)
    except SettingsError as error:
        return Finding(Level.PROBLEM, f"Secret keys: {error.sentence}")
    return Finding(Level.OK, f"Secret keys: {file}; keep a copy of it apart from the database's")


def _readable(file: Path) -> Finding:
    return Finding(Level.WARNING, f"Others on this machine can read {file}", f"chmod 600 {shlex.quote(str(file))}")


def port(settings: Settings) -> Finding:
    try:
        listen(settings.host, settings.port).close()
    except SettingsError as error:
        return Finding(
            Level.PROBLEM, f"Port: {error.sentence}", "If that is this service already running, all is well."
        )
    return Finding(Level.OK, f"Port {settings.port} is free")


def public_url(settings: Settings) -> Finding:
    """Watch links begin with it, and chat platforms only show what is behind https."""
    if settings.public_url is None:
        remedy = "Set PUBLIC_URL to the address people reach this service at, or nobody but you can watch."
        return Finding(Level.WARNING, f"Watch links lead to {settings.address}", remedy)
    url = urlsplit(settings.public_url)
    local = url.hostname in {"localhost", "127.0.0.1", "::1"}
    if url.scheme == "http" and not local:
        remedy = "Use https: browsers decode video (WebCodecs) on secure pages only."
        return Finding(Level.WARNING, f"Watch links lead to {settings.public_url}, which is not encrypted", remedy)
    return Finding(Level.OK, f"Watch links lead to {settings.public_url}")


def disclosure(settings: Settings) -> Sequence[Finding]:
    """Mentioned for as long as it is switched off."""
    if settings.disclosure:
        return []
    remedy = "Take AVATARBOT_DISCLOSURE out: the law of the EU asks that people are told, unless it is obvious."
    return [Finding(Level.WARNING, "People are not told that an avatar is an AI", remedy)]


REACHED_WITHIN_S: Final = 3.0


def doctor_checks() -> Sequence[Check]:
    """All checks, in the order in which they are reported."""
    return [
        *core_checks(known_settings(), tables),
        _plugins,
        _provider,
        _moderation,
        *map(_of, platforms().plugins.values()),
        _platforms,
    ]


async def _provider() -> Sequence[Finding]:
    """Of whoever `run` would have host the avatars."""
    try:
        settings = load(Settings)
    except SettingsError:  # the core's check says it
        return []
    plugin = provider_plugin(settings)
    if settings.simulator_url:
        return [await _simulator(settings.simulator_url, plugin.title)]
    rooms = rooms_plugin(plugin)
    return await examine([_of(each) for each in (plugin, rooms) if each])


async def _simulator(url: str, provider: str) -> Finding:
    where, port = urlsplit(url), urlsplit(url).port
    try:
        async with asyncio.timeout(REACHED_WITHIN_S):
            _, writer = await asyncio.open_connection(where.hostname, port or (443 if where.scheme == "https" else 80))
    except OSError:  # a time-out is one too
        remedy = f"Start it (`python -m adapters.simulator`), or take AVATARBOT_SIMULATOR_URL out to use {provider}."
        return Finding(Level.PROBLEM, f"Nobody answers at the simulator's URL, {url}", remedy, starts=True)
    writer.close()
    return Finding(Level.OK, f"A simulator hosts the avatars, in place of {provider}: {url}")


async def _moderation() -> Sequence[Finding]:
    """Of the team's own service, where one is set."""
    with contextlib.suppress(SettingsError):  # the core's check says it
        settings = load(Settings)
        if settings.moderation_url:
            return await check_moderation(
                settings.moderation_url, settings.moderation_secret, settings.moderation_unanswered
            )
    return []


async def _plugins() -> Sequence[Finding]:
    """Adapters that are installed and cannot be used."""
    return [Finding(Level.PROBLEM, fault) for fault in faults()]


async def _platforms() -> Sequence[Finding]:
    there = platforms().plugins.values()
    with contextlib.suppress(SettingsError):  # the platform's own check says it
        if not any(plugin.configured(load(plugin.settings)) for plugin in there):
            setups = "".join(f"Set {plugin.setup}, or " for plugin in there).replace(", or Set ", ", or set ")
            start = "start with `avatarbot run --playground`."
            remedy = f"{setups}{start}" if setups else start.capitalize()
            return [Finding(Level.PROBLEM, "No chat platform is set up", remedy)]
    return []


def _of(plugin: AdapterPlugin) -> Check:
    """An adapter's check with its settings; what is wrong with those is a finding too."""

    async def checked() -> Sequence[Finding]:
        return await plugin.check(load(plugin.settings))

    checked.__qualname__ = plugin.title
    return checked


async def tables(settings: Settings) -> Finding:
    """Raises `SettingsError` for a database that `run` would refuse, `StoreUnavailable` for one that cannot be read."""
    there = current_revision(settings.store_url)
    if is_newer(there):
        with connected(settings.store_url) as connection:
            if not is_readable(connection, there):
                raise newer(settings.store_url, there)
        return Finding(Level.OK, "The tables are a newer version's, and this one can use them.")
    if there != newest_revision():
        if settings.on_server:
            _require_rights(settings)
        return Finding(
            Level.WARNING,
            f"The tables are at {there or 'nothing'}.",
            "`avatarbot run` brings them up to date by itself.",
        )
    check_key(settings)
    return Finding(Level.OK, "The tables are up to date, and what is encrypted in them can be read.")


def _require_rights(settings: Settings) -> None:
    """Raises `SettingsError` where `run` could not bring the tables up to date."""
    from bot.storage.postgresql import require_rights  # noqa: PLC0415 - its driver is an extra

    with connected(settings.store_url) as connection:
        require_rights(connection, settings.store_url)


# ---------------------------------------------------------------- with --live

AS_EXPECTED = {True: "✓", False: "≠"}


async def try_live(tell: Callable[[str], None]) -> int:
    """One short session that is paid for: tell each thing as it is seen.

    Ends with 0 where all is as expected, else with 1. Raises `AvatarbotError` where it cannot go on.
    """
    settings = load(Settings)
    plugin = provider_plugin(settings)
    if plugin.try_live is None:
        raise SettingsError(f"There is no live check of {plugin.title}.")
    seen: list[Observation] = []

    def take(observation: Observation) -> None:
        seen.append(observation)
        tell(line(observation))

    async with provider_context(settings, plugin, new_metrics()) as context:
        await plugin.try_live(load(plugin.settings), context, take)
    tell(_differences(seen))
    return 0 if all(each.fits for each in seen) else 1


def line(seen: Observation) -> str:
    """One line: what, seen, and where it differs what was expected. What the vendor calls its fields moves no cursor."""
    expected = "" if seen.fits else f"  (expected: {seen.expected})"
    return printable_line(f"{AS_EXPECTED[seen.fits]} {seen.what}: {seen.seen}{expected}")


def _differences(seen: Sequence[Observation]) -> str:
    others = sum(not each.fits for each in seen)
    if not others:
        return "\nAll is as expected."
    return f"\n{others} of {len(seen)} differ from what is documented: please attach these lines to an issue. They hold no secret."

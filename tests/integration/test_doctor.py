import asyncio
import os
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from bot.app import doctor
from bot.app.doctor import core_checks, examine, exit_code, table
from bot.app.files import exposed, history_file
from bot.domain.errors import StoreUnavailable
from bot.ports.plugin import Finding, Level
from bot.settings import Settings, known_names, load
from bot.storage.keys import key_file, secret_keys
from bot.testing.virtual_time import virtual
from bot.web.app import listen

OK = Finding(Level.OK, "fine")
WARNING = Finding(Level.WARNING, "so so", "look at it")
PROBLEM = Finding(Level.PROBLEM, "broken", "mend it")
STARTS = Finding(Level.PROBLEM, "does not work", "mend it", starts=True)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(tmp_path)
    for name in [*known_names(Settings), *os.environ]:
        if name in known_names(Settings) or name.startswith("AVATARBOT_"):
            monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PORT", "0")
    return load(Settings)


def test_the_table_puts_the_remedy_under_what_was_found() -> None:
    assert table([OK, WARNING, PROBLEM]).splitlines() == [
        "✓ fine",
        "! so so",
        "    look at it",
        "✗ broken",
        "    mend it",
        "",
        "1 problem, 1 warning. It does not start.",
    ]
    assert table([STARTS]).endswith("1 problem, no warnings. The service starts all the same.")
    assert table([OK]).endswith("All is well.")
    assert "\033[31m✗\033[0m broken" in table([PROBLEM], colour=True)


@pytest.mark.parametrize(
    ("findings", "code"), [([], 0), ([OK, WARNING], 0), ([OK, PROBLEM], 2), ([OK, STARTS], 0), ([STARTS, PROBLEM], 2)]
)
def test_only_a_problem_stops_the_start(findings: list[Finding], code: int) -> None:
    assert exit_code(findings) == code


@virtual
async def test_a_check_that_fails_hides_no_other() -> None:
    async def fine() -> Sequence[Finding]:
        return [OK]

    async def refuses() -> Sequence[Finding]:
        raise StoreUnavailable("The database is locked.")

    async def breaks() -> Sequence[Finding]:
        raise KeyError("gone")

    async def hangs() -> Sequence[Finding]:
        await asyncio.Event().wait()
        return []

    found = await examine([refuses, breaks, hangs, fine])

    assert [finding.level for finding in found] == [Level.PROBLEM] * 3 + [Level.OK]
    assert found[0].what == "The database is locked."
    assert "KeyError: 'gone'" in found[1].what
    assert "no answer within 35 s" in found[2].what


async def migrated(_settings: Settings) -> Finding:
    return Finding(Level.OK, "Tables: current")


async def unreadable(_settings: Settings) -> Finding:
    raise StoreUnavailable("The disk reports an error.")


async def test_a_fresh_place_is_well_but_for_its_address(settings: Settings) -> None:
    found = await examine(core_checks(known_names(Settings), migrated))
    assert [(f.level, f.what.split(":")[0]) for f in found] == [
        (Level.OK, f"Python {sys.version_info[0]}.{sys.version_info[1]}"),
        (Level.OK, "Database"),
        (Level.OK, "Secret keys"),
        (Level.OK, "Port 0 is free"),
        (Level.WARNING, "Watch links lead to http"),
    ]
    assert not settings.database_path.exists()
    assert not key_file(settings).exists()


async def test_the_schema_is_looked_at_once_there_is_a_file(settings: Settings) -> None:
    sqlite3.connect(settings.database_path).close()
    assert Finding(Level.OK, "Tables: current") in await examine(core_checks(known_names(Settings), migrated))
    found = await examine(core_checks(known_names(Settings), unreadable))
    assert Finding(Level.PROBLEM, "Database: The disk reports an error.") in found


async def test_bad_settings_and_mistyped_names_are_both_reported(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", "abc")
    (settings.database_path.parent / ".env").write_text("AVATARBOT_RETENTION=3\n")
    found = await examine(core_checks(known_names(Settings), migrated))
    problems = [finding.what for finding in found if finding.level is Level.PROBLEM]
    assert problems == [
        "AVATARBOT_RETENTION is not a setting; did you mean AVATARBOT_RETENTION_DAYS?",
        "PORT should be a valid integer, not 'abc'.",
    ]


def test_a_locked_database_is_said(settings: Settings) -> None:
    with closing(sqlite3.connect(settings.database_path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        found = doctor.database(settings)
    assert (found.level, found.what.rsplit(": ")[-1]) == (Level.PROBLEM, "database is locked")
    assert doctor.database(settings).level is Level.OK


def test_what_is_no_database_is_said(settings: Settings) -> None:
    settings.database_path.write_text("a letter to my aunt, of some length " * 100)
    assert "is not a SQLite database" in doctor.database(settings).what


def test_a_missing_folder_is_said(settings: Settings) -> None:
    nowhere = settings.model_copy(update={"database_url": "sqlite:///nowhere/a.db"})
    assert "there is no folder" in doctor.database(nowhere).what


def test_a_folder_without_rights_is_said(settings: Settings) -> None:
    system = settings.model_copy(update={"database_url": "sqlite:////proc/avatarbot.db"})
    assert "cannot be written" in doctor.database(system).what


def test_a_full_disk_is_said(settings: Settings) -> None:
    found = doctor.database(settings, room_bytes=2**63)
    assert found.level is Level.WARNING
    assert "MB are left" in found.what


async def test_files_that_others_can_read_are_said(settings: Settings) -> None:
    secret_keys(settings)
    sqlite3.connect(settings.database_path).close()
    history, env = history_file(settings), Path(".env").absolute()
    files = [settings.database_path, key_file(settings), history, env]
    for file in files:
        file.touch()
        file.chmod(0o600)
    assert exposed(settings) == []
    for mode in (0o640, 0o604, 0o666):
        for file in files:
            file.chmod(mode)
        assert exposed(settings) == files
    found = await examine(core_checks(known_names(Settings), migrated))
    said = [f for f in found if "Others on this machine can read" in f.what]
    assert [f.level for f in said] == [Level.WARNING] * 4
    assert said[1].remedy == f"chmod 600 {key_file(settings)}"


def test_no_name_in_a_finding_moves_the_cursor() -> None:
    assert table([Finding(Level.OK, "Slack: Ann\x1b[2J\nin a team")]).splitlines()[0] == "✓ Slack: Ann [2J in a team"


def test_a_spoilt_key_is_said(settings: Settings) -> None:
    key_file(settings).write_text("spoilt")
    assert doctor.keys(settings).level is Level.PROBLEM


def test_a_taken_port_is_said(settings: Settings) -> None:
    with listen("127.0.0.1", 0) as taken:
        busy = settings.model_copy(update={"host": "127.0.0.1", "port": taken.getsockname()[1]})
        assert "is taken by another program" in doctor.port(busy).what


@pytest.mark.parametrize(
    ("url", "level"),
    [
        (None, Level.WARNING),
        ("http://avatars.example.com", Level.WARNING),
        ("http://localhost:8080", Level.OK),
        ("https://avatars.example.com", Level.OK),
    ],
)
def test_watch_links_should_be_reachable_and_secure(settings: Settings, url: str | None, level: Level) -> None:
    assert doctor.public_url(settings.model_copy(update={"public_url": url})).level is level


def test_an_old_python_is_said() -> None:
    assert doctor.python((3, 10)).level is Level.PROBLEM


def test_switched_off_disclosure_is_reported_each_time(settings: Settings) -> None:
    assert doctor.disclosure(settings) == []
    (finding,) = doctor.disclosure(settings.model_copy(update={"disclosure": False}))
    assert finding.level is Level.WARNING
    assert "AVATARBOT_DISCLOSURE" in finding.remedy


async def test_a_check_that_breaks_tells_no_token() -> None:
    async def broken() -> Sequence[Finding]:
        raise RuntimeError("Illegal header value b'Bearer not-for-your-eyes'")

    (found,) = await examine([broken])
    assert "Illegal header value" in found.what
    assert "not-for-your-eyes" not in found.what

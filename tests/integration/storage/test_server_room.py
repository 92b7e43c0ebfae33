"""What `avatarbot doctor` says of a server's connections, and of what stands before it."""

from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from sqlalchemy.engine import URL

from bot.app.doctor import database, exit_code, hints
from bot.clock import SystemClock
from bot.ports.plugin import Finding, Level
from bot.ports.storage.records import ProcessProfile
from bot.process_roles import ALL_ROLES, ProcessRole
from bot.settings import Settings
from bot.storage.encryption import Cipher
from bot.storage.postgresql import connections_of
from bot.storage.sql import sql_storage
from tests.pooler import pooled
from tests.server import fresh_database


def settings(url: URL, **given: str) -> Settings:
    named = {"DATABASE_URL": url.render_as_string(hide_password=False), **given}
    return Settings.model_validate(named)


@pytest.mark.parametrize(("role", "connections"), [("worker", 9), ("web", 6), ("gateway", 5)])
def test_each_role_holds_what_it_needs(role: str, connections: int) -> None:
    assert connections_of([ProcessRole(role)]) == connections
    assert connections_of(ALL_ROLES) == 9


async def enlisted(url: URL, *profiles: ProcessProfile) -> None:
    cipher = Cipher((Fernet.generate_key().decode(),))
    async with sql_storage(url.render_as_string(hide_password=False), cipher, SystemClock()) as storage:
        for number, profile in enumerate(profiles):
            await storage.workers.enlist(f"w{number}", profile, lasts=timedelta(hours=1))


async def test_living_processes_are_added_up() -> None:
    with fresh_database() as url:
        web = ProcessProfile(roles=frozenset({ProcessRole.WEB}), rooms=0)
        await enlisted(url, web, web, ProcessProfile())
        found = database(settings(url))
        assert (found.level, "21 of" in found.what) == (Level.OK, True), found


async def test_more_than_the_server_lends_is_a_warning() -> None:
    with fresh_database() as url:
        await enlisted(url, *[ProcessProfile()] * 40)
        found = database(settings(url))
        assert (found.level, "hold 360, and this one wants 9" in found.what) == (Level.WARNING, True), found
        assert "max_connections" in found.remedy


async def test_a_pooler_before_hints_is_said() -> None:
    with fresh_database() as direct, pooled(direct) as url:
        assert "behind a pooler" in database(settings(url)).what
        kept, off = await hints(settings(url)), await hints(settings(url, AVATARBOT_DATABASE_HINTS="off"))
    assert (kept.level, "set AVATARBOT_DATABASE_HINTS=off" in kept.what, exit_code([kept])) == (Level.PROBLEM, True, 2)
    assert off.level is Level.OK


async def test_it_is_said_that_hints_pass() -> None:
    with fresh_database() as url:
        assert await hints(settings(url)) == Finding(Level.OK, "Hints between processes pass")

"""What is wrong with a PostgreSQL server is one sentence for the operator, before anything else is done."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import pytest
from cryptography.fernet import Fernet
from sqlalchemy.engine import URL

from bot.app.operations import back_up
from bot.app.wiring import open_storage, sole_process
from bot.domain.errors import SettingsError
from bot.settings import Settings
from bot.storage.migrate import upgrade
from bot.storage.postgresql import OLDEST, require_version
from tests.server import administer, fresh_database
from tests.world_fixture import KEY


def settings_of(url: URL, key: str = KEY) -> Settings:
    return Settings.model_validate(
        {"DATABASE_URL": url.render_as_string(hide_password=False), "AVATARBOT_SECRET_KEYS": key}
    )


@pytest.fixture
def url() -> Iterator[URL]:
    with fresh_database() as url:
        yield url


async def refused(settings: Settings) -> str:
    with pytest.raises(SettingsError) as caught:
        async with open_storage(settings):
            pass
    return caught.value.sentence


async def test_a_server_that_is_not_there(url: URL) -> None:
    assert "does not answer: start it, or correct DATABASE_URL" in await refused(
        settings_of(url.set(host="127.0.0.1", port=9, query={}))
    )


async def test_a_database_that_is_not_there(url: URL) -> None:
    assert "no such database or user: nobodys, postgres" in await refused(settings_of(url.set(database="nobodys")))


async def test_another_key_than_that_of_the_first_process(url: URL) -> None:
    async with open_storage(settings_of(url)):
        pass
    other = Fernet.generate_key().decode()
    assert f"The key that {url.database} on this machine was written with is missing" in await refused(
        settings_of(url, other)
    )
    async with open_storage(settings_of(url, f"{other},{KEY}")):
        pass


@dataclass
class Role:
    name: str

    def may(self, statement: str) -> None:
        administer(statement.format(role=self.name))


@pytest.fixture
def role(url: URL) -> Iterator[Role]:
    """A user of the database who owns nothing in it."""
    role = Role(f"role_{uuid4().hex}")
    role.may("CREATE ROLE {role} LOGIN")
    yield role
    administer(f"DROP OWNED BY {role.name}; DROP ROLE {role.name}", url)


async def test_a_user_who_may_not_make_tables(role: Role) -> None:
    with fresh_database(migrated=False) as empty:
        sentence = await refused(settings_of(empty.set(username=role.name)))
    assert f"The user {role.name} may not make tables" in sentence
    assert f"GRANT CREATE ON SCHEMA public TO {role.name}" in sentence


async def test_a_server_without_enough_connections(role: Role) -> None:
    role.may("ALTER ROLE {role} CONNECTION LIMIT 3")
    with fresh_database(migrated=False) as empty:
        administer(f"GRANT CREATE ON SCHEMA public TO {role.name}", empty)
        own = settings_of(empty.set(username=role.name))
        assert "has no connection left" in await refused(own)
        assert "a process needs 7" in await refused(own)


async def test_a_server_that_only_follows_another() -> None:
    with fresh_database(migrated=False) as empty:
        administer(f"ALTER DATABASE {empty.database} SET default_transaction_read_only = on")
        assert "takes no writes" in await refused(settings_of(empty))


def test_a_server_is_not_copied_like_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://ann@db/avatars")
    with pytest.raises(SettingsError, match="copy it with pg_dump"):
        back_up(tmp_path / "copy.db")


def test_a_server_that_is_too_old() -> None:
    with pytest.raises(SettingsError, match=f"is PostgreSQL 13; {OLDEST} or newer is needed"):
        require_version(SimpleNamespace(info=SimpleNamespace(server_version=130_011)))


def test_a_second_process_on_the_same_database(url: URL) -> None:
    upgrade(url)
    with (
        sole_process(settings_of(url)),
        pytest.raises(SettingsError, match="Another avatarbot runs on"),
        sole_process(settings_of(url)),
    ):
        pass
    with sole_process(settings_of(url)):
        pass

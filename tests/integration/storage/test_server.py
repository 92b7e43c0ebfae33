"""What is wrong with a PostgreSQL server is one sentence for the operator, before anything else is done."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL

from bot.app import doctor
from bot.app.operations import back_up
from bot.app.wiring import BESIDE_THE_SERVICE, open_storage
from bot.domain.errors import SettingsError, StoreBusy, StoreRefused
from bot.settings import Settings
from bot.storage.connections import DatabaseAway, PoolSize
from bot.storage.encryption import Cipher
from bot.storage.engine import Store
from bot.storage.postgresql import AGAIN_WITHIN_S, OLDEST, opened, require_version
from tests.patience import HANG_S
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
        own = settings_of(empty.set(username=role.name))
        sentence = await refused(own)
        with pytest.raises(SettingsError, match=f"The user {role.name} may not make tables"):
            await doctor.tables(own)
    assert f"The user {role.name} may not make tables" in sentence
    assert f"GRANT CREATE ON SCHEMA public TO {role.name}" in sentence


async def test_a_server_without_enough_connections(role: Role) -> None:
    role.may("ALTER ROLE {role} CONNECTION LIMIT 3")
    with fresh_database(migrated=False) as empty:
        administer(f"GRANT CREATE ON SCHEMA public TO {role.name}", empty)
        own = settings_of(empty.set(username=role.name))
        assert "has no connection left" in await refused(own)
        assert "a process needs 8" in await refused(own)
        found = doctor.database(own)
    assert ("lends 3 connections" in found.what, doctor.exit_code([found])) == (True, 2), found


async def test_a_server_that_only_follows_another() -> None:
    with fresh_database(migrated=False) as empty:
        administer(f"ALTER DATABASE {empty.database} SET default_transaction_read_only = on")
        assert "takes no writes" in await refused(settings_of(empty))


async def test_a_command_beside_the_service_needs_two_connections(role: Role) -> None:
    role.may("ALTER ROLE {role} CONNECTION LIMIT 2")
    with fresh_database(migrated=False) as empty:
        administer(f"GRANT CREATE ON SCHEMA public TO {role.name}", empty)
        async with open_storage(settings_of(empty.set(username=role.name)), BESIDE_THE_SERVICE) as storage:
            assert await storage.sessions.everywhere() == []


def test_a_server_is_not_copied_like_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://ann@db/avatars")
    with pytest.raises(SettingsError, match="copy it with pg_dump"):
        back_up(tmp_path / "copy.db")


def test_a_server_that_is_too_old() -> None:
    with pytest.raises(SettingsError, match=f"is PostgreSQL 13; {OLDEST} or newer is needed"):
        require_version(SimpleNamespace(info=SimpleNamespace(server_version=130_011)))


async def test_a_lost_connections_work_is_run_again(url: URL) -> None:
    runs: list[int] = []

    def work(connection: Connection) -> str:
        runs.append(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())
        if len(runs) == 1:
            administer(f"SELECT pg_terminate_backend({runs[0]})")
        connection.execute(text("INSERT INTO workspaces VALUES ('room', 'W1', true)"))
        return "written"

    retried: list[str] = []
    async with Store.open(url, Cipher((KEY,)), PoolSize(1, 1), retried.append) as store:
        assert await store.write(work) == "written"
        assert await store.read(lambda c: c.execute(text("SELECT count(*) FROM workspaces")).scalar_one()) == 1
    assert len(set(runs)) == 2
    assert retried == ["57P01"]


async def test_what_takes_too_long_is_not_a_database_away(url: URL) -> None:
    async with Store.open(url, Cipher((KEY,)), PoolSize(1, 1)) as store:
        with pytest.raises(StoreBusy, match="busy"):
            await store.write(lambda connection: connection.execute(text("SELECT pg_sleep(60)")))


@pytest.mark.parametrize("never", ["SELECT 2147483647 + 1", "INSERT INTO sessions (id) VALUES (NULL)"])
async def test_what_is_never_taken_is_not_a_database_away(url: URL, never: str) -> None:
    async with Store.open(url, Cipher((KEY,)), PoolSize(1, 1)) as store:
        with pytest.raises(StoreRefused):
            await store.write(lambda connection: connection.execute(text(never)))


async def test_a_lost_database_refuses_all_who_wait(url: URL) -> None:
    async with Store.open(url, Cipher((KEY,)), PoolSize(1, 1)) as store:
        administer(f"DROP DATABASE {url.database} WITH (FORCE)")
        answers = await asyncio.gather(*(store.write(lambda _: None) for _ in range(50)), return_exceptions=True)
        administer(f"CREATE DATABASE {url.database}")
        assert {type(answer) for answer in answers} == {DatabaseAway}
        assert await store.read(lambda c: c.execute(text("SELECT 1")).scalar_one()) == 1


@dataclass
class Wire:
    """Between the program and its server: forwards what either says, as long as it flows."""

    server: URL
    flows: asyncio.Event = field(default_factory=asyncio.Event)

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        folder = str(self.server.query.get("host", ""))
        port = self.server.port or self.server.query.get("port", 5432)
        there = (
            await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.{port}")
            if folder
            else await asyncio.open_connection(self.server.host, self.server.port or 5432)
        )
        await asyncio.gather(self._forward(reader, there[1]), self._forward(there[0], writer))

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            while data := await reader.read(65_536):
                await self.flows.wait()
                writer.write(data)


@pytest.fixture
async def wire(url: URL) -> AsyncIterator[tuple[URL, asyncio.Event]]:
    """The database behind a wire, and whether that carries anything."""
    wire = Wire(url)
    wire.flows.set()
    async with await asyncio.start_server(wire.meet, "127.0.0.1", 0) as listening:
        yield url.set(host="127.0.0.1", port=listening.sockets[0].getsockname()[1], query={}), wire.flows
        wire.flows.set()


async def test_a_server_that_falls_silent_holds_nobody(wire: tuple[URL, asyncio.Event]) -> None:
    """It takes what it is sent, and its connection stands."""
    url, flows = wire

    async with opened(url, PoolSize(1, 1), silent_after_s=AGAIN_WITHIN_S) as database:
        for thread in (*database.writers, *database.readers):
            assert await thread.transaction(one) == 1
            flows.clear()
            with pytest.raises(DatabaseAway, match="does not answer"):
                await asyncio.wait_for(thread.transaction(one), HANG_S)
            flows.set()
            assert await thread.transaction(one) == 1


def one(connection: Connection) -> int:
    return int(connection.execute(text("SELECT 1")).scalar_one())

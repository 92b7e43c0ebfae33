"""A database behind PgBouncer in transaction mode: each transaction may be another connection's."""

import asyncio
from collections.abc import Iterator

import pytest
from cryptography.fernet import Fernet
from sqlalchemy.engine import URL

from bot.clock import SystemClock
from bot.storage.encryption import Cipher
from bot.storage.migrate import current_revision, newest_revision, upgrade
from bot.storage.postgresql import is_pooled
from bot.storage.sql import sql_storage
from tests.contract.storage.seeds import accept, hosted, said, waiting
from tests.pooler import pooled
from tests.server import connected, fresh_database


@pytest.fixture
def url() -> Iterator[URL]:
    with fresh_database(migrated=False) as direct, pooled(direct) as through:
        yield through


def test_tables_are_made_through_a_pooler(url: URL) -> None:
    upgrade(url)
    upgrade(url)
    assert current_revision(url) == newest_revision()
    with connected(url) as connection:
        held = connection.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone()
    assert held == (0,)


async def test_statements_run_often_are_not_prepared_on_one_connection(url: URL) -> None:
    upgrade(url)
    async with sql_storage(
        url.render_as_string(hide_password=False), Cipher((Fernet.generate_key().decode(),)), SystemClock()
    ) as storage:
        await hosted(storage)
        for first in range(0, 80, 20):
            await asyncio.gather(*(accept(storage, said(number)) for number in range(first, first + 20)))
            await asyncio.gather(*(waiting(storage) for _ in range(20)))
        assert len(await waiting(storage)) == 80


def test_a_pooler_is_told_from_a_server(url: URL) -> None:
    with fresh_database() as direct, connected(direct) as straight, connected(url) as through:
        assert (is_pooled(straight), is_pooled(through)) == (False, True)

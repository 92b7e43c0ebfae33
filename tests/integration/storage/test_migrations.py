"""The migrations make exactly the tables that the program knows."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.engine import URL, make_url

from bot.storage.migrate import _config, connected, current_revision, newest_revision, upgrade
from bot.storage.tables import metadata
from tests.server import fresh_database


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[URL]:
    """Of a database without tables."""
    if request.param == "sqlite":
        yield make_url(f"sqlite:///{tmp_path / 'new.db'}")
        return
    with fresh_database(migrated=False) as url:
        yield url


def test_a_fresh_database_has_the_tables_of_this_program(url: URL) -> None:
    upgrade(url)
    with connected(url) as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    assert current_revision(url) == newest_revision()


def test_a_new_database_can_be_read_by_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "new.db"
    upgrade(f"sqlite:///{file}")
    assert file.stat().st_mode & 0o077 == 0


def test_tables_are_upgraded_by_one_process_at_a_time() -> None:
    with fresh_database(migrated=False) as url, ThreadPoolExecutor(4) as processes:
        list(processes.map(upgrade, [url] * 4))
        assert current_revision(url) == newest_revision()


def test_what_was_accepted_before_an_upgrade_keeps_its_channel(url: URL) -> None:
    with connected(url) as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0004_avatars_keep_consent")
        for statement in (
            "INSERT INTO sessions (id, channel_id, spec, created_at, active_at) VALUES ('s', 'C1', '', 0, 0)",
            "INSERT INTO inbox (id, session_id, stamp, created_at) VALUES ('row', 's', 1, 0)",
        ):
            connection.exec_driver_sql(statement)
        connection.commit()
    upgrade(url)
    with connected(url) as connection:
        assert connection.exec_driver_sql("SELECT id, place_channel_id FROM inbox").all() == [("row", "C1")]


def test_the_books_are_opened_with_what_was_stored_before(url: URL) -> None:
    with connected(url) as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0008_shared_by_processes")
        connection.exec_driver_sql(
            "INSERT INTO sessions (id, platform, workspace_id, spec, created_at, active_at) VALUES ('s', 'slack', 'W1', '', 0, 0)"
        )
        for id_, state, opened, closed in (
            ("closed", "closed", "0", "60000000"),
            ("open", "open", "0", "NULL"),
            ("expired", "closed", "0", "900000000"),
            ("lost", "lost", "NULL", "30000000"),
            ("refused", "closed", "NULL", "1000000"),
        ):
            connection.exec_driver_sql(
                "INSERT INTO provider_sessions (id, session_id, state, duration_s, intended_at, opened_at, expires_at, closed_at) "
                f"VALUES ('{id_}', 's', '{state}', 600, 0, {opened}, 600000000, {closed})"
            )
        connection.commit()
    upgrade(url)
    with connected(url) as connection:
        entries = connection.exec_driver_sql(
            "SELECT purchase_id, source, target, span / 1000000, platform, workspace_id FROM ledger ORDER BY purchase_id, number"
        ).all()
    assert [tuple(entry[:4]) for entry in entries] == [
        ("closed", "credit", "paid", 600),
        ("closed", "paid", "used", 60),
        ("closed", "paid", "credit", 540),
        ("expired", "credit", "paid", 600),
        ("expired", "paid", "used", 600),
        ("lost", "credit", "unknown", 600),
        ("open", "credit", "paid", 600),
    ]
    assert {tuple(entry[4:]) for entry in entries} == {("slack", "W1")}

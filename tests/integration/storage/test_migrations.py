"""The migrations make exactly the tables that the program knows."""

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, ForeignKeyConstraint, MetaData, Table, UniqueConstraint, select
from sqlalchemy.engine import URL, make_url

from bot.domain.errors import SettingsError
from bot.storage.migrate import _config, connected, current_revision, newest_revision, readable_from, upgrade
from bot.storage.tables import metadata, schema
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


# ---------------------------------------------------------------- programs of different ages on one database


def stamp(url: URL, revision: str, readable_from: str) -> None:
    """As a program leaves it that has one more migration, which says so."""
    with connected(url) as connection:
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{revision}'")
        connection.exec_driver_sql(f"UPDATE schema SET revision = '{revision}', readable_from = '{readable_from}'")
        connection.commit()


def test_an_older_program_starts_where_it_is_said_to(url: URL) -> None:
    upgrade(url)
    stamp(url, "from_the_future", newest_revision())
    upgrade(url)
    assert current_revision(url) == "from_the_future"


@pytest.mark.parametrize("told", ["from_the_future", ""])
def test_an_older_program_refuses_what_took_something_away(url: URL, told: str) -> None:
    upgrade(url)
    stamp(url, "from_the_future", told)
    with pytest.raises(SettingsError, match="used by a newer Avatarbot"):
        upgrade(url)


def test_it_is_known_for_whom_the_tables_are(url: URL) -> None:
    upgrade(url)
    with connected(url) as connection:
        assert connection.execute(select(schema)).all() == [(newest_revision(), readable_from())]


FIRST_SHARED = "0007_hooks_and_outbox"
"""Up to here no two programs used a database at once."""


def test_migrations_only_add_or_say_so(tmp_path: Path) -> None:
    """What an earlier program reads and writes is there, and nothing is asked of it that it does not know."""
    scripts = list(ScriptDirectory.from_config(_config()).walk_revisions(FIRST_SHARED, "head"))[::-1]
    with connected(f"sqlite:///{tmp_path / 'new.db'}") as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, FIRST_SHARED)
        new = _tables(connection)
        for script in scripts:
            command.upgrade(config, script.revision)
            old, new = new, _tables(connection)
            if not getattr(script.module, "readable_from", ""):
                assert (script.revision, [fault for name in old for fault in _asked(old[name], new.get(name))]) == (
                    script.revision,
                    [],
                )


def _asked(old: Table, new: Table | None) -> list[str]:
    """What a program that knows the old table would miss in the new one, or leave out."""
    if new is None:
        return [old.name]
    lost = [f"{old.name}.{column.name}" for column in old.columns if column.name not in new.columns]
    added = [column for column in new.columns if column.name not in old.columns]
    wanted = [f"{old.name}.{column.name}" for column in added if not (column.nullable or column.server_default)]
    return [*lost, *wanted, *(f"{old.name}: {sorted(columns)}" for columns in _once(new) - _once(old))]


def _tables(connection: Connection) -> Mapping[str, Table]:
    found = MetaData()
    found.reflect(connection)
    return found.tables


def _once(table: Table) -> set[frozenset[str]]:
    """The columns of which there may be one row each."""
    indexes = [index.columns for index in table.indexes if index.unique]
    constraints = [
        each.columns for each in table.constraints if isinstance(each, UniqueConstraint | ForeignKeyConstraint)
    ]
    return {frozenset(column.name for column in columns) for columns in (*indexes, *constraints)}


PREVIOUS = Path(__file__).with_name("previous_release.json")
"""The statements that the previous release made in its storage contract on PostgreSQL, as its driver sent them."""


def test_the_previous_releases_statements_fit_these_tables() -> None:
    """PostgreSQL finds every table, column and type that they name, and the indexes of their ON CONFLICT. It runs none of them."""
    wrong = []
    with fresh_database() as url, psycopg.connect(url.render_as_string(hide_password=False)) as connection:
        for number, statement in enumerate(json.loads(PREVIOUS.read_text())):
            try:
                with connection.transaction():
                    connection.execute(f"PREPARE s{number} AS {_numbered(statement)}".encode())
            except psycopg.Error as error:
                wrong.append((statement, str(error)))
    assert wrong == []


def _numbered(statement: str) -> str:
    """With PostgreSQL's own placeholders in place of the driver's."""
    numbers = itertools.count(1)
    return re.sub(r"%s", lambda _: f"${next(numbers)}", re.sub(r"%\((\w+)\)s", "%s", statement)).replace("%%", "%")

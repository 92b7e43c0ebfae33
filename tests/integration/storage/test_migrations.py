"""The migrations make exactly the tables that the program knows."""

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from bot.storage.migrate import _config, connected, current_revision, newest_revision, upgrade
from bot.storage.tables import metadata


def test_a_fresh_database_has_the_tables_of_this_program(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    upgrade(url)
    engine = create_engine(url)
    with engine.connect() as connection:
        difference = compare_metadata(MigrationContext.configure(connection), metadata)
    engine.dispose()
    assert difference == []
    assert current_revision(url) == newest_revision()


def test_a_new_database_can_be_read_by_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "new.db"
    upgrade(f"sqlite:///{file}")
    assert file.stat().st_mode & 0o077 == 0


def test_what_was_accepted_before_an_upgrade_keeps_its_channel(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.db'}"
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

"""The migrations make exactly the tables that the program knows."""

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from bot.storage.migrate import current_revision, newest_revision, upgrade
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

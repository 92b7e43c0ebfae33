"""Commands for the database: its tables, its keys, its copies."""

import sys
from pathlib import Path

import click

from bot.domain.errors import SettingsError


@click.group()
def db() -> None:
    """Bring the database up to date; make keys."""


@db.command()
def upgrade() -> None:
    """Bring the database to the tables this version needs. `run` does so by itself."""
    from bot.settings import Settings, load
    from bot.storage.migrate import current_revision
    from bot.storage.migrate import upgrade as migrate

    settings = load(Settings)
    migrate(settings.store_url)
    click.echo(f"{settings.database_name} is at {current_revision(settings.store_url)}.")


@db.command()
def current() -> None:
    """Show which tables the database has, and which this version needs."""
    from bot.settings import Settings, load
    from bot.storage.migrate import current_revision, newest_revision

    settings = load(Settings)
    there = settings.on_server or settings.database_path.exists()
    found = (current_revision(settings.store_url) or "empty") if there else "not made yet"
    click.echo(f"{settings.database_name}: {found} (this version needs {newest_revision()})")


@db.command(context_settings={"ignore_unknown_options": True})
@click.argument("revision", nargs=-1, type=click.UNPROCESSED)
def downgrade(revision: tuple[str, ...]) -> None:
    """There is none: tables are only ever added to."""
    del revision
    raise SettingsError(
        "Tables are not taken back, because what newer ones hold would be lost. Stop the service and put back a copy from before the "
        "upgrade: avatarbot restore FILE; then install the older version."
    )


@db.command("new-key")
def new_key() -> None:
    """Print a new key for AVATARBOT_SECRET_KEYS.

    Put it in front of the old ones: the first key writes, all of them read.
    """
    from cryptography.fernet import Fernet

    click.echo(Fernet.generate_key().decode())


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def backup(file: Path) -> None:
    """Copy the database to FILE, also while the service runs.

    The key is not in the copy, and the copy is of no use without it: keep both, apart from each other.

    \b
      avatarbot backup /backups/avatarbot-$(date +%F).db
    """
    from bot.app.operations import back_up

    click.echo(back_up(file))


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--yes", is_flag=True, help="Do not ask back.")
def restore(file: Path, yes: bool) -> None:
    """Put the copy FILE in the database's place, while the service is stopped.

    The database that was there is kept beside it. What happened after the copy was made is not in it.
    """
    from bot.app.operations import restore

    if not yes and sys.stdin.isatty():
        click.confirm("Put this copy in the place of the database?", abort=True, err=True)
    click.echo(restore(file))

"""Alembic's entry: the connection is handed in by bot.storage.migrate, or made from DATABASE_URL on alembic's own command line."""

import os

from alembic import context
from sqlalchemy import Connection

from bot.storage.migrate import connected
from bot.storage.tables import metadata


def run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with connected(os.environ.get("DATABASE_URL", "sqlite:///avatarbot.db")) as own:
        run(own)
        own.commit()

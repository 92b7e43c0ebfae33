"""Conditions that several queries share, built once: building one takes SQLAlchemy longer than SQLite takes to run it."""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Table, and_, bindparam

from bot.domain.conversations import ConversationRef
from bot.storage.records import Lease
from bot.storage.tables import sessions

HELD = and_(
    sessions.c.id == bindparam("held_session"),
    sessions.c.epoch == bindparam("held_epoch"),
    sessions.c.worker_id == bindparam("held_worker"),
)
"""The fence: true of a session's row while the lease that `holding` names is ours."""


def holding(lease: Lease) -> dict[str, object]:
    return {"held_session": lease.session_id, "held_epoch": lease.epoch, "held_worker": lease.worker_id}


def in_channels(table: Table) -> ColumnElement[bool]:
    """True of rows in the channels that `channels_of` names, and perhaps of some more in the same workspaces."""
    return and_(
        table.c.platform.in_(bindparam("platforms", expanding=True)),
        table.c.workspace_id.in_(bindparam("workspaces", expanding=True)),
        table.c.channel_id.in_(bindparam("channels", expanding=True)),
    )


def channels_of(places: Iterable[ConversationRef]) -> dict[str, list[str]]:
    places = tuple(places)
    return {
        "platforms": list({place.platform for place in places}),
        "workspaces": list({place.workspace_id for place in places}),
        "channels": list({place.channel_id for place in places}),
    }

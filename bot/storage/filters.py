"""Conditions that several statements share."""

from collections.abc import Iterable

from sqlalchemy import BindParameter, ColumnElement, Table, and_, bindparam

from bot.domain.conversations import ConversationRef
from bot.ports.storage.records import Lease
from bot.storage.prepared import one_of
from bot.storage.tables import sessions

Value = str | BindParameter[str]

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
        one_of(table.c.platform, "platforms"),
        one_of(table.c.workspace_id, "workspaces"),
        one_of(table.c.channel_id, "channels"),
    )


def channels_of(places: Iterable[ConversationRef]) -> dict[str, list[str]]:
    places = tuple(places)
    return {
        "platforms": list({place.platform for place in places}),
        "workspaces": list({place.workspace_id for place in places}),
        "channels": list({place.channel_id for place in places}),
    }


def in_channel(table: Table, place: ConversationRef) -> ColumnElement[bool]:
    """True of rows in the channel of a place."""
    return and_(in_workspace(table, place.platform, place.workspace_id), table.c.channel_id == place.channel_id)


def in_workspace(table: Table, platform: Value, workspace_id: Value) -> ColumnElement[bool]:
    return and_(table.c.platform == platform, table.c.workspace_id == workspace_id)

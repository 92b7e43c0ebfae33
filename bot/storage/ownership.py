"""Whose the things are that were made at the provider from a channel: one account serves many workspaces."""

from collections.abc import Mapping
from enum import StrEnum

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.sqlite import insert

from bot.domain.conversations import ConversationRef
from bot.storage.tables import ownerships


class OwnedKind(StrEnum):
    AVATAR = "avatar"
    KNOWLEDGE = "knowledge"


def add(connection: Connection, kind: OwnedKind, provider_id: str, place: ConversationRef) -> None:
    """From now on it belongs to the workspace of that place."""
    owner = {"platform": place.platform, "workspace_id": place.workspace_id}
    connection.execute(
        insert(ownerships)
        .values(kind=kind, provider_id=provider_id, **owner)
        .on_conflict_do_update(index_elements=["kind", "provider_id"], set_=owner)
    )


def remove(connection: Connection, kind: OwnedKind, provider_id: str) -> None:
    connection.execute(delete(ownerships).where(ownerships.c.kind == kind, ownerships.c.provider_id == provider_id))


def owners(connection: Connection, kind: OwnedKind) -> Mapping[str, tuple[str, str]]:
    """(platform, workspace) of everything of a kind, of all workspaces: for telling what one of them may see."""
    query = select(ownerships.c.provider_id, ownerships.c.platform, ownerships.c.workspace_id).where(
        ownerships.c.kind == kind
    )
    return {row[0]: (row[1], row[2]) for row in connection.execute(query)}

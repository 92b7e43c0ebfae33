"""Whose the things are that were made at the provider from a channel: one account serves many workspaces."""

from collections.abc import Mapping

from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert

from bot.domain.conversations import ConversationRef
from bot.ports.storage.records import OwnedKind
from bot.storage.tables import ownerships
from bot.storage.transaction import Transaction


def add(tx: Transaction, kind: OwnedKind, provider_id: str, place: ConversationRef) -> None:
    owner = {"platform": place.platform, "workspace_id": place.workspace_id}
    tx.connection.execute(
        insert(ownerships)
        .values(kind=kind, provider_id=provider_id, **owner)
        .on_conflict_do_update(index_elements=["kind", "provider_id"], set_=owner)
    )


def remove(tx: Transaction, kind: OwnedKind, provider_id: str) -> None:
    tx.connection.execute(delete(ownerships).where(ownerships.c.kind == kind, ownerships.c.provider_id == provider_id))


def owners(tx: Transaction, kind: OwnedKind) -> Mapping[str, tuple[str, str]]:
    query = select(ownerships.c.provider_id, ownerships.c.platform, ownerships.c.workspace_id).where(
        ownerships.c.kind == kind
    )
    return {row[0]: (row[1], row[2]) for row in tx.connection.execute(query)}

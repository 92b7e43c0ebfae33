"""Whose the things are that were made at the provider from a channel: one account serves many workspaces."""

from collections.abc import Mapping

from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert

from bot.domain.consent import Consent
from bot.domain.conversations import ConversationRef
from bot.ports.storage.records import OwnedKind
from bot.storage.tables import ownerships
from bot.storage.transaction import SqlTransaction


def add(
    tx: SqlTransaction, kind: OwnedKind, provider_id: str, place: ConversationRef, consent: Consent | None = None
) -> None:
    owner: dict[str, object] = {"platform": place.platform, "workspace_id": place.workspace_id}
    if consent:
        owner |= {"consent_id": consent.person_id, "consent_name": consent.name, "consent_at": consent.at}
    tx.connection.execute(
        insert(ownerships)
        .values(kind=kind, provider_id=provider_id, **owner)
        .on_conflict_do_update(index_elements=["kind", "provider_id"], set_=owner)
    )


def remove(tx: SqlTransaction, kind: OwnedKind, provider_id: str) -> None:
    tx.connection.execute(delete(ownerships).where(ownerships.c.kind == kind, ownerships.c.provider_id == provider_id))


def owners(tx: SqlTransaction, kind: OwnedKind) -> Mapping[str, tuple[str, str]]:
    query = select(ownerships.c.provider_id, ownerships.c.platform, ownerships.c.workspace_id).where(
        ownerships.c.kind == kind
    )
    return {row[0]: (row[1], row[2]) for row in tx.connection.execute(query)}


def consents(tx: SqlTransaction, place: ConversationRef) -> Mapping[str, Consent]:
    c = ownerships.c
    query = select(c.provider_id, c.consent_id, c.consent_name, c.consent_at).where(
        c.kind == OwnedKind.AVATAR,
        c.platform == place.platform,
        c.workspace_id == place.workspace_id,
        c.consent_at.is_not(None),
    )
    return {row[0]: Consent(*row[1:]) for row in tx.connection.execute(query)}

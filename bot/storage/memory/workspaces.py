"""What belongs to a channel or a workspace: settings, secrets, links to watch, uploads, things made at the provider."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from bot.commands.options import ChannelSettings
from bot.domain.conversations import Consent, ConversationRef, MessageRef, Person, ReplyTo
from bot.domain.errors import StoreRefused
from bot.ports.grants import Scope
from bot.ports.provider import Upload
from bot.ports.storage.records import UPLOAD_LEFT, UPLOAD_OVER, GrantRecord, OwnedKind, UploadRecord
from bot.ports.storage.repositories import OWN_ACCOUNT
from bot.ports.storage.transactions import WorkspaceKey
from bot.storage.memory import coordination, sessions
from bot.storage.memory.rows import NOT_TAKEN, GrantRow, MemoryTransaction, OwnerRow

# ---------------------------------------------------------------- channels


def settings_of(tx: MemoryTransaction, places: Iterable[ConversationRef]) -> dict[ConversationRef, ChannelSettings]:
    """The settings of the channels of these places; channels without any are left out."""
    channels = {place.channel for place in places}
    return {channel: settings for channel, settings in tx.data.channel_settings.items() if channel in channels}


def settings(tx: MemoryTransaction, place: ConversationRef) -> ChannelSettings:
    return tx.data.channel_settings.get(place.channel) or ChannelSettings()


def save_settings(tx: MemoryTransaction, place: ConversationRef, settings: ChannelSettings) -> None:
    tx.data.channel_settings.put(place.channel, settings)


def allowed(tx: MemoryTransaction, platform: str, workspace_id: str) -> bool | None:
    pays_itself = secret(tx, platform, workspace_id, OWN_ACCOUNT) is not None
    return True if pays_itself else tx.data.allowed.get((platform, workspace_id))


def said_of(tx: MemoryTransaction, keys: Collection[WorkspaceKey]) -> dict[WorkspaceKey, bool]:
    return {key: said for key in keys if (said := tx.data.allowed.get(key)) is not None}


def own_accounts(tx: MemoryTransaction, among: Collection[WorkspaceKey] | None = None) -> frozenset[WorkspaceKey]:  # noqa: ARG001
    """Perhaps with some more."""
    kept = tx.data.vault.keys()
    return frozenset((platform, workspace) for platform, workspace, key in kept if key == OWN_ACCOUNT)


def allow(tx: MemoryTransaction, platform: str, workspace_id: str, *, yes: bool) -> None:
    tx.data.allowed.put((platform, workspace_id), yes)


# ---------------------------------------------------------------- the vault


def secrets_named(tx: MemoryTransaction, platform: str, key: str) -> frozenset[str]:
    kept = tx.data.vault.keys()
    return frozenset(workspace for there, workspace, name in kept if (there, name) == (platform, key))


def secret(tx: MemoryTransaction, platform: str, workspace_id: str, key: str) -> bytes | None:
    return tx.data.vault.get((platform, workspace_id, key))


def put_secret(tx: MemoryTransaction, platform: str, workspace_id: str, key: str, value: bytes) -> None:
    tx.data.vault.put((platform, workspace_id, key), value)


def claim_secret(
    tx: MemoryTransaction, platform: str, workspace_id: str, key: str, by: str, *, lasts: timedelta
) -> bool:
    return coordination.hold(tx, f"secret {platform}/{workspace_id}/{key}", by, lasts=lasts)


def delete_secret(tx: MemoryTransaction, platform: str, workspace_id: str, key: str) -> None:
    if secret(tx, platform, workspace_id, key) is not None:
        tx.data.vault.delete((platform, workspace_id, key))


def delete_secrets(tx: MemoryTransaction, platform: str, workspace_id: str) -> None:
    keys = tx.data.vault.keys()
    for key in keys:
        if key[:2] == (platform, workspace_id):
            tx.data.vault.delete(key)


# ---------------------------------------------------------------- links to watch


def add_grant(  # noqa: PLR0917
    tx: MemoryTransaction, digest: str, session_id: str, scope: Scope, person: Person | None, expires_at: datetime
) -> None:
    if session_id not in tx.data.sessions:
        raise StoreRefused(NOT_TAKEN, f"no session {session_id}")
    for key, grant in tx.data.grants.items():
        if person and grant.person and (grant.session_id, grant.person.id) == (session_id, person.id):
            tx.data.grants.delete(key)
    known = person and Person(person.id, person.name, person.standing)
    tx.data.grants.keep(digest, GrantRow(session_id, scope, known, expires_at))


def find_grant(tx: MemoryTransaction, digest: str) -> GrantRecord | None:
    grant = tx.data.grants.get(digest)
    session = sessions.get(tx, grant.session_id) if grant else None
    if grant is None or session is None:
        return None
    return GrantRecord(
        session_id=grant.session_id,
        scope=grant.scope,
        thread=session.thread or session.place.channel,
        person=grant.person,
        expires_at=grant.expires_at,
        ended_at=session.ended_at,
        starter_id=session.starter_id,
    )


def grant_owners(tx: MemoryTransaction) -> list[tuple[ConversationRef, str]]:
    usable = (grant for grant in tx.data.grants if grant.person and grant.expires_at > tx.now)
    owners = ((_place(tx, grant), grant.person.id) for grant in usable if grant.person)
    found = ((ConversationRef(place.platform, place.workspace_id, ""), person) for place, person in owners)
    return list(dict.fromkeys(found))


def revoke_of_person(tx: MemoryTransaction, place: ConversationRef, person_id: str) -> None:
    for key, grant in tx.data.grants.items():
        there = _place(tx, grant)
        same = (there.platform, there.workspace_id) == (place.platform, place.workspace_id)
        if grant.person and grant.person.id == person_id and same and place.channel_id in {"", there.channel_id}:
            tx.data.grants.delete(key)


def revoke_all(tx: MemoryTransaction) -> int:
    digests = tx.data.grants.keys()
    for digest in digests:
        tx.data.grants.delete(digest)
    return len(digests)


def forget_grants(tx: MemoryTransaction, *, ended_for: timedelta) -> None:
    for key, grant in tx.data.grants.items():
        session = sessions.get(tx, grant.session_id)
        ended_at = session.ended_at if session else None
        if grant.expires_at < tx.now or (ended_at and ended_at < tx.now - ended_for):
            tx.data.grants.delete(key)


def _place(tx: MemoryTransaction, grant: GrantRow) -> ConversationRef:
    session = sessions.get(tx, grant.session_id)
    assert session is not None
    return session.place


# ---------------------------------------------------------------- uploads, and whose things are


def add_upload(
    tx: MemoryTransaction, upload: Upload, place: ConversationRef, reply_to: ReplyTo | None, consent: Consent
) -> None:
    tx.data.uploads.keep(upload.avatar_id, UploadRecord(upload, place, None, reply_to, tx.now))
    tx.data.owners.put((OwnedKind.AVATAR, upload.avatar_id), OwnerRow(_workspace(place), consent))


def take_back(tx: MemoryTransaction, avatar_id: str) -> None:
    tx.data.uploads.delete(avatar_id)
    remove_owner(tx, OwnedKind.AVATAR, avatar_id)


def follow(tx: MemoryTransaction, avatar_id: str, upload: Upload) -> None:
    if record := tx.data.uploads.get(avatar_id):
        followed = replace(record.upload, state=upload.state, record_id=upload.record_id)
        tx.data.uploads.put(avatar_id, replace(record, upload=followed))


def upload_posted(tx: MemoryTransaction, avatar_id: str, message_id: str) -> None:
    if record := tx.data.uploads.get(avatar_id):
        tx.data.uploads.put(avatar_id, replace(record, message=MessageRef(record.place, message_id)))


def upload_told(tx: MemoryTransaction, avatar_id: str) -> None:
    if record := tx.data.uploads.get(avatar_id):
        tx.data.uploads.put(avatar_id, replace(record, reply_to=None))


def unfinished_uploads(tx: MemoryTransaction) -> list[UploadRecord]:
    found = [each for each in tx.data.uploads if each.upload.state not in UPLOAD_OVER or each.reply_to]
    return sorted(found, key=lambda record: (record.created_at, record.upload.avatar_id))


def forget_uploads(tx: MemoryTransaction, age: timedelta) -> int:
    old = [
        each.upload.avatar_id
        for each in tx.data.uploads
        if each.created_at < tx.now - age - (timedelta() if _is_told(each) else UPLOAD_LEFT)
    ]
    for avatar_id in old:
        tx.data.uploads.delete(avatar_id)
    return len(old)


def _is_told(record: UploadRecord) -> bool:
    return record.upload.state in UPLOAD_OVER and not record.reply_to


def forget_consents(tx: MemoryTransaction, age: timedelta) -> int:
    old = [(key, row) for key, row in tx.data.owners.items() if row.consent and row.consent.at < tx.now - age]
    for key, row in old:
        tx.data.owners.put(key, replace(row, consent=None))
    return len(old)


def add_owner(tx: MemoryTransaction, kind: OwnedKind, provider_id: str, place: ConversationRef) -> None:
    known = tx.data.owners.get((kind, provider_id))
    tx.data.owners.put((kind, provider_id), OwnerRow(_workspace(place), known.consent if known else None))


def remove_owner(tx: MemoryTransaction, kind: OwnedKind, provider_id: str) -> None:
    tx.data.owners.delete((kind, provider_id))


def owners(tx: MemoryTransaction, kind: OwnedKind) -> Mapping[str, tuple[str, str]]:
    return {id_: row.workspace for (of, id_), row in tx.data.owners.items() if of is kind}


def consents(tx: MemoryTransaction, place: ConversationRef) -> Mapping[str, Consent]:
    avatars = ((id_, row) for (of, id_), row in tx.data.owners.items() if of is OwnedKind.AVATAR)
    return {id_: row.consent for id_, row in avatars if row.workspace == _workspace(place) and row.consent}


def _workspace(place: ConversationRef) -> WorkspaceKey:
    return place.platform, place.workspace_id

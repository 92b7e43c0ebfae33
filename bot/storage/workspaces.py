"""What belongs to a channel, a workspace or a person and outlives sessions: settings, the operator's word, secrets, links, uploads, what is whose."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from bot.commands.options import ChannelSettings
from bot.domain.conversations import Consent, ConversationRef, Membership, MessageRef, Person, ReplyTo
from bot.ports.grants import Scope
from bot.ports.provider import Upload, UploadState
from bot.ports.storage.records import UPLOAD_LEFT, UPLOAD_OVER, GrantRecord, OwnedKind, UploadRecord
from bot.ports.storage.repositories import OWN_ACCOUNT
from bot.ports.storage.transactions import WorkspaceKey
from bot.storage import coordination
from bot.storage.decoders import CHANNEL_SETTINGS, REPLY_TO
from bot.storage.encryption import decrypt, encrypt
from bot.storage.statements import Prepared, SqlTransaction, channels_of, in_channels, in_workspace, one_of
from bot.storage.tables import channel_settings, grants, ownerships, sessions, uploads, vault, workspaces

_SETTINGS = Prepared(select(channel_settings).where(in_channels(channel_settings)))


def settings_of(tx: SqlTransaction, places: Iterable[ConversationRef]) -> dict[ConversationRef, ChannelSettings]:
    """The settings of the channels of these places; channels without any are left out."""
    rows = _SETTINGS.rows(tx, **channels_of(places))
    return {
        ConversationRef(row.platform, row.workspace_id, row.channel_id): decrypt(
            tx.cipher, row.settings, CHANNEL_SETTINGS
        )
        for row in rows
    }


def settings(tx: SqlTransaction, place: ConversationRef) -> ChannelSettings:
    return settings_of(tx, [place]).get(place.channel, ChannelSettings())


def save_settings(tx: SqlTransaction, place: ConversationRef, settings: ChannelSettings) -> None:
    value = encrypt(tx.cipher, settings)
    tx.connection.execute(
        insert(channel_settings)
        .values(platform=place.platform, workspace_id=place.workspace_id, channel_id=place.channel_id, settings=value)
        .on_conflict_do_update(index_elements=["platform", "workspace_id", "channel_id"], set_={"settings": value})
    )


_ALLOWED = Prepared(
    select(workspaces.c.funded).where(in_workspace(workspaces, bindparam("platform"), bindparam("workspace")))
)


_PAYS_ITSELF = Prepared(
    select(vault.c.key).where(
        in_workspace(vault, bindparam("platform"), bindparam("workspace")), vault.c.key == OWN_ACCOUNT
    )
)


_OWN_ACCOUNTS = Prepared(select(vault.c.platform, vault.c.workspace_id).where(vault.c.key == OWN_ACCOUNT))
_OWN_ACCOUNTS_OF = Prepared(
    select(vault.c.platform, vault.c.workspace_id).where(
        one_of(vault.c.platform, "platforms"), one_of(vault.c.workspace_id, "workspaces"), vault.c.key == OWN_ACCOUNT
    )
)
_SAID_OF = Prepared(
    select(workspaces).where(
        one_of(workspaces.c.platform, "platforms"), one_of(workspaces.c.workspace_id, "workspaces")
    )
)


def own_accounts(tx: SqlTransaction, among: Collection[WorkspaceKey] | None = None) -> frozenset[WorkspaceKey]:
    """Perhaps with some more."""
    found = _OWN_ACCOUNTS.rows(tx) if among is None else _named(tx, _OWN_ACCOUNTS_OF, among)
    return frozenset((row.platform, row.workspace_id) for row in found)


def said_of(tx: SqlTransaction, keys: Collection[WorkspaceKey]) -> dict[WorkspaceKey, bool]:
    return {(row.platform, row.workspace_id): row.funded for row in _named(tx, _SAID_OF, keys)}


def _named(tx: SqlTransaction, statement: Prepared, keys: Collection[WorkspaceKey]) -> list[Any]:
    platforms, ids = ([*{key[at] for key in keys}] for at in range(2))
    return statement.rows(tx, platforms=platforms, workspaces=ids) if keys else []


def allowed(tx: SqlTransaction, platform: str, workspace_id: str) -> bool | None:
    if _PAYS_ITSELF.first(tx, platform=platform, workspace=workspace_id):
        return True
    row = _ALLOWED.first(tx, platform=platform, workspace=workspace_id)
    return row.funded if row else None


def allow(tx: SqlTransaction, platform: str, workspace_id: str, *, yes: bool) -> None:
    tx.connection.execute(
        insert(workspaces)
        .values(platform=platform, workspace_id=workspace_id, funded=yes)
        .on_conflict_do_update(index_elements=["platform", "workspace_id"], set_={"funded": yes})
    )


# ---------------------------------------------------------------- the vault


def secret(tx: SqlTransaction, platform: str, workspace_id: str, key: str) -> bytes | None:
    query = select(vault.c.value).where(in_workspace(vault, platform, workspace_id), vault.c.key == key)
    value = tx.connection.execute(query).scalar_one_or_none()
    return None if value is None else tx.cipher.decrypt(value)


def secrets_named(tx: SqlTransaction, platform: str, key: str) -> frozenset[str]:
    query = select(vault.c.workspace_id).where(vault.c.platform == platform, vault.c.key == key)
    return frozenset(tx.connection.execute(query).scalars())


def put_secret(tx: SqlTransaction, platform: str, workspace_id: str, key: str, value: bytes) -> None:
    encrypted = tx.cipher.encrypt(value)
    tx.connection.execute(
        insert(vault)
        .values(platform=platform, workspace_id=workspace_id, key=key, value=encrypted)
        .on_conflict_do_update(index_elements=["platform", "workspace_id", "key"], set_={"value": encrypted})
    )


def claim_secret(tx: SqlTransaction, platform: str, workspace_id: str, key: str, by: str, *, lasts: timedelta) -> bool:
    return coordination.hold(tx, f"secret {platform}/{workspace_id}/{key}", by, lasts=lasts)


def delete_secret(tx: SqlTransaction, platform: str, workspace_id: str, key: str) -> None:
    tx.connection.execute(delete(vault).where(in_workspace(vault, platform, workspace_id), vault.c.key == key))


def delete_secrets(tx: SqlTransaction, platform: str, workspace_id: str) -> None:
    tx.connection.execute(delete(vault).where(in_workspace(vault, platform, workspace_id)))


# ---------------------------------------------------------------- links to watch


def add_grant(  # noqa: PLR0917
    tx: SqlTransaction, digest: str, session_id: str, scope: Scope, person: Person | None, expires_at: datetime
) -> None:
    if person:
        tx.connection.execute(grants.delete().where(grants.c.session_id == session_id, grants.c.person_id == person.id))
    tx.connection.execute(
        insert(grants)
        .values(
            hash=digest,
            session_id=session_id,
            scope=scope,
            person_id=person.id if person else "",
            person_name=person.name if person else "",
            person_standing=person.standing if person else "",
            created_at=tx.now,
            expires_at=expires_at,
        )
        .on_conflict_do_nothing()
    )


def find_grant(tx: SqlTransaction, digest: str) -> GrantRecord | None:
    query = (
        select(
            grants,
            sessions.c.platform,
            sessions.c.workspace_id,
            sessions.c.channel_id,
            sessions.c.talk_thread_id,
            sessions.c.ended_at,
            sessions.c.starter_id,
        )
        .join(sessions, sessions.c.id == grants.c.session_id)
        .where(grants.c.hash == digest)
    )
    row = tx.connection.execute(query).first()
    return _grant(row) if row else None


def forget_grants(tx: SqlTransaction, *, ended_for: timedelta) -> None:
    ended = select(sessions.c.id).where(sessions.c.ended_at < tx.now - ended_for)
    tx.connection.execute(grants.delete().where(or_(grants.c.expires_at < tx.now, grants.c.session_id.in_(ended))))


def grant_owners(tx: SqlTransaction) -> list[tuple[ConversationRef, str]]:
    query = (
        select(sessions.c.platform, sessions.c.workspace_id, grants.c.person_id)
        .join(sessions, sessions.c.id == grants.c.session_id)
        .where(grants.c.person_id != "", grants.c.expires_at > tx.now)
        .distinct()
    )
    return [
        (ConversationRef(platform, workspace_id, ""), person)
        for platform, workspace_id, person in tx.connection.execute(query)
    ]


def revoke_of_person(tx: SqlTransaction, place: ConversationRef, person_id: str) -> None:
    there = select(sessions.c.id).where(in_workspace(sessions, place.platform, place.workspace_id))
    if place.channel_id:
        there = there.where(sessions.c.channel_id == place.channel_id)
    tx.connection.execute(grants.delete().where(grants.c.person_id == person_id, grants.c.session_id.in_(there)))


def revoke_all(tx: SqlTransaction) -> int:
    return tx.connection.execute(grants.delete()).rowcount


def _grant(row: Any) -> GrantRecord:
    known = row.person_id != ""
    return GrantRecord(
        session_id=row.session_id,
        scope=Scope(row.scope),
        thread=ConversationRef(row.platform, row.workspace_id, row.channel_id, row.talk_thread_id),
        person=Person(row.person_id, row.person_name, Membership(row.person_standing)) if known else None,
        expires_at=row.expires_at,
        ended_at=row.ended_at,
        starter_id=row.starter_id,
    )


# ---------------------------------------------------------------- avatars that are being made of videos


def _upload(tx: SqlTransaction, row: Any) -> UploadRecord:
    place = ConversationRef(row.platform, row.workspace_id, row.channel_id, row.thread_id)
    return UploadRecord(
        upload=Upload(row.avatar_id, row.record_id, row.name, UploadState(row.state)),
        place=place,
        message=MessageRef(place, row.message_id) if row.message_id else None,
        reply_to=decrypt(tx.cipher, row.reply_to, REPLY_TO) if row.reply_to else None,
        created_at=row.created_at,
    )


def add_upload(
    tx: SqlTransaction, upload: Upload, place: ConversationRef, reply_to: ReplyTo | None, consent: Consent
) -> None:
    tx.connection.execute(
        insert(uploads)
        .values(
            avatar_id=upload.avatar_id,
            platform=place.platform,
            workspace_id=place.workspace_id,
            channel_id=place.channel_id,
            thread_id=place.thread_id,
            record_id=upload.record_id,
            name=upload.name,
            state=upload.state,
            reply_to=encrypt(tx.cipher, reply_to) if reply_to else None,
            created_at=tx.now,
        )
        .on_conflict_do_nothing()
    )
    add_owner(tx, OwnedKind.AVATAR, upload.avatar_id, place, consent)


def take_back(tx: SqlTransaction, avatar_id: str) -> None:
    tx.connection.execute(delete(uploads).where(uploads.c.avatar_id == avatar_id))
    remove_owner(tx, OwnedKind.AVATAR, avatar_id)


def follow(tx: SqlTransaction, avatar_id: str, upload: Upload) -> None:
    values = {"state": upload.state, "record_id": upload.record_id}
    tx.connection.execute(update(uploads).where(uploads.c.avatar_id == avatar_id).values(values))


def upload_posted(tx: SqlTransaction, avatar_id: str, message_id: str) -> None:
    tx.connection.execute(update(uploads).where(uploads.c.avatar_id == avatar_id).values(message_id=message_id))


def upload_told(tx: SqlTransaction, avatar_id: str) -> None:
    tx.connection.execute(update(uploads).where(uploads.c.avatar_id == avatar_id).values(reply_to=None))


def unfinished_uploads(tx: SqlTransaction) -> list[UploadRecord]:
    query = (
        select(uploads)
        .where(uploads.c.state.not_in(UPLOAD_OVER) | uploads.c.reply_to.is_not(None))
        .order_by(uploads.c.created_at, uploads.c.avatar_id)
    )
    return [_upload(tx, row) for row in tx.connection.execute(query)]


def forget_uploads(tx: SqlTransaction, age: timedelta) -> int:
    told = and_(uploads.c.state.in_(UPLOAD_OVER), uploads.c.reply_to.is_(None), uploads.c.created_at < tx.now - age)
    left = uploads.c.created_at < tx.now - age - UPLOAD_LEFT
    return tx.connection.execute(delete(uploads).where(or_(told, left))).rowcount


# ---------------------------------------------------------------- what is whose at the provider


def add_owner(
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


def forget_consents(tx: SqlTransaction, age: timedelta) -> int:
    nobodys = {"consent_id": "", "consent_name": "", "consent_at": None}
    old = ownerships.c.consent_at < tx.now - age
    return tx.connection.execute(update(ownerships).where(old).values(nobodys)).rowcount


def remove_owner(tx: SqlTransaction, kind: OwnedKind, provider_id: str) -> None:
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

"""What belongs to a channel or a workspace and outlives sessions: settings, what the operator said, the vault of adapters."""

from collections.abc import Iterable

from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects.sqlite import insert

from bot.commands.channel_settings import ChannelSettings
from bot.domain.conversations import ConversationRef
from bot.ports.secrets import OWN_ACCOUNT
from bot.ports.storage.admission import WorkspaceKey
from bot.storage.encryption import decrypt, encrypt
from bot.storage.filters import channels_of, in_channels, in_workspace
from bot.storage.prepared import Prepared
from bot.storage.tables import channel_settings, vault, workspaces
from bot.storage.transaction import SqlTransaction

_SETTINGS = Prepared(select(channel_settings).where(in_channels(channel_settings)))


def settings_of(tx: SqlTransaction, places: Iterable[ConversationRef]) -> dict[ConversationRef, ChannelSettings]:
    """The settings of the channels of these places; channels without any are left out."""
    rows = _SETTINGS.rows(tx, **channels_of(places))
    return {
        ConversationRef(row.platform, row.workspace_id, row.channel_id): decrypt(
            tx.cipher, row.settings, ChannelSettings
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


def own_accounts(tx: SqlTransaction) -> frozenset[WorkspaceKey]:
    """Of all workspaces: for telling who uses the operator's account."""
    return frozenset((row.platform, row.workspace_id) for row in _OWN_ACCOUNTS.rows(tx))


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


def put_secret(tx: SqlTransaction, platform: str, workspace_id: str, key: str, value: bytes) -> None:
    encrypted = tx.cipher.encrypt(value)
    tx.connection.execute(
        insert(vault)
        .values(platform=platform, workspace_id=workspace_id, key=key, value=encrypted)
        .on_conflict_do_update(index_elements=["platform", "workspace_id", "key"], set_={"value": encrypted})
    )


def delete_secret(tx: SqlTransaction, platform: str, workspace_id: str, key: str) -> None:
    tx.connection.execute(delete(vault).where(in_workspace(vault, platform, workspace_id), vault.c.key == key))


def delete_secrets(tx: SqlTransaction, platform: str, workspace_id: str) -> None:
    tx.connection.execute(delete(vault).where(in_workspace(vault, platform, workspace_id)))

"""What belongs to a channel or a workspace and outlives sessions: settings, the vault of adapters, who is funded."""

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.sqlite import insert

from bot.domain.conversations import ConversationRef
from bot.storage.encryption import Cipher
from bot.storage.engine import Store
from bot.storage.filters import channels_of, in_channels
from bot.storage.tables import channel_settings, vault, workspaces

_SETTINGS = select(channel_settings).where(in_channels(channel_settings))


def settings_of(connection: Connection, cipher: Cipher, places: set[ConversationRef]) -> dict[ConversationRef, bytes]:
    """The saved settings of the channels of these places, still encoded; channels without any are left out."""
    rows = connection.execute(_SETTINGS, channels_of(places))
    return {ConversationRef(r.platform, r.workspace_id, r.channel_id): cipher.decrypt(r.settings) for r in rows}


def save_settings(connection: Connection, cipher: Cipher, place: ConversationRef, settings: bytes) -> None:
    value = cipher.encrypt(settings)
    connection.execute(
        insert(channel_settings)
        .values(platform=place.platform, workspace_id=place.workspace_id, channel_id=place.channel_id, settings=value)
        .on_conflict_do_update(index_elements=["platform", "workspace_id", "channel_id"], set_={"settings": value})
    )


def funded(connection: Connection, platform: str, workspace_id: str) -> bool | None:
    """What the operator said of a workspace, None if nothing."""
    query = select(workspaces.c.funded).where(
        workspaces.c.platform == platform, workspaces.c.workspace_id == workspace_id
    )
    return connection.execute(query).scalar_one_or_none()


def allow(connection: Connection, platform: str, workspace_id: str, *, yes: bool) -> None:
    """Let a workspace spend the operator's credit, or not."""
    connection.execute(
        insert(workspaces)
        .values(platform=platform, workspace_id=workspace_id, funded=yes)
        .on_conflict_do_update(index_elements=["platform", "workspace_id"], set_={"funded": yes})
    )


class Vault:
    """Secrets and small state of an adapter, encrypted, by workspace and key."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, platform: str, workspace_id: str, key: str) -> bytes | None:
        def work(connection: Connection) -> bytes | None:
            query = select(vault.c.value).where(
                vault.c.platform == platform, vault.c.workspace_id == workspace_id, vault.c.key == key
            )
            return connection.execute(query).scalar_one_or_none()

        value = await self._store.read(work)
        return None if value is None else self._store.cipher.decrypt(value)

    async def put(self, platform: str, workspace_id: str, key: str, value: bytes) -> None:
        encrypted = self._store.cipher.encrypt(value)

        def work(connection: Connection) -> None:
            connection.execute(
                insert(vault)
                .values(platform=platform, workspace_id=workspace_id, key=key, value=encrypted)
                .on_conflict_do_update(index_elements=["platform", "workspace_id", "key"], set_={"value": encrypted})
            )

        await self._store.write(work)

    async def delete(self, platform: str, workspace_id: str, key: str) -> None:
        await self._delete(vault.c.platform == platform, vault.c.workspace_id == workspace_id, vault.c.key == key)

    async def delete_workspace(self, platform: str, workspace_id: str) -> None:
        await self._delete(vault.c.platform == platform, vault.c.workspace_id == workspace_id)

    async def _delete(self, *where: object) -> None:
        def work(connection: Connection) -> None:
            connection.execute(delete(vault).where(*where))  # type: ignore[arg-type]

        await self._store.write(work)

"""What belongs to a channel or a workspace and outlives sessions: settings, the vault of adapters, who is funded."""

from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.model import Place
from bot.store.cipher import Cipher
from bot.store.engine import Store
from bot.store.tables import channel_settings, vault, workspaces


async def settings_of(connection: AsyncConnection, cipher: Cipher, places: set[Place]) -> dict[Place, bytes]:
    """The saved settings of the channels of these places, still encoded; channels without any are left out."""
    query = select(channel_settings).where(
        channel_settings.c.platform.in_({place.platform for place in places}),
        channel_settings.c.workspace_id.in_({place.workspace_id for place in places}),
        channel_settings.c.channel_id.in_({place.channel_id for place in places}),
    )
    rows = await connection.execute(query)
    return {Place(r.platform, r.workspace_id, r.channel_id): cipher.open(r.settings) for r in rows}


async def save_settings(connection: AsyncConnection, cipher: Cipher, place: Place, settings: bytes) -> None:
    value = cipher.seal(settings)
    await connection.execute(
        insert(channel_settings)
        .values(platform=place.platform, workspace_id=place.workspace_id, channel_id=place.channel_id, settings=value)
        .on_conflict_do_update(index_elements=["platform", "workspace_id", "channel_id"], set_={"settings": value})
    )


async def funded(connection: AsyncConnection, platform: str, workspace_id: str) -> bool | None:
    """What the operator said of a workspace, None if nothing."""
    query = select(workspaces.c.funded).where(
        workspaces.c.platform == platform, workspaces.c.workspace_id == workspace_id
    )
    return (await connection.execute(query)).scalar_one_or_none()


async def allow(connection: AsyncConnection, platform: str, workspace_id: str, *, yes: bool) -> None:
    """Let a workspace spend the operator's credit, or not."""
    await connection.execute(
        insert(workspaces)
        .values(platform=platform, workspace_id=workspace_id, funded=yes)
        .on_conflict_do_update(index_elements=["platform", "workspace_id"], set_={"funded": yes})
    )


class Vault:
    """Secrets and small state of an adapter, encrypted, by workspace and key."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, platform: str, workspace_id: str, key: str) -> bytes | None:
        async def work(connection: AsyncConnection) -> bytes | None:
            query = select(vault.c.value).where(
                vault.c.platform == platform, vault.c.workspace_id == workspace_id, vault.c.key == key
            )
            return (await connection.execute(query)).scalar_one_or_none()

        value = await self._store.read(work)
        return None if value is None else self._store.cipher.open(value)

    async def put(self, platform: str, workspace_id: str, key: str, value: bytes) -> None:
        sealed = self._store.cipher.seal(value)

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(
                insert(vault)
                .values(platform=platform, workspace_id=workspace_id, key=key, value=sealed)
                .on_conflict_do_update(index_elements=["platform", "workspace_id", "key"], set_={"value": sealed})
            )

        await self._store.write(work)

    async def delete(self, platform: str, workspace_id: str, key: str) -> None:
        await self._delete(vault.c.platform == platform, vault.c.workspace_id == workspace_id, vault.c.key == key)

    async def delete_workspace(self, platform: str, workspace_id: str) -> None:
        await self._delete(vault.c.platform == platform, vault.c.workspace_id == workspace_id)

    async def _delete(self, *where: object) -> None:
        async def work(connection: AsyncConnection) -> None:
            await connection.execute(delete(vault).where(*where))  # type: ignore[arg-type]

        await self._store.write(work)

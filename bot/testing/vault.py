"""A vault that forgets at exit."""

import asyncio
from datetime import timedelta

from bot.domain.errors import StoreUnavailable


class FakeSecretVault:
    """A `SecretVault` in memory, for adapters that keep secrets of workspaces."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str, str], bytes] = {}
        self._claims: dict[tuple[str, str, str], tuple[str, float]] = {}
        self.away = False
        """Whether `get` raises `StoreUnavailable`."""

    async def get(self, platform: str, workspace_id: str, key: str) -> bytes | None:
        if self.away:
            raise StoreUnavailable("The database does not answer.")
        return self._kept.get((platform, workspace_id, key))

    async def named(self, platform: str, key: str) -> frozenset[str]:
        return frozenset(workspace for there, workspace, name in self._kept if (there, name) == (platform, key))

    async def put(self, platform: str, workspace_id: str, key: str, value: bytes) -> None:
        self._kept[platform, workspace_id, key] = value

    async def claim(self, platform: str, workspace_id: str, key: str, by: str, *, lasts: timedelta) -> bool:
        now, secret = asyncio.get_running_loop().time(), (platform, workspace_id, key)
        holder, until = self._claims.get(secret, (by, now))
        if holder != by and until > now:
            return False
        self._claims[secret] = (by, now + lasts.total_seconds())
        return True

    async def delete(self, platform: str, workspace_id: str, key: str) -> None:
        self._kept.pop((platform, workspace_id, key), None)

    async def delete_workspace(self, platform: str, workspace_id: str) -> None:
        self._kept = {place: value for place, value in self._kept.items() if place[:2] != (platform, workspace_id)}

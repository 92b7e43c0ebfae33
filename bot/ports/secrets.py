"""Where adapters keep secrets of workspaces, encrypted by whoever keeps them."""

from typing import Protocol


class SecretVault(Protocol):
    """A small encrypted table; the core's store brings it."""

    async def get(self, platform: str, workspace_id: str, key: str) -> bytes | None: ...

    async def put(self, platform: str, workspace_id: str, key: str, value: bytes) -> None: ...

    async def delete_workspace(self, platform: str, workspace_id: str) -> None: ...

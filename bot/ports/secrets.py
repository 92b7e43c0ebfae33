"""Where adapters keep secrets of workspaces, encrypted by whoever keeps them."""

from typing import Protocol

OWN_ACCOUNT = "own-account"
"""Where a workspace's own account at the provider is kept: one that has it pays for itself, and needs nobody's leave."""


class SecretVault(Protocol):
    """A small encrypted table; the core's store brings it."""

    async def get(self, platform: str, workspace_id: str, key: str) -> bytes | None: ...

    async def put(self, platform: str, workspace_id: str, key: str, value: bytes) -> None: ...

    async def delete(self, platform: str, workspace_id: str, key: str) -> None: ...

    async def delete_workspace(self, platform: str, workspace_id: str) -> None: ...

"""Where secrets of workspaces are kept, encrypted by whoever keeps them."""

from typing import Protocol

PLATFORM = "slack"


class Vault(Protocol):
    """A small encrypted table; the core's store brings it."""

    async def get(self, platform: str, workspace_id: str, key: str) -> bytes | None: ...

    async def put(self, platform: str, workspace_id: str, key: str, value: bytes) -> None: ...

    async def delete_workspace(self, platform: str, workspace_id: str) -> None: ...


class MemoryVault:
    """A vault that forgets at exit: for tests, and for one workspace, whose token comes from the environment."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str, str], bytes] = {}

    async def get(self, platform: str, workspace_id: str, key: str) -> bytes | None:
        return self._kept.get((platform, workspace_id, key))

    async def put(self, platform: str, workspace_id: str, key: str, value: bytes) -> None:
        self._kept[platform, workspace_id, key] = value

    async def delete_workspace(self, platform: str, workspace_id: str) -> None:
        self._kept = {place: value for place, value in self._kept.items() if place[:2] != (platform, workspace_id)}

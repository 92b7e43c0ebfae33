import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from adapters.agora.connection import AgoraConnections
from adapters.agora.settings import AgoraSettings
from tests.integration.agora.hub import Hub, open_hub
from tests.integration.agora.vendor import built, on_path

SETTINGS = AgoraSettings(app_id="", app_certificate=None, seats_per_host=3)


@pytest.fixture
def wrapper() -> Iterator[Path]:
    """The folder on `sys.path` from which room hosts import the wrapper."""
    folder = built()
    with on_path(folder):
        yield folder


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    with tempfile.TemporaryDirectory(prefix="hub-") as folder:  # a socket's path has at most 107 bytes
        async with open_hub(Path(folder)) as hub:
            yield hub


@pytest.fixture
async def connections(wrapper: Path, hub: Hub) -> AsyncIterator[AgoraConnections]:
    async with AgoraConnections(SETTINGS, {"AGORA_STUB_SOCKET": str(hub.path)}) as connections:
        yield connections

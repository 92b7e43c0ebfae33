from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from bot.storage.encryption import Cipher
from bot.storage.engine import Store
from bot.storage.migrate import upgrade


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An empty database, migrated once."""
    path = tmp_path_factory.mktemp("migrated") / "empty.db"
    upgrade(f"sqlite:///{path}")
    return path.read_bytes()


@pytest.fixture
def database(tmp_path: Path, migrated: bytes) -> Path:
    path = tmp_path / "avatarbot.db"
    path.write_bytes(migrated)
    return path


@pytest.fixture
async def store(database: Path) -> AsyncIterator[Store]:
    async with Store.open(f"sqlite:///{database}", Cipher((Fernet.generate_key().decode(),))) as store:
        yield store

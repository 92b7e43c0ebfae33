from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from bot.store.cipher import Cipher
from bot.store.engine import Store
from bot.store.migrate import upgrade


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "avatarbot.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
async def store(database: Path) -> AsyncIterator[Store]:
    async with Store.open(f"sqlite:///{database}", Cipher((Fernet.generate_key().decode(),))) as store:
        yield store

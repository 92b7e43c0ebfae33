from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from bot.storage.encryption import Cipher
from bot.storage.engine import Store
from tests.database import NAME, database_in


@pytest.fixture
def database(tmp_path: Path) -> Path:
    database_in(tmp_path)
    return tmp_path / NAME


@pytest.fixture
async def store(database: Path) -> AsyncIterator[Store]:
    async with Store.open(f"sqlite:///{database}", Cipher((Fernet.generate_key().decode(),))) as store:
        yield store

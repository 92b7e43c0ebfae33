"""Every implementation of `Storage` takes the whole contract. `opened` begins one that is empty; called again, it is what a restart finds."""

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.clock import Clock
from bot.ports.storage import Storage
from bot.storage.encryption import Cipher
from bot.storage.engine import Store
from bot.storage.memory import MemoryStorage
from bot.storage.memory.rows import Data
from bot.storage.migrate import upgrade
from bot.storage.sql import SqlStorage
from bot.testing.clock import ManualClock
from tests.world_fixture import KEY

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


Open = Callable[[Clock], contextlib.AbstractAsyncContextManager[Storage]]


@dataclass
class Opened:
    """A storage with its clock, and how other processes open the same."""

    storage: Storage
    clock: ManualClock
    open: Open = field(repr=False)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An empty database, migrated once."""
    path = tmp_path_factory.mktemp("contract") / "empty.db"
    upgrade(f"sqlite:///{path}")
    return path.read_bytes()


def sqlite(folder: Path, migrated: bytes) -> Open:
    path = folder / "avatarbot.db"
    path.write_bytes(migrated)

    @contextlib.asynccontextmanager
    async def open_again(clock: Clock) -> AsyncIterator[Storage]:
        async with Store.open(f"sqlite:///{path}", Cipher((KEY,))) as store:
            yield SqlStorage(store, clock)

    return open_again


def memory(_folder: Path, _migrated: bytes) -> Open:
    data = Data()

    @contextlib.asynccontextmanager
    async def open_again(clock: Clock) -> AsyncIterator[Storage]:
        yield MemoryStorage(clock, data)

    return open_again


KINDS = {"sqlite": sqlite, "memory": memory}


@pytest.fixture(params=KINDS)
async def opened(request: pytest.FixtureRequest, tmp_path: Path, migrated: bytes) -> AsyncIterator[Opened]:
    clock, open_again = ManualClock(NOON), KINDS[request.param](tmp_path, migrated)
    async with open_again(clock) as storage:
        yield Opened(storage, clock, open_again)


@pytest.fixture
def storage(opened: Opened) -> Storage:
    return opened.storage


@pytest.fixture
def clock(opened: Opened) -> ManualClock:
    return opened.clock

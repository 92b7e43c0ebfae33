"""Every implementation of `Storage` takes the whole contract. `opened` begins one that is empty; called again, it is what a restart finds."""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from bot.clock import Clock
from bot.ports.storage import Storage
from bot.storage.connections import PoolSize
from bot.storage.encryption import Cipher
from bot.storage.engine import Store
from bot.storage.memory import MemoryStorage
from bot.storage.memory.rows import Data
from bot.storage.sql import SqlStorage
from bot.testing.virtual_time import ManualClock
from tests.database import database_in
from tests.server import emptied_database
from tests.world_fixture import KEY

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


Open = Callable[[Clock], contextlib.AbstractAsyncContextManager[Storage]]


@dataclass
class Opened:
    """A storage with its clock, and how other processes open the same."""

    storage: Storage
    clock: ManualClock
    open: Open = field(repr=False)


@contextlib.contextmanager
def sqlite(folder: Path) -> Iterator[Open]:
    yield _on(database_in(folder))


@contextlib.contextmanager
def postgresql(_folder: Path) -> Iterator[Open]:
    with emptied_database() as url:
        yield _on(url)


def _on(url: str | URL) -> Open:
    @contextlib.asynccontextmanager
    async def open_again(clock: Clock) -> AsyncIterator[Storage]:
        async with Store.open(url, Cipher((KEY,)), PoolSize(1, 1)) as store:
            yield SqlStorage(store, clock, clock)

    return open_again


@contextlib.contextmanager
def memory(_folder: Path) -> Iterator[Open]:
    data = Data()

    @contextlib.asynccontextmanager
    async def open_again(clock: Clock) -> AsyncIterator[Storage]:
        yield MemoryStorage(clock, data)

    yield open_again


KINDS = {"sqlite": sqlite, "postgresql": postgresql, "memory": memory}


@pytest.fixture(params=KINDS)
async def opened(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Opened]:
    clock = ManualClock(NOON)
    with KINDS[request.param](tmp_path) as open_again:
        async with open_again(clock) as storage:
            yield Opened(storage, clock, open_again)


@pytest.fixture
def storage(opened: Opened) -> Storage:
    return opened.storage


@pytest.fixture
def clock(opened: Opened) -> ManualClock:
    return opened.clock

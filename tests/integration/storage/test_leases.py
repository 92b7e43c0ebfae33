"""Leases on PostgreSQL: whose clock counts, what a renewal waits for, and what is known of a write whose server was lost meanwhile."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL

from bot.clock import SystemClock
from bot.domain.errors import WriteInDoubt
from bot.ports.storage.records import ProcessProfile
from bot.storage.connections import PoolSize
from bot.storage.encryption import Cipher
from bot.storage.engine import Store
from bot.storage.sql import SqlStorage
from bot.testing.virtual_time import JumpingClock, ManualClock
from tests.contract.storage.seeds import LIFE, PLACE, known, start
from tests.patience import HANG_S
from tests.server import connected, emptied_database
from tests.world_fixture import KEY


@pytest.fixture
def url() -> Iterator[URL]:
    with emptied_database() as url:
        yield url


def opened(url: URL, urgent: int = 0) -> contextlib.AbstractAsyncContextManager[Store]:
    return Store.open(url, Cipher((KEY,)), PoolSize(1, 1, urgent))


@pytest.mark.parametrize("hours", [1, -1])
async def test_a_wrong_clock_steals_nothing_and_loses_nothing(url: URL, hours: int) -> None:
    wrong = JumpingClock()
    wrong.wrong_by = timedelta(hours=hours)
    async with opened(url) as store:
        right, skewed = SqlStorage(store, SystemClock()), SqlStorage(store, wrong)
        await right.workers.enlist("right", ProcessProfile(), lasts=LIFE)
        await skewed.workers.enlist("skewed", ProcessProfile(), lasts=LIFE)
        for session_id in ("s", "t"):
            await start(right, session_id)
        held = await right.workers.claim("right", room=1)
        assert await skewed.workers.claim("skewed", room=2) == []
        await right.workers.dismiss("right")
        assert len(await skewed.workers.claim("skewed", room=2)) == 2
        await right.workers.enlist("again", ProcessProfile(), lasts=LIFE)
        assert await right.workers.claim("again", room=2) == []
        assert len(held) == 1


async def test_a_wrong_clock_forgets_nothing_that_was_answered(url: URL) -> None:
    ahead, event = ManualClock(SystemClock().now() + timedelta(hours=2)), (PLACE.platform, PLACE.workspace_id, "e1")
    async with opened(url) as store:
        right, skewed = SqlStorage(store, SystemClock()), SqlStorage(store, ahead)
        await right.coordination.answered(PLACE, "e1", "right", lasts=timedelta(hours=1))
        assert await known(skewed, event) == {event}


async def test_a_renewal_waits_for_nothing_that_is_written(url: URL) -> None:
    begun, goes_on = threading.Event(), threading.Event()

    def slow(_: Connection) -> None:
        begun.set()
        assert goes_on.wait(HANG_S)

    async with opened(url, urgent=1) as store:
        workers = SqlStorage(store, SystemClock()).workers
        await workers.enlist("A", ProcessProfile(), lasts=LIFE)
        writing = [asyncio.create_task(store.write(slow)) for _ in range(3)]
        assert await asyncio.to_thread(begun.wait, HANG_S)
        async with asyncio.timeout(HANG_S):
            assert await workers.renew("A", lasts=LIFE)
        assert not any(task.done() for task in writing)
        goes_on.set()
        await asyncio.gather(*writing)


class Line:
    """Between the program and its server. `loses_commit`: what commits reaches the server, and then nobody reaches anything."""

    def __init__(self, server: URL) -> None:
        self._socket = f"{server.query['host']}/.s.PGSQL.5432"
        self.loses_commit = False
        self.lost = False

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.lost:
            writer.close()
            return
        there_reader, there = await asyncio.open_unix_connection(self._socket)
        await asyncio.gather(self._asks(reader, there, writer), self._answers(there_reader, writer))

    async def _asks(
        self, reader: asyncio.StreamReader, there: asyncio.StreamWriter, back: asyncio.StreamWriter
    ) -> None:
        with contextlib.closing(there):
            while data := await reader.read(65_536):
                there.write(data)
                if self.loses_commit and b"COMMIT" in data:
                    self.lost = True
                    await there.drain()
                    back.close()

    async def _answers(self, there: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            while data := await there.read(65_536):
                if not self.lost:
                    writer.write(data)


@pytest.fixture
async def line(url: URL) -> AsyncIterator[tuple[URL, Line]]:
    line = Line(url)
    async with await asyncio.start_server(line.meet, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        yield url.set(host="127.0.0.1", port=port, query={}), line


async def test_a_commit_that_nobody_answered_is_in_doubt(url: URL, line: tuple[URL, Line]) -> None:
    through, wire = line

    def work(connection: Connection) -> None:
        connection.execute(text("INSERT INTO workspaces VALUES ('room', 'W1', true) ON CONFLICT DO NOTHING"))

    async with opened(through) as store:
        wire.loses_commit = True
        with pytest.raises(WriteInDoubt, match="may not have been taken"):
            await store.write(work)
        with connected(url) as beside:
            assert beside.execute("SELECT count(*) FROM workspaces").fetchone() == (1,)
        wire.lost = wire.loses_commit = False
        await store.write(work)  # writing it again changes nothing


async def test_what_never_came_to_its_commit_was_not_taken(line: tuple[URL, Line]) -> None:
    through, wire = line
    async with opened(through) as store:
        wire.lost = True

        def work(connection: Connection) -> None:
            connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

        with pytest.raises(Exception, match=r"does not answer|being stopped") as refused:
            await store.write(work)
        assert not isinstance(refused.value, WriteInDoubt)

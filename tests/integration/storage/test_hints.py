"""Hints over a real server: they come, they are few, and what keeps them from coming is noticed and no harm."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import takewhile

import pytest
from sqlalchemy.engine import URL
from structlog.testing import capture_logs

from bot.app.wiring import open_hints
from bot.domain.errors import SettingsError
from bot.ports.processes import Hint, HintKind, NoHints
from bot.settings import Settings
from bot.storage.notifications import CHANNEL, MOST_UNSENT, PostgresHints
from bot.tasks import cancel_and_wait
from tests.patience import HANG_S, until
from tests.server import administer, connected, emptied_database

CLAIM = Hint(HintKind.CLAIM)


class Process:
    """One that hears hints, and remembers them."""

    def __init__(self, url: URL) -> None:
        self.hints = PostgresHints(url.render_as_string(hide_password=False), again_first_s=0.01)
        self.heard: list[Hint] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.hints.run(self.heard.append))
        try:
            async with asyncio.timeout(HANG_S):
                await self.hints.listens.wait()
            yield
        finally:
            await cancel_and_wait(task)


@pytest.fixture
def url() -> Iterator[URL]:
    with emptied_database() as url:
        yield url


async def test_the_others_hear_it_and_oneself_does_not(url: URL) -> None:
    one, two, three = (Process(url) for _ in range(3))
    async with one.running(), two.running(), three.running():
        one.hints.send(Hint.waits("s1"))
        await until(lambda: two.heard and three.heard)
        two.hints.send(CLAIM)
        await until(lambda: one.heard == [CLAIM])
    assert two.heard == [Hint.waits("s1")]
    assert three.heard == [Hint.waits("s1"), CLAIM]


async def test_many_at_once_are_few_notifications_and_each_once(url: URL) -> None:
    one, two = Process(url), Process(url)
    wanted = [Hint.waits(f"{number:036}") for number in range(1_000)]
    async with one.running(), two.running():
        with connected(url) as watching:
            watching.execute(f"LISTEN {CHANNEL}".encode())
            for hint in (*wanted, *wanted):
                one.hints.send(hint)
            await until(lambda: len(two.heard) >= len(wanted))
            administer(f"SELECT pg_notify('{CHANNEL}', '')", url)
            payloads = list(takewhile(bool, (each.payload for each in watching.notifies())))
    assert two.heard == wanted
    assert len(payloads) < 10
    assert max(map(len, payloads)) < 8_000


async def test_what_is_sent_while_nothing_passes_fills_no_memory(url: URL) -> None:
    one = Process(url)
    one.hints.send(CLAIM)
    assert not one.hints._unsent
    async with one.running():
        for number in range(2 * MOST_UNSENT):
            one.hints.send(Hint.waits(str(number)))
        assert len(one.hints._unsent) == MOST_UNSENT


async def test_a_lost_listener_comes_back_by_itself(url: URL) -> None:
    one, two = Process(url), Process(url)
    with capture_logs() as logs:
        async with one.running(), two.running():
            administer(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                f"WHERE datname = '{url.database}' AND query LIKE 'LISTEN%'"
            )
            await until(lambda: sum(log["event"] == "hints between processes are lost" for log in logs) == 2)
            await until(lambda: one.hints.listens.is_set() and two.hints.listens.is_set())
            one.hints.send(CLAIM)
            await until(lambda: two.heard == [CLAIM])


async def test_what_another_version_says_is_passed_over(url: URL) -> None:
    one = Process(url)
    async with one.running():
        for payload in ("", "x", "[]", '[{"kind":"dance"}]', '[{"kind":"claim","about":[1]}]', "{}", "é" * 3_000):
            administer(f"SELECT pg_notify('{CHANNEL}', '{payload}')", url)
        known = '[{"kind":"dance"},{"kind":"claim","about":[]},{"kind":"waits","about":{}}]'
        administer(f"SELECT pg_notify('{CHANNEL}', '{known}')", url)
        await until(lambda: one.heard == [CLAIM])


async def test_a_pooler_that_keeps_hints_is_refused(url: URL) -> None:
    async with pooler(url) as through:
        with pytest.raises(SettingsError, match="set AVATARBOT_DATABASE_HINTS=off"):
            await open_hints(settings_of(through))
        assert isinstance(await open_hints(settings_of(through, "off")), NoHints)


async def test_a_server_that_passes_hints_on_is_used(url: URL) -> None:
    assert isinstance(await open_hints(settings_of(url)), PostgresHints)


def settings_of(url: URL, hints: str = "auto") -> Settings:
    named = {"DATABASE_URL": url.render_as_string(hide_password=False), "AVATARBOT_DATABASE_HINTS": hints}
    return Settings.model_validate(named)


# ---------------------------------------------------------------- what stands between


@asynccontextmanager
async def pooler(url: URL) -> AsyncIterator[URL]:
    """As one in transaction mode: whoever listens gets no notification (message `A` of the protocol)."""
    path, serving = f"{url.query['host']}/.s.PGSQL.5432", set[object]()
    async with AsyncExitStack() as stack:

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            serving.add(writer)
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                there, to_there = await asyncio.open_unix_connection(path)
                async with asyncio.TaskGroup() as both:
                    both.create_task(copied(reader, to_there))
                    both.create_task(without_notifications(there, writer))
            serving.remove(writer)

        server = await stack.enter_async_context(await asyncio.start_server(serve, "127.0.0.1", 0))
        port = server.sockets[0].getsockname()[1]
        yield url.set(host="127.0.0.1", port=port, query={"sslmode": "disable", "gssencmode": "disable"})
        server.close()
        await until(lambda: not serving)


async def copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
    writer.close()


async def without_notifications(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(asyncio.IncompleteReadError):
        while True:
            head = await reader.readexactly(5)
            kind, length = struct.unpack("!cI", head)
            body = await reader.readexactly(length - 4)
            if kind != b"A":
                writer.write(head + body)
    writer.close()

"""A page on another process than its session's run, beside one on the same; and a hint beside a bare NOTIFY. In one run, in turn.

python -m benchmarks.elsewhere
"""

import asyncio
import contextlib
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import psycopg
from sqlalchemy.engine import URL

from bot.ports.processes import Hint
from bot.storage.notifications import PostgresHints
from bot.tasks import cancel_and_wait
from tests.browser.session_fixture import SESSION, scripted_core
from tests.integration.web.links.processes import LIVE, page_of, playing, web_process, worker_process
from tests.server import fresh_database

ROUNDS = 20
HINTS = 200


async def first_picture_elsewhere(folder: Path) -> float:
    """Seconds from opening the page's socket to its first picture, with the link still to be opened."""
    async with worker_process() as worker, web_process(folder, worker) as web, playing(worker.media):
        began = time.perf_counter()
        async with page_of(web.core) as page:
            while not page.pictures:
                await asyncio.sleep(0.001)
            return time.perf_counter() - began


async def first_picture_here(folder: Path) -> float:
    folder.mkdir()
    async with scripted_core(folder) as core, playing(core.events.media.of(SESSION)):
        core.events.publish(SESSION, LIVE)
        began = time.perf_counter()
        async with page_of(core) as page:
            while not page.pictures:
                await asyncio.sleep(0.001)
            return time.perf_counter() - began


async def hint_times(url: URL) -> list[float]:
    """Seconds from `send` in one process to `heard` in another."""
    text, heard = url.render_as_string(hide_password=False), asyncio.Event()
    one, two = PostgresHints(text), PostgresHints(text)
    running = [
        asyncio.create_task(one.run(lambda _: None)),
        asyncio.create_task(two.run(lambda _: heard.set())),
    ]
    await asyncio.gather(one.listens.wait(), two.listens.wait())
    took = [await _timed(heard, _sending(one, number)) for number in range(HINTS)]
    await cancel_and_wait(*running)
    return took


def _sending(hints: PostgresHints, number: int) -> Callable[[], Awaitable[None]]:
    async def send() -> None:
        hints.send(Hint.waits(str(number)))

    return send


async def bare_times(url: URL) -> list[float]:
    """The same with nothing but LISTEN and NOTIFY."""
    heard = asyncio.Event()
    async with _bare(url) as one, _bare(url) as two:
        await two.execute("LISTEN bare")

        async def listen() -> None:
            async for _ in two.notifies():
                heard.set()

        async def send() -> None:
            await one.execute("NOTIFY bare")

        listening = asyncio.create_task(listen())
        took = [await _timed(heard, send) for _ in range(HINTS)]
        await cancel_and_wait(listening)
    return took


@contextlib.asynccontextmanager
async def _bare(url: URL) -> AsyncIterator[psycopg.AsyncConnection]:
    connection = await psycopg.AsyncConnection.connect(url.render_as_string(hide_password=False), autocommit=True)
    async with connection:
        yield connection


async def _timed(heard: asyncio.Event, send: Callable[[], Awaitable[None]]) -> float:
    heard.clear()
    began = time.perf_counter()
    await send()
    await heard.wait()
    took = time.perf_counter() - began
    await asyncio.sleep(0.01)
    return took


def show(what: str, took: Sequence[float]) -> None:
    in_order = sorted(took)
    p95 = in_order[int(len(in_order) * 0.95)]
    print(f"{what:28} p50 {statistics.median(took) * 1000:7.1f}   p95 {p95 * 1000:7.1f} ms")


async def main() -> None:
    here, elsewhere = list[float](), list[float]()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(ROUNDS):
            here.append(await first_picture_here(Path(folder, f"here{number}")))
            elsewhere.append(await first_picture_elsewhere(Path(folder, f"elsewhere{number}")))
    show("first picture, same process", here)
    show("first picture, elsewhere", elsewhere)
    with fresh_database() as url:
        show("bare NOTIFY", await bare_times(url))
        show("hint", await hint_times(url))


if __name__ == "__main__":
    asyncio.run(main())

"""A signed `/avatar say` over HTTP until its 200, the row durable, beside bolt alone whose listener only acknowledges.

In between stands our adapter before a front door that commits nothing: what it takes longer than bolt is the adapter's, the
rest the inbox's.

python -m benchmarks.slack_say [--requests 2000]

Each runs under uvicorn on loopback in a process of its own; this process is the client. Latency is what Slack would see.
"""

import argparse
import asyncio
import contextlib
import gc
import multiprocessing
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import uvicorn
from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from adapters.slack.platform import SlackPlatform
from adapters.slack.settings import SlackSettings
from benchmarks.gateway import gateway
from benchmarks.table import Limit, judged, percentile
from bot.app.wiring import keep_loaded
from bot.clock import SystemClock
from bot.domain.conversations import ConversationRef
from bot.ports.chat import CoreApi
from bot.testing.vault import FakeSecretVault
from bot.web.app import mounted
from tests.contract.platform.harness import RecordingCore
from tests.integration.slack.fake import FakeSlack, payloads

CHANNELS = 50
"""Sessions among which the commands are spread, so that none has more waiting than people would ever cause."""

RATE = 200
SPAWN = multiprocessing.get_context("spawn")
MOST = 3
"""Times bolt alone. Judged where the next request waits for an answer: at a fixed rate a machine that is too slow shows its queue."""


# ---------------------------------------------------------------- the servers


def bolt_alone() -> Starlette:
    async def authorize(**_: Any) -> AuthorizeResult:
        return AuthorizeResult(
            enterprise_id=None, team_id="T0TEAM", bot_token="xoxb-1", bot_id="B", bot_user_id="U0BOT"
        )

    app = AsyncApp(signing_secret=payloads.SIGNING_SECRET, authorize=authorize)

    @app.command("/avatar")
    async def acknowledge(ack: Callable[[], Awaitable[None]]) -> None:
        await ack()

    handler = AsyncSlackRequestHandler(app)

    async def events(request: Request) -> Response:
        return await handler.handle(request)

    return Starlette(routes=[Route("/slack/events", events, methods=["POST"])])


@contextlib.asynccontextmanager
async def committing() -> AsyncIterator[CoreApi]:
    """The core's front door and its inbox on SQLite."""
    places = [ConversationRef("slack", "T0TEAM", f"C{n}") for n in range(CHANNELS)]
    with tempfile.TemporaryDirectory() as folder:
        async with gateway(Path(folder), places) as core:
            yield core


@contextlib.asynccontextmanager
async def ours(api_url: str, front: contextlib.AbstractAsyncContextManager[CoreApi]) -> AsyncIterator[Starlette]:
    """The adapter before a front door."""
    settings = SlackSettings.model_validate(
        {"SLACK_BOT_TOKEN": "xoxb-test", "SLACK_SIGNING_SECRET": payloads.SIGNING_SECRET, "SLACK_API_URL": api_url}
    )
    async with front as core:
        platform = SlackPlatform(settings, core, FakeSecretVault(), SystemClock())
        async with contextlib.aclosing(platform):
            yield Starlette(routes=mounted(platform.mounts()))


@contextlib.asynccontextmanager
async def application(name: str, api_url: str) -> AsyncIterator[Starlette]:
    if name == "bolt":
        yield bolt_alone()
        return
    front = committing() if name == "ours" else contextlib.nullcontext(RecordingCore())
    async with ours(api_url, front) as app:
        yield app


async def serve(name: str, port: int, api_url: str) -> None:
    async with application(name, api_url) as app:
        server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", access_log=False))
        await server.serve()


def run_server(name: str, port: int, api_url: str) -> None:
    keep_loaded()  # as the service does
    asyncio.run(serve(name, port, api_url))


# ---------------------------------------------------------------- the client


def request(n: int) -> tuple[bytes, dict[str, str]]:
    command = payloads.command("U0ANN", f"say number {n}", f"C{n % CHANNELS}", "https://hooks.slack.test/1")
    body = urlencode(command).encode()
    return body, payloads.signed(body) | {"Content-Type": "application/x-www-form-urlencoded"}


async def deliver(session: aiohttp.ClientSession, url: str, n: int) -> float:
    body, headers = request(n)
    began = time.perf_counter()
    async with session.post(url, data=body, headers=headers) as response:
        answer = await response.read()
    assert response.status == 200, response.status
    assert answer == b"", answer
    return (time.perf_counter() - began) * 1000


async def in_flight(session: aiohttp.ClientSession, url: str, total: int, at_once: int) -> list[float]:
    numbers = iter(range(total))

    async def one_after_another() -> list[float]:
        return [await deliver(session, url, n) for n in numbers]

    found = await asyncio.gather(*(one_after_another() for _ in range(at_once)))
    return [took for each in found for took in each]


async def at_rate(session: aiohttp.ClientSession, url: str, total: int, per_second: int) -> list[float]:
    async def after(n: int) -> float:
        await asyncio.sleep(n / per_second)
        return await deliver(session, url, n)

    return list(await asyncio.gather(*(after(n) for n in range(total))))


def line(name: str, took: list[float]) -> None:
    print(f"  {name:28}{statistics.median(took):8.2f}{percentile(took, 99):9.2f}{max(took):9.2f}")


async def measure(name: str, url: str, requests: int) -> tuple[float, float]:
    """Prints, and returns the medians with 1 and with 32 in flight."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await in_flight(session, url, 100, 4)  # warm
        alone = await in_flight(session, url, requests // 4, 1)
        line(f"{name}, 1 in flight", alone)
        many = await in_flight(session, url, requests, 32)
        line(f"{name}, 32 in flight", many)
        line(f"{name}, {RATE}/s", await at_rate(session, url, requests, RATE))
    return statistics.median(alone), statistics.median(many)


async def benchmark(requests: int) -> int:
    gc.collect()
    gc.freeze()  # or the client's own collections are measured too
    print(f"  {'milliseconds':28}{'median':>8}{'p99':>9}{'worst':>9}")
    async with FakeSlack(limits=False).running() as fake:
        medians: dict[str, tuple[float, float]] = {}
        for name in ("bolt", "not committed", "ours"):
            port = free_port()
            process = SPAWN.Process(target=run_server, args=(name, port, fake.api_url), daemon=True)
            process.start()
            await listening(port)
            medians[name] = await measure(name, f"http://127.0.0.1:{port}/slack/events", requests)
            process.terminate()
            process.join()
    return judged(
        *(
            Limit(f"median with {count} in flight", ours, bolt, MOST)
            for count, ours, bolt in zip((1, 32), medians["ours"], medians["bolt"], strict=True)
        )
    )


async def listening(port: int) -> None:
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.1)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=2000)
    sys.exit(asyncio.run(benchmark(parser.parse_args().requests)))

"""200 open channel windows and 20 talking sessions on one core: event to window, event to screen, memory per window.

The server has one core to itself, as have the windows with their Chromium. An event is an edit of a line as it grows; each
carries its time. The floor, in the same run, is one window alone in front of the same talk.

    python -m benchmarks.playground_windows [--windows 200] [--sessions 20] [--seconds 10]
"""

import argparse
import asyncio
import json
import multiprocessing as mp
import os
import re
import shutil
import statistics
import time
from multiprocessing.connection import Connection
from typing import Any

import httpx
import psutil
from playwright.async_api import async_playwright
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.routing import Mount
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin

from adapters.playground.platform import PlaygroundPlatform
from adapters.playground.settings import PlaygroundSettings
from bot.clock import SystemClock
from bot.domain.conversations import ConversationRef
from bot.domain.posts import Card, Delivery, TranscriptLine
from bot.domain.sessions import Mode, SessionStatus
from bot.web.app import mounted, serve
from bot.web.page import Static
from bot.web.viewer.routes import FOLDER as SHARED
from tests.contract.platform.harness import RecordingCore
from tests.disclosing import AI

SECRET = "a-secret-for-benchmarks"
STAMP = re.compile(r"t=(\d+\.\d+)")
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
WATCH = """() => {
  window.delays = [];
  const now = () => (performance.timeOrigin + performance.now()) / 1000;
  new MutationObserver((changes) => requestAnimationFrame(() => {
    for (const { target } of changes) {
      const stamp = (target.textContent ?? "").match(/t=(\\d+\\.\\d+)/g)?.at(-1);
      if (stamp) delays.push(now() - Number(stamp.slice(2)));
    }
  })).observe(document.getElementById("thread-messages"), { childList: true, subtree: true, characterData: true });
}"""


# ---------------------------------------------------------------- the server, in a process of its own


def serve_playground(pipe: Connection, core: int, sessions: int) -> None:
    os.sched_setaffinity(0, {core})
    asyncio.run(_serve(pipe, sessions))


async def _serve(pipe: Connection, sessions: int) -> None:
    platform = PlaygroundPlatform(RecordingCore(), SystemClock(), PlaygroundSettings(secret=SecretStr(SECRET)))
    app = Starlette(routes=[Mount("/v/static", Static(SHARED)), *mounted(platform.mounts())])
    async with serve(app, "127.0.0.1", 0) as port:
        threads = [await _open(platform, n) for n in range(sessions)]
        pipe.send((port, [thread.thread_id for thread in threads]))
        talking: list[asyncio.Task[None]] = []
        while (order := await asyncio.to_thread(pipe.recv)) != "end":
            match order:
                case "talk":
                    talking = [
                        asyncio.create_task(_talk(platform, thread, n / sessions)) for n, thread in enumerate(threads)
                    ]
                case "hush":
                    for task in talking:
                        task.cancel()
                case "weigh":
                    pipe.send((psutil.Process().memory_info().rss, time.process_time()))


async def _open(platform: PlaygroundPlatform, number: int) -> ConversationRef:
    place = ConversationRef("playground", "playground", "lobby")
    card = Card(f"s{number}", f"Mei {number}", "", SessionStatus.LIVE, Mode.DIALOGUE, "Ann", "Live.", AI)
    return (await platform.post_card(place, card)).thread


async def _talk(platform: PlaygroundPlatform, thread: ConversationRef, phase: float) -> None:
    """Utterances of 30 edits, each at the playground's own pace; nobody speaks in chorus."""
    await asyncio.sleep(phase * platform.pace.edit_interval)
    while True:
        ref = await platform.post(thread, TranscriptLine("Mei", f"t={time.time():.6f}", Delivery.GROWING), "")
        for count in range(30):
            await asyncio.sleep(platform.pace.edit_interval)
            await platform.edit(ref, TranscriptLine("Mei", f"{'word ' * count}t={time.time():.6f}", Delivery.GROWING))


# ---------------------------------------------------------------- the windows


class Windows:
    """Sockets that behave like the page, and remember how late each edit came."""

    def __init__(self, base: str, ticket: str) -> None:
        self._base, self._ticket = base, ticket
        self._open: list[tuple[ClientConnection, asyncio.Task[None]]] = []
        self.delays: list[float] = []

    async def open(self, count: int) -> None:
        for _ in range(count):
            url = self._base.replace("http", "ws") + "/playground/socket"
            socket = await connect(
                url,
                origin=Origin(self._base),
                additional_headers={"Cookie": self._ticket},
                compression=None,
                max_size=None,
            )
            await socket.send('{"type": "enter"}')
            self._open.append((socket, asyncio.create_task(self._read(socket))))

    async def _read(self, socket: ClientConnection) -> None:
        async for frame in socket:
            came = time.time()
            stamps = STAMP.findall(str(frame)) if '"changed"' in str(frame)[:20] else []
            self.delays += [came - float(stamp) for stamp in stamps]

    async def close(self) -> None:
        for socket, reading in self._open:
            await socket.close()
            await reading


async def on_media(base: str, thread: str, seconds: float) -> list[float]:
    """How late an edit stands on the screen of one Chromium."""
    executable = os.environ.get("AVATARBOT_CHROMIUM") or shutil.which("chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=FLAGS)
        page = await browser.new_page()
        await page.goto(f"{base}/playground#key={SECRET}")
        await page.wait_for_selector("#app:not([hidden])")
        await page.evaluate(f"location.hash = '#/lobby/{thread}'")
        await page.wait_for_selector("#thread-messages li")
        await page.evaluate(WATCH)
        await asyncio.sleep(seconds)
        delays: list[float] = await page.evaluate("delays")
        await browser.close()
        return delays


def row(name: str, delays: list[float]) -> str:
    cuts = statistics.quantiles(delays, n=100)
    return f"{name:<44}{len(delays):>9,}{cuts[49] * 1000:>9.1f}{cuts[98] * 1000:>9.1f}"


async def measure(arguments: argparse.Namespace) -> None:
    ours, theirs = mp.Pipe()
    server = mp.get_context("spawn").Process(target=serve_playground, args=(theirs, 0, arguments.sessions))
    server.start()
    os.sched_setaffinity(0, {1} if (os.cpu_count() or 1) > 1 else {0})
    port, threads = await asyncio.to_thread(ours.recv)
    base = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=base, headers={"Origin": base}) as client:
        entered = await client.post("/playground/enter", content=json.dumps({"key": SECRET}))
        ticket = entered.headers["set-cookie"].partition(";")[0]

    async def ask(order: str) -> Any:
        ours.send(order)
        return await asyncio.to_thread(ours.recv) if order == "weigh" else None

    print(f"{'event to …':<44}{'edits':>9}{'p50 ms':>9}{'p99 ms':>9}")
    weighed, before = 0, 0
    for count in (1, arguments.windows):
        windows = Windows(base, ticket)
        before, _ = await ask("weigh")
        await windows.open(count)
        await asyncio.sleep(1)
        weighed, _ = await ask("weigh")
        await ask("talk")
        await asyncio.sleep(1)
        windows.delays.clear()
        _, busy = await ask("weigh")
        await asyncio.sleep(arguments.seconds)
        _, busier = await ask("weigh")
        print(row(f"window, {count} open, {arguments.sessions} talking", windows.delays))
        print(row("screen of a Chromium beside them", await on_media(base, threads[0], arguments.seconds)))
        print(f"{'':<4}server: {(busier - busy) / arguments.seconds:.0%} of a core")
        await ask("hush")
        await windows.close()
    print(f"memory per window: {(weighed - before) / arguments.windows / 1024:.0f} kB")
    ours.send("end")
    server.join(10)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, default=200)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=10)
    asyncio.run(measure(parser.parse_args()))

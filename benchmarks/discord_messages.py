"""A MESSAGE_CREATE until its row is durable, beside discord.py alone whose `on_message` only looks at the clock.

python -m benchmarks.discord_messages [--messages 2000]

Both hear the same fake gateway over TLS, each in a process of its own, one after the other; this process is the gateway. Latency is
from the frame being sent.
"""

import argparse
import asyncio
import contextlib
import gc
import multiprocessing
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

import discord

from adapters.discord.gateway import intents
from adapters.discord.platform import DiscordPlatform
from benchmarks.gateway import gateway
from benchmarks.table import load, percentile
from bot.clock import SystemClock
from bot.domain.conversations import Accepted, ConversationRef, Inbound, MessagePosted, Outcome
from bot.ports.chat import CoreApi
from bot.telemetry import configure_logging
from bot.testing import FakeSecretVault
from tests.integration.discord.fake import ANN, BOT, GUILD, TOKEN, USER, FakeDiscord, guild, open_fake
from tests.integration.discord.fake.server import connector
from tests.integration.discord.wire import settings

CHANNELS = 50
"""Sessions among which the messages are spread, so that none has more waiting than people would ever cause."""

RATE = 200
SPAWN = multiprocessing.get_context("spawn")
TEAM = guild(channels=CHANNELS)
SETTINGS = settings(home_guilds=(int(GUILD),))


# ---------------------------------------------------------------- the two clients


Times = dict[int, float]


def number_in(text: str) -> int:
    return int(text.rpartition(" ")[2])


class Bare(discord.AutoShardedClient):
    def __init__(self, times: Times, **options: Any) -> None:
        super().__init__(intents=intents(SETTINGS), **options)
        self._times = times

    async def on_message(self, message: discord.Message) -> None:
        self._times[number_in(message.content)] = time.perf_counter()


@dataclass
class Clocked:
    """The core's front door; when what is said is durable, it looks at the clock."""

    core: CoreApi
    times: Times = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.core, name)

    async def accept(self, inbound: Inbound) -> Outcome:
        outcome = await self.core.accept(inbound)
        if isinstance(outcome, Accepted) and isinstance(inbound.body, MessagePosted):
            self.times[number_in(inbound.body.text)] = time.perf_counter()
        return outcome


@contextlib.asynccontextmanager
async def bare(port: int, authority: str) -> AsyncIterator[Times]:
    times: Times = {}
    async with Bare(times, connector=connector(port, authority)) as client:
        running = asyncio.create_task(client.start(TOKEN))
        yield times
        running.cancel()


@contextlib.asynccontextmanager
async def ours(port: int, authority: str) -> AsyncIterator[Times]:
    places = [ConversationRef("discord", GUILD, channel["id"]) for channel in TEAM["channels"]]
    with tempfile.TemporaryDirectory() as folder:
        async with gateway(Path(folder), places) as core_api:
            clocked = Clocked(core_api)
            platform = DiscordPlatform(
                SETTINGS,
                clocked,
                SystemClock(),
                FakeSecretVault(),
                connector=lambda: connector(port, authority),
            )
            running = asyncio.create_task(platform.run())
            yield clocked.times
            running.cancel()
            await asyncio.wait([running])


async def hear(kind: str, port: int, authority: str, pipe: Connection) -> None:
    async with (bare if kind == "discord.py" else ours)(port, authority) as times:
        await asyncio.to_thread(pipe.recv)  # until all has been said
        pipe.send(times)


def run_client(kind: str, port: int, authority: str, pipe: Connection) -> None:
    configure_logging("error")
    asyncio.run(hear(kind, port, authority, pipe))


# ---------------------------------------------------------------- the gateway


async def say(fake: FakeDiscord, number: int) -> float:
    """One message to the bot; when it was sent."""
    message = fake.message(f"<@{BOT}> number {number}", ANN, TEAM["channels"][number % CHANNELS]["id"])
    began = time.perf_counter()
    await fake.dispatch("MESSAGE_CREATE", message | {"mentions": [USER]})
    return began


async def steadily(fake: FakeDiscord, numbers: range) -> Times:
    began, times = time.perf_counter(), {}
    for n, number in enumerate(numbers):
        await asyncio.sleep(max(0.0, began + n / RATE - time.perf_counter()))
        times[number] = await say(fake, number)
    return times


async def at_once(fake: FakeDiscord, numbers: range) -> Times:
    return {number: await say(fake, number) for number in numbers}


Way = Callable[[FakeDiscord, range], Awaitable[Times]]


async def measure(kind: str, messages: int) -> None:
    ways: list[tuple[str, Way, int]] = [(f"{RATE}/s", steadily, messages), ("500 at once", at_once, 500)]
    async with open_fake(FakeDiscord(guilds=[TEAM])) as fake:
        here, there = SPAWN.Pipe()
        process = SPAWN.Process(target=run_client, args=(kind, fake.port, fake.authority, there), daemon=True)
        process.start()
        await fake.until(lambda: fake.ops, 30)
        await steadily(fake, range(2 * RATE))  # warm
        first, sent = 2 * RATE, []
        for _, way, count in ways:
            sent.append(await way(fake, range(first, first + count)))
            await asyncio.sleep(2)
            first += count
        here.send("that was all")
        heard: Times = await asyncio.to_thread(here.recv)
        process.join(10)
    for (name, _, _), times in zip(ways, sent, strict=True):
        line(f"{kind}, {name}", [(heard[number] - at) * 1000 for number, at in times.items() if number in heard], times)


def line(name: str, took: list[float], sent: Times) -> None:
    lost = len(sent) - len(took)
    print(f"  {name:24}{median(took):8.2f}{percentile(took, 99):9.2f}{max(took):9.2f}{lost:7}")


async def benchmark(messages: int) -> None:
    gc.collect()
    gc.freeze()  # or the gateway's own collections are measured too
    print(f"  {load()}\n  {'milliseconds':24}{'median':>8}{'p99':>9}{'worst':>9}{'lost':>7}")
    for kind in ("discord.py", "ours"):
        await measure(kind, messages)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=2000)
    asyncio.run(benchmark(parser.parse_args().messages))

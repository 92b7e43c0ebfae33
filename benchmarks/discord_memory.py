"""Memory of our client in 2,500 servers, beside a bare bot with discord.py's own defaults.

python -m benchmarks.discord_memory [--guilds 2500]

Each server has 40 channels, 25 roles and 20 emoji. Both hear of them from the same fake gateway, each in a process of its own; what
is shown is that process's resident memory before it connects and a moment after it is ready. "bare, our intents" tells what of it are intents and
what caches.
"""

import argparse
import asyncio
import gc
import multiprocessing
from multiprocessing.connection import Connection
from typing import Any

import discord
import psutil

from adapters.discord.gateway import intents
from adapters.discord.platform import DiscordPlatform
from benchmarks.table import load
from bot.clock import SystemClock
from bot.telemetry import configure_logging
from bot.testing import FakeSecretVault
from tests.contract.platform.harness import RecordingCore
from tests.integration.discord.fake import ANN, GUILD, TOKEN, FakeDiscord, guild, member, open_fake
from tests.integration.discord.fake.server import connector
from tests.integration.discord.wire import settings

SPAWN = multiprocessing.get_context("spawn")
KINDS = ("bare bot", "bare, our intents", "ours")
MIB = 1 << 20


def resident() -> float:
    gc.collect()
    return float(psutil.Process().memory_info().rss / MIB)


def bare(kind: str, port: int, authority: str) -> discord.AutoShardedClient:
    """As most bots begin: the default intents, and whatever is said."""
    wanted = discord.Intents.default() if kind == "bare bot" else intents(settings())
    wanted.message_content = True
    return discord.AutoShardedClient(intents=wanted, connector=connector(port, authority))


async def stay(kind: str, port: int, authority: str, pipe: Connection) -> None:
    """Connect and stay until told to look at the memory."""
    before = resident()
    if kind == "ours":
        platform = DiscordPlatform(
            settings(),
            RecordingCore(),
            SystemClock(),
            FakeSecretVault(),
            connector=lambda: connector(port, authority),
        )
        running = asyncio.create_task(platform.run())
    else:
        running = asyncio.create_task(bare(kind, port, authority).start(TOKEN))
    await asyncio.to_thread(pipe.recv)
    pipe.send((before, resident()))
    running.cancel()
    await asyncio.wait([running])


def run_client(kind: str, port: int, authority: str, pipe: Connection) -> None:
    configure_logging("error")
    asyncio.run(stay(kind, port, authority, pipe))


def servers(count: int) -> list[dict[str, Any]]:
    """Each with one member whom somebody sees in a voice channel; more are not told without the members intent."""
    ids = [str(int(GUILD) + (n << 22)) for n in range(count)]
    return [guild(id_, channels=40, roles=25, emoji=20) | {"members": [member(ANN)]} for id_ in ids]


async def measure(kind: str, guilds: list[dict[str, Any]]) -> None:
    async with open_fake(FakeDiscord(guilds=guilds)) as fake:
        here, there = SPAWN.Pipe()
        process = SPAWN.Process(target=run_client, args=(kind, fake.port, fake.authority, there), daemon=True)
        process.start()
        await fake.until(lambda: fake.welcomed, 120)
        await asyncio.sleep(10)
        here.send("look")
        before, after = await asyncio.to_thread(here.recv)
        process.join(10)
    each = (after - before) * 1024 / len(guilds)
    print(f"  {kind:20}{before:10.0f}{after:10.0f}{each:16.1f}")


async def benchmark(count: int) -> None:
    guilds = servers(count)
    print(f"  {load()}\n  {'MiB':20}{'before':>10}{'after':>10}{'KiB a server':>16}")
    for kind in KINDS:
        await measure(kind, guilds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--guilds", type=int, default=2500)
    asyncio.run(benchmark(parser.parse_args().guilds))

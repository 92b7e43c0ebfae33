"""Which of Discord's shards this process receives, as the processes that share a database have agreed."""

import asyncio
from typing import Final

import structlog

from adapters.discord.conversations import PLATFORM
from adapters.discord.gateway import AvatarClient
from bot.domain.errors import StoreUnavailable
from bot.ports.processes import Receivers
from bot.tasks import cancel_and_wait

log = structlog.get_logger(__name__)

LOOK_EVERY_S: Final = 1.5
"""Seconds between two looks for shards that nobody receives any more: as often as leases are renewed."""


async def receive(client: AvatarClient, receivers: Receivers, look_every_s: float = LOOK_EVERY_S) -> None:
    """Keep a client that is logged in connected to this process's shards, until it is closed. Raises what discord.py raises."""
    held = await receivers.hold(PLATFORM, await client.ask_for_shards())
    following = asyncio.create_task(_follow(client, receivers, held.count, look_every_s), name="discord-shards")
    try:
        await client.begin(held)
    finally:
        await cancel_and_wait(following)


async def _follow(client: AvatarClient, receivers: Receivers, count: int, look_every_s: float) -> None:
    while True:
        await asyncio.sleep(look_every_s)
        try:
            held = await receivers.hold(PLATFORM, count)
        except StoreUnavailable as error:
            log.warning("not known which shards are ours", reason=error.detail)
            continue
        if held.count != count:  # divided anew while this process had none
            await client.close()
            return
        if held.numbers != client.held:
            log.info("shards", received=sorted(held.numbers), of=count)
        await client.hold(held.numbers)

"""Operations that need more than the database."""

import asyncio
from collections.abc import Sequence

from bot.chores.reaper import Reaper
from bot.clock import SystemClock
from bot.main.providers import open_provider
from bot.main.store import open_store
from bot.settings import Settings, load
from bot.telemetry import new_metrics

BETWEEN_SWEEPS = 5.0
"""Seconds: what is unknown in one sweep only may have been written down a moment later."""


async def reap() -> Sequence[str]:
    """`avatarbot sessions reap`: what was found at AKOOL, a sentence each. Raises `AvatarbotError`."""
    settings = load(Settings)
    async with open_store(settings) as store, open_provider(settings, new_metrics()) as provider:
        reaper = Reaper(store, provider, SystemClock(), account_is_ours=settings.akool_key_is_ours)
        await reaper.sweep()
        await asyncio.sleep(BETWEEN_SWEEPS)
        swept = await reaper.sweep()
    return swept.sentences() or ["Nothing runs at AKOOL that is not known here."]

"""How one provider session is closed, so that it is known when it ended: by its run, and by the reaper."""

import asyncio
from collections.abc import Awaitable, Callable

from bot.clock import Clock
from bot.domain.errors import ProviderError, Verdict
from bot.ports.provider import AvatarProvider, ProviderState
from bot.ports.storage import Storage
from bot.ports.storage.records import ProviderSessionRecord, ProviderSessionStatus

OVER = frozenset({ProviderState.OVER, ProviderState.FAILED})


TRIED_AGAIN = (0.2, 1.0, 2.0)
"""Seconds between tries while the provider is out of reach, down or slow."""


async def close(
    row: ProviderSessionRecord,
    provider_of: Callable[[], Awaitable[AvatarProvider]],
    storage: Storage,
    clock: Clock,
    *,
    begin: Callable[[], Awaitable[None]],
) -> None:
    """`begin` writes down that it is about to be closed, before each try: with the last it ended. What should be over by now is closed
    too, since a clock may have been set.

    Raises `ProviderError` while it may run, and what `begin` raises.
    """
    try:
        tried = row.status is ProviderSessionStatus.CLOSING
        asked = await end(row.provider_id, await provider_of(), begin=begin, tried=tried)
    except ProviderError:
        asked = False
        if row.expires_at is None or row.expires_at > clock.now():
            raise
    if asked or row.expires_at is None or row.expires_at > clock.now():
        await storage.unfenced.closed(row.id)
    else:
        await storage.unfenced.expired(row.id)


async def _unannounced() -> None:
    """Nobody has it written down."""


async def end(
    provider_id: str,
    provider: AvatarProvider,
    *,
    begin: Callable[[], Awaitable[None]] = _unannounced,
    tried: bool = False,
) -> bool:
    """Until it is over; `begin` comes before each try, and `tried` says that there was one before these. Whether the provider said so to
    the last; else an earlier one may have ended it, or its time. Raises `ProviderError` while it may run.
    """
    for pause in (*TRIED_AGAIN, None):
        if tried and await _is_over(provider_id, provider):
            return False
        await begin()
        tried = True
        try:
            await provider.close(provider_id)
            break
        except ProviderError as error:
            if pause is None or error.verdict is not Verdict.RETRY_LATER:
                raise
        await asyncio.sleep(pause)
    return True


async def _is_over(provider_id: str, provider: AvatarProvider) -> bool:
    """Whether an earlier try ended it, whose answer was missed. Where nobody can say it is tried again."""
    try:
        return await provider.state(provider_id) in OVER
    except ProviderError:
        return False

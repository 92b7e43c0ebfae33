"""How one provider session is closed, so that it is known when it ended: by its run, and by the reaper."""

from collections.abc import Awaitable, Callable

from bot.clock import Clock
from bot.domain.errors import ProviderError
from bot.ports.provider import AvatarProvider, ProviderState
from bot.ports.storage import Storage
from bot.ports.storage.records import ProviderSessionRecord, ProviderSessionStatus

OVER = frozenset({ProviderState.OVER, ProviderState.FAILED})


async def close(
    row: ProviderSessionRecord,
    provider_of: Callable[[], Awaitable[AvatarProvider]],
    storage: Storage,
    clock: Clock,
    *,
    begin: Callable[[], Awaitable[None]],
) -> None:
    """`begin` writes down that it is about to be closed. What should be over by now is closed too: a clock may have been set.

    Raises `ProviderError` while it may run, and what `begin` raises.
    """
    try:
        provider = await provider_of()
        if not await _is_over(row, provider):
            await begin()
            await provider.close(row.provider_id)
    except ProviderError:
        if row.expires_at is None or row.expires_at > clock.now():
            raise
        await storage.unfenced.expired(row.id)
    else:
        await storage.unfenced.closed(row.id)


async def _is_over(row: ProviderSessionRecord, provider: AvatarProvider) -> bool:
    """Whether an earlier try closed it, whose answer was missed. Where nobody can say it is tried again."""
    if row.status is not ProviderSessionStatus.CLOSING:
        return False
    try:
        return await provider.state(row.provider_id) in OVER
    except ProviderError:
        return False

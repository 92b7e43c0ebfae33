"""How one provider session is created, so that it can be closed whatever happens: written down before and after."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from bot.domain.errors import ProviderError, StoreUnavailable
from bot.ports.provider import ProviderSession
from bot.runtime.accounts import Account
from bot.runtime.context import SessionContext
from bot.runtime.resolve import at_provider

WRITTEN_AGAIN, WRITTEN_WITHIN = timedelta(seconds=0.5), timedelta(seconds=20)
"""Between two tries to write down what was created, and for how long it is tried."""


async def create(
    group: asyncio.TaskGroup, context: SessionContext, row_id: str, account: Account, duration: int
) -> ProviderSession:
    """For the row that intends it, with what the session is set to. A cancellation meanwhile waits for it, since it may cost money.

    Raises `ProviderError`.
    """
    creating = group.create_task(_created(context, row_id, account, duration), name="create")
    try:
        created = await asyncio.shield(creating)
    except asyncio.CancelledError:
        await asyncio.wait((creating,))
        raise
    if isinstance(created, ProviderError):
        raise created
    return created


async def _created(
    context: SessionContext, row_id: str, account: Account, duration: int
) -> ProviderSession | ProviderError:
    asked = at_provider(context.session.spec, own_model=bool(context.services.model))
    try:
        created = await account.provider.create(asked, duration, tag=context.session.id)
    except ProviderError as error:
        async with context.fenced() as run:
            (run.abandon if error.certain else run.lost)(row_id)
        return error
    created = replace(created, credentials=replace(created.credentials, account=account.id))
    await _write_down(context, row_id, account, created)
    return created


async def _write_down(context: SessionContext, row_id: str, account: Account, created: ProviderSession) -> None:
    """Until it is. What could not be for a while is closed, since nobody else would, and that is written down too.

    Raises `StoreUnavailable` for what was closed.
    """
    began, unfenced = _elapsed(), context.services.storage.prompt().unfenced
    closed_at: float | None = None
    while True:
        try:
            await unfenced.opened(row_id, created.id, created.credentials, _since(began))
            if closed_at is None:
                return
            await unfenced.closing(row_id, _since(closed_at))
            await unfenced.closed(row_id)
            break
        except StoreUnavailable as error:
            context.log.warning("what was created is not written down yet", reason=error.detail)
            if closed_at is None and _since(began) >= WRITTEN_WITHIN:
                closed_at = await _closed(context, account, created)
        await asyncio.sleep(WRITTEN_AGAIN.total_seconds())
    raise StoreUnavailable("The storage was away for too long. Please start again.")


async def _closed(context: SessionContext, account: Account, created: ProviderSession) -> float | None:
    """When; None where it was not."""
    try:
        await account.provider.close(created.id)
    except ProviderError as error:
        context.log.warning("could not close", reason=error.detail)
        return None
    return _elapsed()


def _since(moment: float) -> timedelta:
    return timedelta(seconds=_elapsed() - moment)


def _elapsed() -> float:
    return asyncio.get_running_loop().time()

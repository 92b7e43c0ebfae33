"""How one provider session is created, so that it can be closed whatever happens: written down before and after."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from bot.domain.errors import ProviderError, StoreUnavailable
from bot.ports.provider import ProviderSession
from bot.runtime.accounts import Account
from bot.runtime.context import SessionContext
from bot.runtime.provider_closing import end
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
    """Until it is. What could not be for a while is closed, since nobody else would, and that is written down too: also where the answer
    to that was missed.

    Raises `StoreUnavailable` for what was to be closed.
    """
    began, unfenced = _elapsed(), context.services.storage.prompt().unfenced
    closing = _Closing(context, account, created.id)
    while True:
        try:
            await unfenced.opened(row_id, created.id, created.credentials, _since(began))
            if closing.began is None:
                return
            await unfenced.closing(row_id, _since(closing.began))
            if closing.done:
                await unfenced.closed(row_id)
            break
        except StoreUnavailable as error:
            context.log.warning("what was created is not written down yet", reason=error.detail)
            if not closing.done and _since(began) >= WRITTEN_WITHIN:
                await closing.attempt()
        await asyncio.sleep(WRITTEN_AGAIN.total_seconds())
    raise StoreUnavailable("The storage was away for too long. Please start again.")


class _Closing:
    """Of what is not written down. `began` is when the last try did: with that it ended."""

    def __init__(self, context: SessionContext, account: Account, provider_id: str) -> None:
        self._context = context
        self._account = account
        self._provider_id = provider_id
        self.began: float | None = None
        self.done = False

    async def attempt(self) -> None:
        tried = self.began is not None
        try:
            await end(self._provider_id, self._account.provider, begin=self._begin, tried=tried)
        except ProviderError as error:
            self._context.log.warning("could not close", reason=error.detail)
        else:
            self.done = True

    async def _begin(self) -> None:
        self.began = _elapsed()


def _since(moment: float) -> timedelta:
    return timedelta(seconds=_elapsed() - moment)


def _elapsed() -> float:
    return asyncio.get_running_loop().time()

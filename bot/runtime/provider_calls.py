"""How one provider session is created and closed, by its run and by the reaper: written down before and after, so that it can be closed
whatever happens, and it is known when it ended.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

from bot.clock import Clock
from bot.domain.errors import ProviderError, StoreUnavailable, Verdict
from bot.ports.provider import AvatarProvider, ProviderSession, ProviderState
from bot.ports.storage import Storage
from bot.ports.storage.records import ProviderSessionRecord, ProviderSessionStatus
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
    """Until it is. What could not be for a while is closed, since nobody else would, and that is written down too: also where the answer
    to that was missed.

    Raises `StoreUnavailable` for what was to be closed.
    """
    began, unfenced = _elapsed(), context.services.storage.prompt().unfenced
    closing = _Closing(context, account, created.id)
    while True:
        try:
            asked = closing.ago  # together with that it came to be: it is booked until then, whatever comes between
            await unfenced.opened(row_id, created.id, created.credentials, _since(began), closing_ago=asked)
            if asked is None:
                return
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
    """Closes what was created and is not written down. `began` is when the last try began: the session counts as ended then."""

    def __init__(self, context: SessionContext, account: Account, provider_id: str) -> None:
        self._context = context
        self._account = account
        self._provider_id = provider_id
        self.began: float | None = None
        self.done = False

    @property
    def ago(self) -> timedelta | None:
        return None if self.began is None else _since(self.began)

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


# ---------------------------------------------------------------- closing

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

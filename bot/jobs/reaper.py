"""Finds what runs at the provider and nobody knows, since it costs money until somebody closes it."""

import asyncio
import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise

import structlog

from bot.clock import Clock
from bot.domain.errors import ProviderError
from bot.ports.provider import AvatarProvider, ProviderSessionInfo
from bot.ports.storage import Storage
from bot.ports.storage.records import ProviderSessionRecord, ProviderSessionStatus
from bot.runtime.accounts import ProviderAccounts
from bot.runtime.provider_calls import WRITTEN_WITHIN, close, end

log = structlog.get_logger(__name__)

LOOK_EVERY = 5.0
"""Seconds between two looks at what is to be closed."""

SWEEP_EVERY = 60.0
"""Seconds between two questions what runs at the provider, while nothing is missing."""

CHASED_FOR = timedelta(minutes=2)
"""After a `create` whose answer was missed the provider is asked at each look: what it made costs money, and is soon seen if it is there."""

CLOSE_TAKES = timedelta(seconds=20)
"""The time-out of a `close`: until then whoever began it is at it."""

CREATE_TAKES = timedelta(seconds=35)
"""The time-out of a `create`: until then its result may be missing in the database and be fine all the same."""


LOOKS_KEPT = 1_000
"""Over an hour of them, and most of a day where nothing is missing."""

CLOSED_UNSEEN = WRITTEN_WITHIN
"""After which what was created is closed by who cannot write it down."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What came of a sweep, by the provider's ids. `unclosed` could not be closed and is tried again by the next; `strangers` may be
    somebody else's; with `too_early` nothing was judged.
    """

    closed: tuple[str, ...] = ()
    unclosed: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()
    too_early: bool = False


class Reaper:
    """Closes what sessions left open, and what it has not known in two sweeps and is certainly ours: the whole account is, or its room
    bears the id of one of our sessions.
    """

    def __init__(self, storage: Storage, accounts: ProviderAccounts, clock: Clock, *, account_is_ours: bool) -> None:
        self._storage = storage
        self._accounts = accounts
        self._provider = accounts.operator.provider
        self._clock = clock
        self._account_is_ours = account_is_ours
        self._unknown: dict[str, float] | None = None
        self._clear: deque[datetime] = deque(
            maxlen=LOOKS_KEPT
        )  # looks, without a break, at which all that ran was known
        self._reported: set[str] = set()
        self._next_sweep = 0.0

    async def look(self) -> None:
        """Sweep when it is time, and while the answer to a `create` is missing. Raises `ProviderError` and `StoreUnavailable`."""
        now = _elapsed()
        with self._until_it_fails():
            if now >= self._next_sweep or await self._chases():
                self._next_sweep = now + SWEEP_EVERY
                await self.sweep()
            else:
                await self._close_leftovers()

    @contextmanager
    def _until_it_fails(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.lost()
            raise

    def lost(self) -> None:
        """Who could not look does not know what ran meanwhile."""
        self._clear.clear()

    async def _chases(self) -> bool:
        return any(self._clock.now() - row.intended_at < CHASED_FOR for row in await self._unsettled())

    async def sweep(self) -> Swept:
        """Raises `ProviderError` and `StoreUnavailable`."""
        left = await self._close_leftovers()
        asked_at = self._clock.now()
        # First: what is listed now was written down before the next line, or is unknown.
        listed = await self._provider.sessions()
        known, under_way = await self._storage.provider_sessions.running(CREATE_TAKES)
        unknown = [info for info in listed if info.id not in known]
        twice = await self._judged(unknown, asked_at, creating=bool(under_way))
        ours = await self._ours(twice)
        closed = [info.id for info in ours if await self._closed_unknown(info)]
        unclosed = tuple(info.id for info in ours if info.id not in closed)
        strangers = tuple(info.id for info in twice if info not in ours)
        self._report(strangers)
        return Swept((*left, *closed), unclosed, strangers, too_early=bool(under_way))

    async def _judged(
        self, unknown: Sequence[ProviderSessionInfo], asked_at: datetime, *, creating: bool
    ) -> list[ProviderSessionInfo]:
        """Those that were unknown the last time too; while something is being created for as long as that takes, since it may be that."""
        before, now = self._unknown, _elapsed()
        self._unknown = {info.id: (before or {}).get(info.id, now) for info in unknown}
        if unknown:
            self._clear.clear()
        else:
            self._clear.append(asked_at)
        if before == {} == self._unknown and not creating:
            await self._refute(asked_at)
        first_seen = now - CREATE_TAKES.total_seconds() if creating else now
        return [info for info in unknown if before and before.get(info.id, math.inf) <= first_seen]

    async def _refute(self, asked_at: datetime) -> None:
        """What could have been listed and was not never came to be, and costs nobody anything. Of what somebody who is gone may have
        closed it is not known, for as long as nobody looked.
        """
        for row in await self._unsettled():
            if asked_at - row.intended_at < CREATE_TAKES:
                continue
            if row.orphaned and (unseen := self._unseen(row.intended_at)) >= CLOSED_UNSEEN:
                await self._storage.unfenced.ran_at_most(row.id, math.ceil(unseen.total_seconds()))
            else:
                await self._storage.unfenced.refuted(row.id)

    def _unseen(self, intended_at: datetime) -> timedelta:
        """The longest time between two looks while it may have been created."""
        looks = [intended_at, *(look for look in self._clear if look > intended_at)]
        return max(after - before for before, after in pairwise(looks) if before < intended_at + CREATE_TAKES)

    async def _unsettled(self) -> list[ProviderSessionRecord]:
        """On the account that is asked."""
        return [row for row in await self._storage.provider_sessions.unsettled() if not row.account]

    async def _closed_unknown(self, info: ProviderSessionInfo) -> bool:
        """Whether what nobody knew is closed; what it was made for is written down first, so that the books have it."""
        rows = await self._unsettled()
        row = next((row for row in rows if row.session_id == info.channel), rows[0] if rows else None)
        if row is None:
            return await self._closed_unbooked(info)
        await self._storage.unfenced.found(row.id, info.id)
        return await self._closed(replace(row, provider_id=info.id, status=ProviderSessionStatus.OPEN))

    async def _closed_unbooked(self, info: ProviderSessionInfo) -> bool:
        try:
            await end(info.id, self._provider)
        except ProviderError as error:  # tried again by the next sweep
            log.warning("could not close a session that nobody knew", provider_session=info.id, reason=error.detail)
            return False
        log.warning("closed a session that nobody knew", provider_session=info.id)
        return True

    # ------------------------------------------------------------ what is known, and open

    async def _close_leftovers(self) -> tuple[str, ...]:
        """An answer to a `create` can come after the end of its session: from a process that was thought dead, and was not."""
        rows = await self._storage.provider_sessions.leftovers(CREATE_TAKES, CLOSE_TAKES)
        return tuple([row.provider_id for row in rows if await self._closed(row)])

    async def _closed(self, row: ProviderSessionRecord) -> bool:
        """Whether it was left open and is closed; what was only intended is looked for, since it may have come to be."""
        if not row.provider_id:
            await self._storage.unfenced.given_up(row.id)
            return False
        try:
            await self._close(row)
        except ProviderError as error:  # tried again by the next look
            log.warning("could not close what a session left open", reason=error.detail)
            return False
        log.warning("closed what a session left open", session=row.session_id)
        return True

    async def _close(self, row: ProviderSessionRecord) -> None:
        """With the key that it was created with, which is forgotten with the last of what was made with it."""
        session = await self._storage.sessions.get(row.session_id)

        async def provider_of() -> AvatarProvider:
            return await self._accounts.made_with(session.place, row.account) if session else self._provider

        begin = partial(self._storage.unfenced.closing, row.id)
        await close(row, provider_of, self._storage, self._clock, begin=begin)
        if session and row.account:
            await self._accounts.settle(session.place)

    # ------------------------------------------------------------ what is not known

    async def _ours(self, suspects: Sequence[ProviderSessionInfo]) -> list[ProviderSessionInfo]:
        if self._account_is_ours:
            return list(suspects)
        bearing = await self._storage.sessions.kept([info.channel for info in suspects])
        return [info for info in suspects if info.channel in bearing]

    def _report(self, strangers: Iterable[str]) -> None:
        """Once each."""
        for id_ in set(strangers) - self._reported:
            log.warning("a session runs at the provider that nobody here knows", provider_session=id_)
        self._reported = set(strangers)


def _elapsed() -> float:
    return asyncio.get_running_loop().time()

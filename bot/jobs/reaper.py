"""Finds what runs at the provider and nobody knows, since it costs money until somebody closes it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import structlog

from bot.clock import Clock
from bot.domain.errors import ProviderError
from bot.ports.provider import AvatarProvider, ProviderSessionInfo
from bot.ports.storage import Storage
from bot.ports.storage.records import ProviderSessionRecord
from bot.runtime.accounts import ProviderAccounts

log = structlog.get_logger(__name__)

SWEEP_EVERY = 60.0
"""Seconds."""

CREATE_TAKES = timedelta(seconds=35)
"""The time-out of a `create`: until then its result may be missing in the database and be fine all the same."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What came of a sweep, by the provider's ids. `strangers` may be somebody else's; with `too_early` nothing was judged."""

    closed: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()
    too_early: bool = False


class Reaper:
    """Closes what sessions that have ended left open, and what it has not known in two sweeps and is certainly ours: the whole
    account is, or its room bears the id of one of our sessions.
    """

    def __init__(self, storage: Storage, accounts: ProviderAccounts, clock: Clock, *, account_is_ours: bool) -> None:
        self._storage = storage
        self._accounts = accounts
        self._provider = accounts.operator.provider
        self._clock = clock
        self._account_is_ours = account_is_ours
        self._unknown: set[str] = set()
        self._reported: set[str] = set()

    async def sweep(self) -> Swept:
        """Raises `ProviderError` and `StoreUnavailable`."""
        left = await self._close_leftovers()
        # First: what is listed now was written down before the next line, or is unknown.
        listed = await self._provider.sessions()
        known, under_way = await self._storage.provider_sessions.running(CREATE_TAKES)
        if under_way:
            return Swept(left, too_early=True)
        unknown = {info.id: info for info in listed if info.id not in known}
        twice = [info for id_, info in unknown.items() if id_ in self._unknown]
        self._unknown = set(unknown)
        ours = await self._ours(twice)
        for id_ in ours:
            await self._provider.close(id_)
            log.warning("closed a session that nobody knew", provider_session=id_)
        strangers = [info.id for info in twice if info.id not in ours]
        self._report(strangers)
        return Swept((*left, *ours), tuple(strangers))

    async def _close_leftovers(self) -> tuple[str, ...]:
        """An answer to a `create` can come after the end of its session: from a process that was thought dead, and was not."""
        rows = await self._storage.provider_sessions.leftovers(CREATE_TAKES)
        return tuple([row.provider_id for row in rows if await self._closed(row)])

    async def _closed(self, row: ProviderSessionRecord) -> bool:
        """Whether it was left open and is closed; what was only intended ends by itself, if it ever began."""
        if not row.provider_id:
            await self._storage.unfenced.given_up(row.id)
            return False
        closed = await self._closed_at_provider(row)
        if closed:
            await self._storage.unfenced.closed(row.id)
            await self._settle(row)
        return closed

    async def _settle(self, row: ProviderSessionRecord) -> None:
        """The key that a workspace took back is forgotten with the last of what was made with it."""
        session = await self._storage.sessions.get(row.session_id)
        if session and row.account:
            await self._accounts.settle(session.place)

    async def _provider_of(self, row: ProviderSessionRecord) -> AvatarProvider:
        """By the key that it was created with. Raises `ProviderError`."""
        session = await self._storage.sessions.get(row.session_id)
        return await self._accounts.made_with(session.place, row.account) if session else self._provider

    async def _closed_at_provider(self, row: ProviderSessionRecord) -> bool:
        """Also what should be over by now is closed: a clock may have been set. What cannot be closed is tried again by the next sweep."""
        try:
            await (await self._provider_of(row)).close(row.provider_id)
        except ProviderError as error:
            log.warning("could not close what an ended session left open", reason=error.detail)
            return row.expires_at is not None and row.expires_at <= self._clock.now()
        log.warning("closed what an ended session left open", session=row.session_id)
        return True

    async def _ours(self, suspects: Iterable[ProviderSessionInfo]) -> list[str]:
        rooms = {info.id: info.channel for info in suspects}
        if self._account_is_ours:
            return list(rooms)
        bearing = await self._storage.sessions.kept(rooms.values())
        return [id_ for id_, room in rooms.items() if room in bearing]

    def _report(self, strangers: Iterable[str]) -> None:
        """Once each."""
        for id_ in set(strangers) - self._reported:
            log.warning("a session runs at the provider that nobody here knows", provider_session=id_)
        self._reported = set(strangers)

"""What the provider offers: its lists, read there or by one process for all that share a storage, and remembered. What is stale is served at
once and refreshed behind.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, Protocol, TypeVar

import msgspec
import structlog

from bot.clock import new_id
from bot.domain.conversations import ConversationRef
from bot.domain.errors import ProviderError, StoreUnavailable, Verdict
from bot.ports.provider import AvatarInfo, AvatarProvider, Knowledge, LanguageInfo, VoiceInfo
from bot.ports.storage.coordination import CoordinationRepository, SharedList
from bot.ports.storage.records import OwnedKind
from bot.ports.storage.repositories import OwnershipRepository
from bot.runtime.funding import Funding

log = structlog.get_logger(__name__)

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

FRESH_FOR = 60.0
"""Seconds after which a list that is looked at is read again at the provider."""

LOOK_EVERY = 5.0
"""Seconds after which a list that is looked at is looked for in the storage, where another process may have read it."""

READ_WITHIN = timedelta(seconds=30)
"""For which one process alone reads a list."""

LOOK_AGAIN = 0.5
"""Seconds between two looks for a list that another process reads."""

ReadList = Callable[[], Awaitable[Sequence[T]]]
"""At the provider. Raises `ProviderError`."""


class ListSource(Protocol[T_co]):
    """Where one list is read."""

    fresh_for: float
    """Seconds after which what it gave is asked for again by whoever looks."""

    async def read(self, *, anew: bool) -> Sequence[T_co]:
        """`anew`: as it is at the provider now, or later. Raises `ProviderError`, and `StoreUnavailable` where it is shared."""
        ...


class ProviderList(Generic[T]):
    """Of a process that is alone."""

    fresh_for = FRESH_FOR

    def __init__(self, read: ReadList[T]) -> None:
        self._read = read

    async def read(self, *, anew: bool) -> Sequence[T]:  # noqa: ARG002 - it is read whenever it is asked for
        return await self._read()


class StoredList(Generic[T]):
    """Read by one of several processes, once in `FRESH_FOR` at most; the others are given what stands."""

    fresh_for = LOOK_EVERY

    def __init__(self, read: ReadList[T], coordination: CoordinationRepository, kind: str, row: type[T]) -> None:
        self._read = read
        self._coordination = coordination
        self._kind = kind
        self._rows = msgspec.json.Decoder(list[row])  # type: ignore[valid-type] # known when it runs
        self._reader = new_id()

    async def read(self, *, anew: bool) -> Sequence[T]:
        began = asyncio.get_running_loop().time()
        if anew:
            await self._coordination.expire(self._kind)
        while True:
            reading = await self._coordination.read(
                self._kind, self._reader, fresh_for=timedelta(seconds=FRESH_FOR), lasts=READ_WITHIN
            )
            if reading.due:
                return await self._read_for_all()
            oldest = asyncio.get_running_loop().time() - began if anew else None
            if reading.known and (oldest is None or reading.known.age.total_seconds() <= oldest):
                return await self._decoded(reading.known)
            await asyncio.sleep(LOOK_AGAIN)

    async def _read_for_all(self) -> Sequence[T]:
        try:
            rows = await self._read()
        except ProviderError:
            await self._coordination.expire(self._kind)  # whoever waits for it asks the provider itself
            raise
        await self._coordination.write(self._kind, self._reader, msgspec.json.encode(list(rows)).decode())
        return rows

    async def _decoded(self, known: SharedList) -> Sequence[T]:
        """What another program wrote may have another form."""
        try:
            rows: Sequence[T] = self._rows.decode(known.rows)
        except msgspec.DecodeError:
            return await self._read()
        return rows


class ListSources:
    """The lists of one account. Several processes share them by its `account`; without `coordination` there is one process."""

    def __init__(self, coordination: CoordinationRepository | None = None, account: str = "") -> None:
        self._coordination = coordination
        self._account = account

    def of(self, kind: str, row: type[T], read: ReadList[T]) -> ListSource[T]:
        if self._coordination is None:
            return ProviderList(read)
        return StoredList(read, self._coordination, f"{self._account}/{kind}", row)


AT_THE_PROVIDER = ListSources()


# ---------------------------------------------------------------- remembered


class StaleWhileRevalidate(Generic[T]):
    """One list of the provider's. Only the first look waits for its source."""

    def __init__(self, source: ListSource[T], due: Callable[[], None] | None) -> None:
        self._source = source
        self._due = due
        self._rows: Sequence[T] | None = None
        self._read_at = 0.0
        self._begun = self._kept = 0  # reads; the one that the rows are of
        self._reading = asyncio.Lock()

    @property
    def stale(self) -> bool:
        return self._rows is None or asyncio.get_running_loop().time() - self._read_at >= self._source.fresh_for

    async def rows(self) -> Sequence[T]:
        """As last read; asks to be read again when that was a while ago, and waits where nobody can be asked.

        Raises `ProviderError` when it had to be read.
        """
        if self._rows is None or (self.stale and self._due is None):
            return await self.refreshed()
        if self.stale and self._due:
            self._due()
        return self._rows

    async def fresh(self) -> Sequence[T]:
        """As it is now. Those who ask at once share one call. Raises `ProviderError`."""
        return await self._shared_read(anew=True)

    async def refreshed(self) -> Sequence[T]:
        """No older than what any process of ours has read a while ago. Raises `ProviderError`."""
        return await self._shared_read(anew=False)

    async def _shared_read(self, *, anew: bool) -> Sequence[T]:
        seen = self._begun
        async with self._reading:
            if self._rows is None or self._kept <= seen:
                self._begun += 1
                began = asyncio.get_running_loop().time()
                self._rows = await self._source.read(anew=anew)
                self._read_at, self._kept = began, self._begun
            return self._rows


async def _nothing() -> Sequence[T]:
    """The list of a provider that has none."""
    return ()


class ProviderCatalog:
    """All lists of one provider, empty where it has none: but an avatar there always is, called as the provider itself where it lists none.

    `run` must be running for stale ones to be refreshed, unless they are not `refreshed`: then whoever looks waits.
    """

    def __init__(
        self,
        provider: AvatarProvider,
        ownership: OwnershipRepository,
        funding: Funding,
        *,
        refreshed: bool = True,
        sources: ListSources = AT_THE_PROVIDER,
    ) -> None:
        self._wakeup = asyncio.Event()
        self._ownership = ownership
        self._funding = funding
        self._provider = provider
        can, due = provider.capabilities, self._wakeup.set if refreshed else None
        avatars = can.avatars.avatars if can.avatars else self._only_avatar
        voices = can.voices.voices if can.voices else _nothing
        languages = can.languages.languages if can.languages else _nothing
        bases = can.knowledge.knowledge_bases if can.knowledge else _nothing
        self.avatars = StaleWhileRevalidate(sources.of("avatars", AvatarInfo, avatars), due)
        self.voices = StaleWhileRevalidate(sources.of("voices", VoiceInfo, voices), due)
        self.languages = StaleWhileRevalidate(sources.of("languages", LanguageInfo, languages), due)
        self.knowledge = StaleWhileRevalidate(sources.of("knowledge", Knowledge, bases), due)

    async def _only_avatar(self) -> Sequence[AvatarInfo]:
        return [AvatarInfo("", self._provider.name)]

    async def avatar_info(self, avatar_id: str) -> AvatarInfo | None:
        """One by its id, in a list or not; None where the provider does not know it. Raises `ProviderError`."""
        lists = self._provider.capabilities.avatars
        try:
            return await lists.avatar_info(avatar_id) if lists else None
        except ProviderError as error:
            if error.verdict in {Verdict.FIX_INPUT, Verdict.GONE}:
                return None
            raise

    async def run(self) -> None:
        """Read everything once, then whatever is stale and wanted, until cancelled."""
        while True:
            self._wakeup.clear()
            await self._refresh()
            await self._wakeup.wait()

    async def _refresh(self) -> None:
        for remembered in (self.avatars, self.voices, self.languages, self.knowledge):
            if not remembered.stale:
                continue
            try:
                await remembered.refreshed()
            except (ProviderError, StoreUnavailable) as error:
                log.info("a list was not refreshed", reason=error.detail)

    def seen_from(self, place: ConversationRef) -> "WorkspaceCatalog":
        return WorkspaceCatalog(self, self._ownership, self._funding, place)


@dataclass(frozen=True, slots=True)
class WorkspaceCatalog:
    """What one workspace may see: what is official, what it made itself, and what the account's owner made at the provider's own site,
    unless the workspace installed itself and nobody pays for it. Never what another workspace made.

    `fresh` asks the provider now. Everything raises `ProviderError` and `StoreUnavailable`.
    """

    offers: ProviderCatalog
    ownership: OwnershipRepository
    funding: Funding
    place: ConversationRef

    async def avatars(self, *, fresh: bool = False) -> list[AvatarInfo]:
        may_see = await self._sight(OwnedKind.AVATAR)
        return [row for row in await _read(self.offers.avatars, fresh) if row.official or may_see(row.id)]

    async def avatar(self, avatar_id: str) -> AvatarInfo | None:
        """One that is in no list, by its id; None where the provider does not know it, or another workspace made it."""
        row = await self.offers.avatar_info(avatar_id)
        if row is None or row.official:
            return row
        may_see = await self._sight(OwnedKind.AVATAR)
        return row if may_see(row.id) else None

    async def voices(self, *, fresh: bool = False) -> list[VoiceInfo]:
        funded = await self._funded()
        return [row for row in await _read(self.offers.voices, fresh) if funded or not row.own]

    async def languages(self, *, fresh: bool = False) -> list[LanguageInfo]:
        return list(await _read(self.offers.languages, fresh))

    async def knowledge(self, *, fresh: bool = False) -> list[Knowledge]:
        may_see = await self._sight(OwnedKind.KNOWLEDGE)
        return [row for row in await _read(self.offers.knowledge, fresh) if may_see(row.id)]

    async def owns(self, kind: OwnedKind, provider_id: str) -> bool:
        """Whether this workspace made it."""
        owners = await self.ownership.owners(kind)
        return owners.get(provider_id) == self._key

    @property
    def _key(self) -> tuple[str, str]:
        return self.place.platform, self.place.workspace_id

    async def _sight(self, kind: OwnedKind) -> Callable[[str], bool]:
        owners, unowned = await self.ownership.owners(kind), await self._funded()
        return lambda id_: owners[id_] == self._key if id_ in owners else unowned

    async def _funded(self) -> bool:
        return (await self.funding.of(self.place)).funded


async def _read(remembered: StaleWhileRevalidate[T], fresh: bool) -> Sequence[T]:
    return await (remembered.fresh() if fresh else remembered.rows())

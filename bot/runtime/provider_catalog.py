"""What the provider offers, remembered: what is stale is served at once and refreshed behind."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog

from bot.domain.conversations import ConversationRef
from bot.domain.errors import ProviderError, StoreUnavailable, Verdict
from bot.ports.provider import AvatarInfo, AvatarProvider, Knowledge, LanguageInfo, VoiceInfo
from bot.ports.storage.records import OwnedKind
from bot.ports.storage.repositories import OwnershipRepository
from bot.runtime.funding import Funding
from bot.runtime.provider_lists import AT_THE_PROVIDER, ListSource, ListSources

log = structlog.get_logger(__name__)

T = TypeVar("T")


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

"""Accounts at the provider: the operator's, and those of workspaces that brought a key of their own."""

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import msgspec

from bot.clock import new_id
from bot.domain.conversations import ConversationRef, ReplyTo
from bot.domain.errors import ProviderError, Verdict
from bot.ports.provider import AvatarProvider
from bot.ports.storage import Storage
from bot.ports.storage.records import ProviderSessionRecord
from bot.ports.storage.repositories import OWN_ACCOUNT
from bot.redaction import register_secret
from bot.runtime.funding import Funding
from bot.runtime.provider_catalog import ListSources, ProviderCatalog, WorkspaceCatalog

RETIRED = "retired-accounts"
"""Keys that were replaced or taken back, kept until nothing is open that was made with them."""


class OwnAccount(msgspec.Struct, frozen=True):
    """A workspace's own. `id` is ours; `key` is a secret. `giver` is who gave it, and where; they are `warned` once when it is refused."""

    id: str
    key: str
    giver: ReplyTo | None = None
    warned: bool = False

    def __repr__(self) -> str:
        return f"OwnAccount({self.id!r}, {self.hint!r})"

    @property
    def hint(self) -> str:
        """All that is ever shown of the key."""
        return f"…{self.key[-4:]}"


@dataclass(frozen=True, slots=True)
class Account:
    """An account at the provider, and what it offers. `id` is `''` for the operator's."""

    provider: AvatarProvider
    catalog: ProviderCatalog
    id: str = ""


Warn = Callable[[ReplyTo, str], Awaitable[None]]
"""Tells somebody something in private. Never raises."""


class ProviderAccounts:
    """Which account a workspace uses: its own where an admin gave its key, else the operator's. Everything raises `StoreUnavailable`.

    A key is kept encrypted in the vault, under its workspace. What was made with a key is closed with that key, also when another has
    taken its place.
    """

    def __init__(self, operator: Account, storage: Storage, funding: Funding, warn: Warn) -> None:
        self.operator = operator
        self._warn = warn
        self._storage = storage
        self._funding = funding
        self._open: dict[str, Account] = {}

    def on(self, storage: Storage) -> "ProviderAccounts":
        """The same accounts, with what is kept of them read from another storage."""
        same = ProviderAccounts(self.operator, storage, self._funding, self._warn)
        same._open = self._open
        return same

    async def aclose(self) -> None:
        for account in self._open.values():
            await account.provider.aclose()
        self._open.clear()

    # ------------------------------------------------------------ whose

    async def of(self, place: ConversationRef) -> Account:
        own = await self.own(place)
        return self._opened(own) if own else self.operator

    async def catalog(self, place: ConversationRef) -> WorkspaceCatalog:
        """What a workspace may choose from."""
        return (await self.of(place)).catalog.seen_from(place)

    async def own(self, place: ConversationRef) -> OwnAccount | None:
        kept = await self._storage.vault.get(place.platform, place.workspace_id, OWN_ACCOUNT)
        return msgspec.json.decode(kept, type=OwnAccount) if kept else None

    async def made_with(self, place: ConversationRef, account_id: str) -> AvatarProvider:
        """The provider by the key that something was made with. Raises `ProviderError` for a key that is gone."""
        if not account_id:
            return self.operator.provider
        if account_id in self._open:
            return self._open[account_id].provider
        own = await self.own(place)
        for known in ([own] if own else []) + await self._retired(place):
            if known.id == account_id:
                return self._opened(known).provider
        raise ProviderError("The key of this session is gone, so it ends by itself.", verdict=Verdict.GONE)

    async def explained(self, place: ConversationRef, error: ProviderError) -> str:
        """The sentence of an error; where a workspace's own account is the reason, the one that says what an admin can do.

        Whoever gave a key that is refused now is told so, once.
        """
        own = await self.own(place) if error.verdict in {Verdict.FIX_SETTINGS, Verdict.PAY} else None
        if own is None:
            return error.sentence
        name = self.operator.provider.name
        if error.verdict is Verdict.PAY:
            return f"This workspace's own {name} account has not enough credit left. Ask an admin to top it up."
        sentence = f"{name} refuses this workspace's own key. An admin can give another one: /avatar account key."
        if own.giver and not own.warned:
            await self._write_own(place, msgspec.structs.replace(own, warned=True))
            await self._warn(own.giver, sentence)
        return sentence

    async def note_credit(self) -> None:
        """Write down what is left in the operator's account, so that the books can be compared with it.

        Raises `ProviderError` and `StoreUnavailable`.
        """
        if account := self.operator.provider.capabilities.credit:
            await self._storage.ledger.note_credit(await account.credit())

    def _opened(self, own: OwnAccount) -> Account:
        """Raises `ProviderError` where the provider takes no keys any more."""
        if own.id not in self._open:
            register_secret(own.key)
            provider = self._with_key(own.key)
            catalog = ProviderCatalog(provider, self._storage.ownership, self._funding, refreshed=False)
            self._open[own.id] = Account(provider, catalog, own.id)
        return self._open[own.id]

    def _with_key(self, key: str) -> AvatarProvider:
        accounts = self.operator.provider.capabilities.accounts
        if accounts is None:
            name = self.operator.provider.name
            raise ProviderError(f"{name} takes no keys of workspaces' own.", verdict=Verdict.FIX_SETTINGS)
        return accounts.with_key(key)

    # ------------------------------------------------------------ given, and taken back

    async def keep(self, place: ConversationRef, key: str, giver: ReplyTo | None = None) -> OwnAccount:
        """From now on the workspace uses the account of this key. Raises `ProviderError`, and keeps nothing, when the provider refuses it."""
        register_secret(key)
        async with contextlib.aclosing(self._with_key(key)) as provider:
            await provider.sessions()
        account = OwnAccount(new_id(), key, giver)
        await self._retire(place)
        await self._write_own(place, account)
        await self.settle(place)
        return account

    async def drop(self, place: ConversationRef) -> bool:
        """Back to the operator's. Whether there was a key."""
        had = await self._retire(place)
        await self._storage.vault.delete(place.platform, place.workspace_id, OWN_ACCOUNT)
        await self.settle(place)
        return had

    async def _write_own(self, place: ConversationRef, own: OwnAccount) -> None:
        await self._storage.vault.put(place.platform, place.workspace_id, OWN_ACCOUNT, msgspec.json.encode(own))

    async def _retire(self, place: ConversationRef) -> bool:
        own = await self.own(place)
        if own:
            await self._write_retired(place, [*await self._retired(place), own])
        return own is not None

    async def settle(self, place: ConversationRef) -> None:
        """Forget the keys with which nothing is open any more."""
        retired = await self._retired(place)
        if not retired:
            return
        used = {row.account for row in await self._unclosed(place)}
        await self._write_retired(place, [account for account in retired if account.id in used])
        for account in retired:
            if account.id not in used and (closed := self._open.pop(account.id, None)):
                await closed.provider.aclose()

    async def _unclosed(self, place: ConversationRef) -> list[ProviderSessionRecord]:
        running = await self._storage.sessions.in_workspace(place.platform, place.workspace_id)
        rows = [row for session in running for row in await self._storage.provider_sessions.unclosed(session.id)]
        return rows + await self._storage.provider_sessions.leftovers(timedelta(), timedelta())

    async def _retired(self, place: ConversationRef) -> list[OwnAccount]:
        kept = await self._storage.vault.get(place.platform, place.workspace_id, RETIRED)
        return msgspec.json.decode(kept, type=list[OwnAccount]) if kept else []

    async def _write_retired(self, place: ConversationRef, accounts: Sequence[OwnAccount]) -> None:
        vault, where = self._storage.vault, (place.platform, place.workspace_id, RETIRED)
        await (vault.put(*where, msgspec.json.encode(accounts)) if accounts else vault.delete(*where))


async def _nobody(_to: ReplyTo, _sentence: str) -> None:
    """Where no platform runs."""


def accounts_of(
    provider: AvatarProvider, storage: Storage, funding: Funding, warn: Warn = _nobody, *, alone: bool = True
) -> ProviderAccounts:
    """`provider` is on the operator's account; where this process is not `alone`, its lists are read by one for all."""
    sources = ListSources(None if alone else storage.coordination, provider.name)
    operator = Account(provider, ProviderCatalog(provider, storage.ownership, funding, sources=sources))
    return ProviderAccounts(operator, storage, funding, warn)

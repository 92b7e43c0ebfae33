"""What the core keeps, in its own words. `bot.storage` implements it; only `bot.app` knows which implementation it is."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from bot.ports.storage.coordination import CoordinationRepository, ReceivingRepository, WorkerRepository
from bot.ports.storage.hooks import HookRepository
from bot.ports.storage.records import Lease
from bot.ports.storage.repositories import (
    ChannelRepository,
    GrantRepository,
    InboxRepository,
    LedgerRepository,
    OwnershipRepository,
    ProviderSessionRepository,
    SecretVault,
    SessionRepository,
    TokenRepository,
    TranscriptRepository,
    UploadRepository,
    UsageRepository,
)
from bot.ports.storage.transactions import AdmissionQuery, Admitted, FencedWrites, Situation, UnfencedWrites
from bot.tasks import Wakeups


class Storage(Protocol):
    """Everything that outlives a process. It has a clock of its own: what is written "now" is by that one.

    A call that is cancelled may have had its effect. Everything raises `StoreUnavailable` when it certainly had none.
    """

    sessions: SessionRepository
    inbox: InboxRepository
    transcripts: TranscriptRepository
    provider_sessions: ProviderSessionRepository
    usage: UsageRepository
    ledger: LedgerRepository
    channels: ChannelRepository
    grants: GrantRepository
    tokens: TokenRepository
    uploads: UploadRepository
    ownership: OwnershipRepository
    workers: WorkerRepository
    vault: SecretVault
    unfenced: UnfencedWrites
    hooks: HookRepository
    coordination: CoordinationRepository
    receiving: ReceivingRepository
    outbox: Wakeups
    """Tells when this process wrote down something for a hook. What others write is found by looking."""

    def patient(self) -> "Storage":
        """The same, whose reads and writes wait while the storage is away (`StoreAway`), until they are cancelled: for who cannot go on
        without, and would lose something by ending. What takes too long each time for two minutes raises `StoreBusy`.
        """
        ...

    def prompt(self) -> "Storage":
        """The same, which never waits for a storage that is away: for who is to do something else then."""
        ...

    def fenced(
        self, lease: Lease, written: Callable[[], None] = lambda: None, *, unhurried: bool = False
    ) -> AbstractAsyncContextManager[FencedWrites]:
        """The one way to write what a run may write.

        What is called on it within the block is written when the block is left: in order, in one transaction, all of it or nothing.
        Raises `LeaseLost` there, with nothing written, when the session is not the lease's any more. A block that is left by an
        exception writes nothing. `written` is called once it is committed. What is `unhurried` may be written up to 25 ms later, in a
        commit that it shares with what others write.
        """
        ...

    async def admit(self, ask: Callable[[], AdmissionQuery], decide: Callable[[Situation], Admitted]) -> Admitted:
        """Read what is asked for, and write what `decide` makes of it, in one transaction.

        `ask` is called once, in the loop, when the transaction begins: what came in until then can be part of it, and waits nowhere
        else. `decide` is pure: it may run twice.
        """
        ...

    async def ping(self) -> None:
        """Raises `StoreUnavailable` when nothing can be written at the moment."""
        ...

    def check(self) -> None:
        """Raises `SettingsError` when what is written is not kept any more, which only the operator can mend."""
        ...

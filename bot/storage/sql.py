"""`Storage` on an SQL database."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from copy import copy
from typing import Concatenate, ParamSpec, TypeVar

from bot.clock import Clock
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
from bot.storage import (
    accounting,
    coordination,
    hooks,
    inbox,
    provider_sessions,
    sessions,
    tokens,
    transcripts,
    workers,
    workspaces,
)
from bot.storage.admission import EarlierRuns, SessionEndings, admit
from bot.storage.connections import STANDARD_SIZE, PoolSize, Retried, Work, nobody_counts
from bot.storage.encryption import Cipher
from bot.storage.engine import Store
from bot.storage.event_writer import EventWriter
from bot.storage.functions import StorageFunctions
from bot.storage.keys import has_canary, leave_canary, require_key
from bot.storage.statements import SqlTransaction
from bot.storage.unit_of_work import (
    FencedBlock,
    PatientTransactions,
    Repository,
    Transactions,
    changes,
    reads,
    urgent,
    writes,
)
from bot.tasks import Wakeups

FUNCTIONS: StorageFunctions[SqlTransaction] = StorageFunctions(
    sessions, inbox, workspaces, accounting, provider_sessions, transcripts, EventWriter(sessions.get, hooks)
)


P = ParamSpec("P")
A = TypeVar("A")
T = TypeVar("T")


@asynccontextmanager
async def sql_storage(
    url: str, cipher: Cipher, clock: Clock, size: PoolSize = STANDARD_SIZE, retried: Retried = nobody_counts
) -> AsyncIterator["SqlStorage"]:
    """On the database at `url`, which has its tables. Raises `StoreUnavailable` when it cannot be opened."""
    async with Store.open(url, cipher, size, retried) as store:
        if not await store.read(has_canary):
            await store.write(lambda connection: leave_canary(connection, cipher))
            await store.read(lambda connection: require_key(connection, cipher))
        yield SqlStorage(store, clock)


class SqlTransactions:
    """Runs functions of a transaction on a store. Everything raises `StoreUnavailable`.

    `shared` is the clock by which processes are compared; None for the server's, or for `clock` where there is no server.
    """

    def __init__(self, store: Store, clock: Clock, shared: Clock | None = None) -> None:
        self.store = store
        self.clock = clock
        self.shared = shared or (None if store.on_server else clock)

    async def read(self, work: Callable[Concatenate[SqlTransaction, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.store.read(self._work(work, *args, **kwargs))

    async def write(self, work: Callable[Concatenate[SqlTransaction, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.store.write(self._work(work, *args, **kwargs))

    async def urgent(
        self, work: Callable[Concatenate[SqlTransaction, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return await self.store.urgent(self._work(work, *args, **kwargs))

    async def unhurried(
        self, work: Callable[Concatenate[SqlTransaction, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return await self.store.unhurried(self._work(work, *args, **kwargs))

    async def write_late(self, ask: Callable[[], A], work: Callable[[SqlTransaction, A], T]) -> T:
        """Run `work` on what `ask` answers in the loop when the transaction begins."""
        return await self.store.write_late(lambda: self._work(work, ask()))

    def _work(self, work: Callable[Concatenate[SqlTransaction, P], T], /, *args: P.args, **kwargs: P.kwargs) -> Work[T]:
        """By the clocks as they are now."""
        cipher, now, shared = self.store.cipher, self.clock.now(), self.shared.now() if self.shared else None
        return lambda connection: work(SqlTransaction(connection, cipher, now, shared), *args, **kwargs)


class SqlStorage:
    """`Storage`, in transactions on a store. `shared` is the clock by which processes are compared, None for the server's."""

    def __init__(self, store: Store, clock: Clock, shared: Clock | None = None) -> None:
        self.store = store
        self.outbox = Wakeups()
        self._admitting = SqlTransactions(store, clock, shared)
        self._offer(self._admitting)

    def patient(self) -> "SqlStorage":
        return self._on(PatientTransactions(self._admitting))

    def prompt(self) -> "SqlStorage":
        return self._on(self._admitting)

    def _on(self, transactions: Transactions[SqlTransaction]) -> "SqlStorage":
        same = copy(self)
        same._offer(transactions)  # noqa: SLF001 - of the same class
        return same

    def _offer(self, transactions: Transactions[SqlTransaction]) -> None:
        self._transactions = transactions
        self.sessions: SessionRepository = SqlSessions(transactions)
        self.inbox: InboxRepository = SqlInbox(transactions)
        self.transcripts: TranscriptRepository = SqlTranscripts(transactions)
        self.provider_sessions: ProviderSessionRepository = SqlProviderSessions(transactions)
        self.usage: UsageRepository = SqlUsage(transactions)
        self.ledger: LedgerRepository = SqlLedger(transactions)
        self.channels: ChannelRepository = SqlChannels(transactions)
        self.grants: GrantRepository = SqlGrants(transactions)
        self.tokens: TokenRepository = SqlTokens(transactions)
        self.uploads: UploadRepository = SqlUploads(transactions)
        self.ownership: OwnershipRepository = SqlOwnership(transactions)
        self.workers: WorkerRepository = SqlWorkers(transactions)
        self.vault: SecretVault = SqlVault(transactions)
        self.unfenced: UnfencedWrites = SqlUnfencedWrites(transactions)
        self.hooks: HookRepository = SqlHooks(transactions)
        self.coordination: CoordinationRepository = SqlCoordination(transactions)
        self.receiving: ReceivingRepository = SqlReceiving(transactions)

    def fenced(
        self, lease: Lease, written: Callable[[], None] = lambda: None, *, unhurried: bool = False
    ) -> AbstractAsyncContextManager[FencedWrites]:
        write = self._transactions.unhurried if unhurried else self._transactions.write
        return FencedBlock(write, FUNCTIONS, lease, self.outbox.notify, written)

    async def admit(self, ask: Callable[[], AdmissionQuery], decide: Callable[[Situation], Admitted]) -> Admitted:
        earlier = EarlierRuns()
        admitted = await self._admitting.write_late(ask, lambda tx, query: admit(FUNCTIONS, tx, query, decide, earlier))
        if admitted.starts or admitted.ends:
            self.outbox.notify()
        return admitted

    async def ping(self) -> None:
        await self._transactions.write(_nothing)

    def check(self) -> None:
        self.store.check()


def _nothing(tx: SqlTransaction) -> None:
    tx.connection.exec_driver_sql("SELECT count(*) FROM workers")


class SqlSessions(SessionEndings[SqlTransaction]):
    functions = FUNCTIONS
    get = reads(sessions.get)
    in_channel = reads(sessions.in_channel_of)
    in_workspace = reads(sessions.of_workspace)
    everywhere = reads(sessions.everywhere)
    concerns = reads(sessions.concerns)
    last_ended = reads(sessions.last_ended)
    talked_in = reads(sessions.talked_in)
    past = reads(sessions.past)
    kept = reads(sessions.kept)
    count_by_status = reads(sessions.count_by_status)
    asleep_for = reads(sessions.asleep_for)
    forget = changes(sessions.forget)
    forget_older = changes(sessions.forget_older)


class SqlInbox(Repository[SqlTransaction]):
    get = reads(inbox.get)
    of_event = reads(inbox.of_event)
    waiting_turns = reads(inbox.waiting_turns)
    waiting_controls = reads(inbox.waiting_controls)
    authors = reads(inbox.authors)
    count_waiting = reads(inbox.count_waiting)
    count_all_waiting = reads(inbox.count_all_waiting)
    count_outcomes = reads(inbox.count_outcomes)
    waiting_ids = reads(inbox.waiting_ids)
    claim_replies = writes(inbox.claim_replies)
    put_off_replies = writes(inbox.put_off_replies)
    reply_sent = writes(inbox.reply_sent)


class SqlTranscripts(Repository[SqlTransaction]):
    of_session = reads(transcripts.of_session)
    recent = reads(transcripts.recent)
    given = reads(transcripts.given)
    conversation = reads(transcripts.conversation)
    posts_of = reads(transcripts.posts_of)
    count_of_person = reads(inbox.count_of_person)
    forget_person = changes(inbox.forget_person)


class SqlProviderSessions(Repository[SqlTransaction]):
    unclosed = reads(provider_sessions.unclosed)
    leftovers = reads(provider_sessions.leftovers)
    running = reads(provider_sessions.running)
    unsettled = reads(provider_sessions.unsettled)


class SqlUsage(Repository[SqlTransaction]):
    of_person = reads(accounting.of_person)
    of_session = reads(accounting.of_session)
    minutes = reads(accounting.minutes)


class SqlLedger(Repository[SqlTransaction]):
    days = reads(accounting.days)
    note_credit = writes(accounting.note_credit)
    credit_since = reads(accounting.credit_since)
    forget_older = changes(accounting.forget_entries)


class SqlChannels(Repository[SqlTransaction]):
    settings = reads(workspaces.settings)
    save_settings = writes(workspaces.save_settings)
    allowed = reads(workspaces.allowed)
    allow = writes(workspaces.allow)


class SqlVault(Repository[SqlTransaction]):
    get = reads(workspaces.secret)
    named = reads(workspaces.secrets_named)
    put = writes(workspaces.put_secret)
    delete = writes(workspaces.delete_secret)
    delete_workspace = writes(workspaces.delete_secrets)
    claim = writes(workspaces.claim_secret)


class SqlGrants(Repository[SqlTransaction]):
    add = writes(workspaces.add_grant)
    find = reads(workspaces.find_grant)
    owners = reads(workspaces.grant_owners)
    revoke_of_person = writes(workspaces.revoke_of_person)
    revoke_all = changes(workspaces.revoke_all)
    forget = writes(workspaces.forget_grants)


class SqlTokens(Repository[SqlTransaction]):
    add = writes(tokens.add)
    find = reads(tokens.find)
    of_person = reads(tokens.of_person)
    everything = reads(tokens.everything)
    revoke = changes(tokens.revoke)


class SqlUploads(Repository[SqlTransaction]):
    add = writes(workspaces.add_upload)
    take_back = writes(workspaces.take_back)
    unfinished = reads(workspaces.unfinished_uploads)
    follow = writes(workspaces.follow)
    posted = writes(workspaces.upload_posted)
    told = writes(workspaces.upload_told)
    forget_older = changes(workspaces.forget_uploads)


class SqlOwnership(Repository[SqlTransaction]):
    add = writes(workspaces.add_owner)
    remove = writes(workspaces.remove_owner)
    owners = reads(workspaces.owners)
    consents = reads(workspaces.consents)
    forget_consents = changes(workspaces.forget_consents)


class SqlWorkers(Repository[SqlTransaction]):
    enlist = urgent(workers.enlist)
    renew = urgent(workers.renew)
    held = urgent(workers.held)
    dismiss = urgent(workers.dismiss)
    others_alive = reads(workers.others_alive)
    living = reads(workers.living)
    placement = reads(workers.placement)
    load = reads(workers.load)
    claim = writes(workers.claim)


class SqlUnfencedWrites(Repository[SqlTransaction]):
    opened = writes(provider_sessions.opened)
    closing = writes(provider_sessions.closing)
    closed = writes(provider_sessions.closed)
    expired = writes(provider_sessions.expired)
    given_up = writes(provider_sessions.orphaned)
    found = writes(provider_sessions.found)
    refuted = writes(provider_sessions.refuted)
    ran_at_most = writes(provider_sessions.ran_at_most)
    posted = writes(transcripts.posted)
    released = writes(sessions.release)


class SqlHooks(Repository[SqlTransaction]):
    add = writes(hooks.add)
    everything = reads(hooks.everything)
    remove = changes(hooks.remove)
    disable = writes(hooks.disable)
    due = reads(hooks.due)
    waiting = reads(hooks.waiting)
    settled = writes(hooks.settled)
    put_off = writes(hooks.put_off)
    failed = reads(hooks.failed)
    retry = changes(hooks.retry)
    listen = writes(hooks.listen)
    since = reads(hooks.since)
    forget_older = changes(hooks.forget_older)


class SqlCoordination(Repository[SqlTransaction]):
    first_to_answer = writes(coordination.first_to_answer)
    answered = writes(coordination.answered)
    hold = writes(coordination.hold)
    let_go = writes(coordination.let_go)
    reserve = writes(coordination.reserve)
    pause = writes(coordination.pause)
    paused = reads(coordination.paused)
    read = writes(coordination.read)
    write = writes(coordination.write)
    expire = writes(coordination.expire)
    forget_passed = changes(coordination.forget_passed)


class SqlReceiving(Repository[SqlTransaction]):
    others_receive = reads(coordination.others_receive)
    hold_shards = writes(coordination.hold_shards)
    talks = reads(coordination.talks)

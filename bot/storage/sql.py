"""`Storage` on an SQL database."""

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from bot.ports.clock import Clock
from bot.ports.secrets import SecretVault
from bot.ports.storage.admission import AdmissionQuery, Admitted, Situation
from bot.ports.storage.fenced import FencedWrites, UnfencedWrites
from bot.ports.storage.records import Lease
from bot.ports.storage.repositories import (
    ChannelRepository,
    GrantRepository,
    InboxRepository,
    OwnershipRepository,
    ProviderSessionRepository,
    SessionRepository,
    TranscriptRepository,
    UploadRepository,
    UsageRepository,
    WorkerRepository,
)
from bot.storage import (
    admission,
    channels,
    forgetting,
    grants,
    held,
    inbox,
    ownership,
    provider_sessions,
    sessions,
    transcripts,
    uploads,
    usage,
    workers,
)
from bot.storage.block import FencedBlock
from bot.storage.canary import has_canary, leave_canary
from bot.storage.encryption import Cipher
from bot.storage.engine import Store
from bot.storage.functions import StorageFunctions
from bot.storage.repository import Repository, reads, writes
from bot.storage.transaction import SqlTransaction, SqlTransactions

FUNCTIONS: StorageFunctions[SqlTransaction] = StorageFunctions(
    sessions, held, inbox, channels, usage, provider_sessions, transcripts
)


@asynccontextmanager
async def sql_storage(url: str, cipher: Cipher, clock: Clock) -> AsyncIterator["SqlStorage"]:
    """On the database at `url`, which has its tables. Raises `StoreUnavailable` when it cannot be opened."""
    async with Store.open(url, cipher) as store:
        if not await store.read(has_canary):
            await store.write(lambda connection: leave_canary(connection, cipher))
        yield SqlStorage(store, clock)


class SqlStorage:
    """`Storage`, in transactions on a store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self._transactions = transactions = SqlTransactions(store, clock)
        self.sessions: SessionRepository = SqlSessions(transactions)
        self.inbox: InboxRepository = SqlInbox(transactions)
        self.transcripts: TranscriptRepository = SqlTranscripts(transactions)
        self.provider_sessions: ProviderSessionRepository = SqlProviderSessions(transactions)
        self.usage: UsageRepository = SqlUsage(transactions)
        self.channels: ChannelRepository = SqlChannels(transactions)
        self.grants: GrantRepository = SqlGrants(transactions)
        self.uploads: UploadRepository = SqlUploads(transactions)
        self.ownership: OwnershipRepository = SqlOwnership(transactions)
        self.workers: WorkerRepository = SqlWorkers(transactions)
        self.vault: SecretVault = SqlVault(transactions)
        self.unfenced: UnfencedWrites = SqlUnfencedWrites(transactions)

    def fenced(self, lease: Lease) -> AbstractAsyncContextManager[FencedWrites]:
        return FencedBlock(self._transactions, FUNCTIONS, lease)

    async def admit(self, ask: Callable[[], AdmissionQuery], decide: Callable[[Situation], Admitted]) -> Admitted:
        return await self._transactions.write_late(ask, lambda tx, query: admission.admit(FUNCTIONS, tx, query, decide))

    async def ping(self) -> None:
        await self._transactions.write(_nothing)

    def check(self) -> None:
        self.store.check()


def _nothing(tx: SqlTransaction) -> None:
    tx.connection.exec_driver_sql("SELECT count(*) FROM workers")


class SqlSessions(Repository[SqlTransaction]):
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
    put_to_rest = writes(sessions.put_to_rest)
    ask_to_end = writes(sessions.ask_to_end)
    forget = writes(sessions.forget)
    forget_older = writes(sessions.forget_older)


class SqlInbox(Repository[SqlTransaction]):
    waiting_turns = reads(inbox.waiting_turns)
    waiting_controls = reads(inbox.waiting_controls)
    authors = reads(inbox.authors)
    count_waiting = reads(inbox.count_waiting)
    count_outcomes = reads(inbox.count_outcomes)
    waiting_ids = reads(inbox.waiting_ids)
    replies_due = reads(inbox.replies_due)
    reply_sent = writes(inbox.reply_sent)


class SqlTranscripts(Repository[SqlTransaction]):
    of_session = reads(transcripts.of_session)
    recent = reads(transcripts.recent)
    given = reads(transcripts.given)
    conversation = reads(transcripts.conversation)
    posts_of = reads(transcripts.posts_of)
    count_of_person = reads(forgetting.count_of_person)
    forget_person = writes(forgetting.forget_person)


class SqlProviderSessions(Repository[SqlTransaction]):
    unclosed = reads(provider_sessions.unclosed)
    leftovers = reads(provider_sessions.leftovers)
    running = reads(provider_sessions.running)


class SqlUsage(Repository[SqlTransaction]):
    of_person = reads(usage.of_person)
    of_session = reads(usage.of_session)
    minutes = reads(usage.minutes)


class SqlChannels(Repository[SqlTransaction]):
    settings = reads(channels.settings)
    save_settings = writes(channels.save_settings)
    allowed = reads(channels.allowed)
    allow = writes(channels.allow)


class SqlVault(Repository[SqlTransaction]):
    get = reads(channels.secret)
    put = writes(channels.put_secret)
    delete = writes(channels.delete_secret)
    delete_workspace = writes(channels.delete_secrets)


class SqlGrants(Repository[SqlTransaction]):
    add = writes(grants.add)
    find = reads(grants.find)
    owners = reads(grants.owners)
    revoke_of_person = writes(grants.revoke_of_person)
    revoke_all = writes(grants.revoke_all)
    forget = writes(grants.forget)


class SqlUploads(Repository[SqlTransaction]):
    add = writes(uploads.add)
    take_back = writes(uploads.take_back)
    unfinished = reads(uploads.unfinished)
    follow = writes(uploads.follow)
    posted = writes(uploads.posted)
    told = writes(uploads.told)
    forget_older = writes(uploads.forget_older)


class SqlOwnership(Repository[SqlTransaction]):
    add = writes(ownership.add)
    remove = writes(ownership.remove)
    owners = reads(ownership.owners)
    consents = reads(ownership.consents)


class SqlWorkers(Repository[SqlTransaction]):
    enlist = writes(workers.enlist)
    renew = writes(workers.renew)
    dismiss = writes(workers.dismiss)
    others_alive = reads(workers.others_alive)
    eldest = reads(workers.eldest)
    _claimable = reads(workers.claimable)
    _claim = writes(workers.claim)

    async def claim(self, worker_id: str, *, room: int, but: Collection[str] = ()) -> list[Lease]:
        """Looked for first: nothing is written where nothing needs a run."""
        return await self._claim(worker_id, room=room, but=but) if await self._claimable() else []


class SqlUnfencedWrites(Repository[SqlTransaction]):
    opened = writes(provider_sessions.opened)
    closed = writes(provider_sessions.closed)
    given_up = writes(provider_sessions.lost)
    posted = writes(transcripts.posted)
    released = writes(held.release)

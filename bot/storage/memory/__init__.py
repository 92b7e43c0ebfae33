"""`Storage` in memory: for tests, and for whoever tries something out. Nothing outlives its process."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from copy import copy

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
from bot.storage.admission import EarlierRuns, SessionEndings, admit
from bot.storage.event_writer import EventWriter
from bot.storage.functions import StorageFunctions
from bot.storage.memory import (
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
from bot.storage.memory.rows import Data, MemoryTransaction, MemoryTransactions
from bot.storage.unit_of_work import FencedBlock, PatientTransactions, Repository, Transactions, reads, urgent, writes
from bot.tasks import Wakeups

FUNCTIONS: StorageFunctions[MemoryTransaction] = StorageFunctions(
    sessions, inbox, workspaces, accounting, provider_sessions, transcripts, EventWriter(sessions.get, hooks)
)


class MemoryStorage:
    """`Storage`. Others on the same `data` are other processes on the same database.

    What is written while rows of `data` fail raises `StoreUnavailable`, with nothing written; everything does while `data` is away.
    """

    def __init__(
        self, clock: Clock, data: Data | None = None, kind: type[MemoryTransactions] = MemoryTransactions
    ) -> None:
        self.data = data or Data()
        self.outbox = Wakeups()
        self._admitting = kind(self.data, clock)
        self._offer(self._admitting)

    def patient(self) -> "MemoryStorage":
        return self._on(PatientTransactions(self._admitting))

    def prompt(self) -> "MemoryStorage":
        return self._on(self._admitting)

    def _on(self, transactions: Transactions[MemoryTransaction]) -> "MemoryStorage":
        same = copy(self)
        same._offer(transactions)  # noqa: SLF001 - of the same class
        return same

    def _offer(self, transactions: Transactions[MemoryTransaction]) -> None:
        self._transactions = transactions
        self.sessions: SessionRepository = MemorySessions(transactions)
        self.inbox: InboxRepository = MemoryInbox(transactions)
        self.transcripts: TranscriptRepository = MemoryTranscripts(transactions)
        self.provider_sessions: ProviderSessionRepository = MemoryProviderSessions(transactions)
        self.usage: UsageRepository = MemoryUsage(transactions)
        self.ledger: LedgerRepository = MemoryLedger(transactions)
        self.channels: ChannelRepository = MemoryChannels(transactions)
        self.grants: GrantRepository = MemoryGrants(transactions)
        self.tokens: TokenRepository = MemoryTokens(transactions)
        self.uploads: UploadRepository = MemoryUploads(transactions)
        self.ownership: OwnershipRepository = MemoryOwnership(transactions)
        self.workers: WorkerRepository = MemoryWorkers(transactions)
        self.vault: SecretVault = MemoryVault(transactions)
        self.unfenced: UnfencedWrites = MemoryUnfencedWrites(transactions)
        self.hooks: HookRepository = MemoryHooks(transactions)
        self.coordination: CoordinationRepository = MemoryCoordination(transactions)
        self.receiving: ReceivingRepository = MemoryReceiving(transactions)

    def fenced(
        self, lease: Lease, written: Callable[[], None] = lambda: None, *, unhurried: bool = False
    ) -> AbstractAsyncContextManager[FencedWrites]:
        write = self._transactions.unhurried if unhurried else self._transactions.write
        return FencedBlock(write, FUNCTIONS, lease, self.outbox.notify, written)

    async def admit(self, ask: Callable[[], AdmissionQuery], decide: Callable[[Situation], Admitted]) -> Admitted:
        admitted = await self._transactions.write(lambda tx: admit(FUNCTIONS, tx, ask(), decide, EarlierRuns()))
        if admitted.starts or admitted.ends:
            self.outbox.notify()
        return admitted

    async def ping(self) -> None:
        await self._transactions.write(_nothing)

    def check(self) -> None:
        """What is written is kept for as long as its process lives."""


def _nothing(_: MemoryTransaction) -> None:
    """Nothing to write."""


class MemorySessions(SessionEndings[MemoryTransaction]):
    functions = FUNCTIONS
    get = reads(sessions.get)
    in_channel = reads(sessions.in_channel)
    in_workspace = reads(sessions.in_workspace)
    everywhere = reads(sessions.everywhere)
    concerns = reads(sessions.concerns)
    last_ended = reads(sessions.last_ended)
    talked_in = reads(sessions.talked_in)
    past = reads(sessions.past)
    kept = reads(sessions.kept)
    count_by_status = reads(sessions.count_by_status)
    asleep_for = reads(sessions.asleep_for)
    forget = writes(sessions.forget)
    forget_older = writes(sessions.forget_older)


class MemoryInbox(Repository[MemoryTransaction]):
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


class MemoryTranscripts(Repository[MemoryTransaction]):
    of_session = reads(transcripts.of_session)
    recent = reads(transcripts.recent)
    given = reads(transcripts.given)
    conversation = reads(transcripts.conversation)
    posts_of = reads(transcripts.posts_of)
    count_of_person = reads(inbox.count_of_person)
    forget_person = writes(inbox.forget_person)


class MemoryProviderSessions(Repository[MemoryTransaction]):
    unclosed = reads(provider_sessions.unclosed)
    leftovers = reads(provider_sessions.leftovers)
    running = reads(provider_sessions.running)
    unsettled = reads(provider_sessions.unsettled)


class MemoryUsage(Repository[MemoryTransaction]):
    of_person = reads(accounting.of_person)
    of_session = reads(accounting.of_session)
    minutes = reads(accounting.minutes)


class MemoryLedger(Repository[MemoryTransaction]):
    days = reads(accounting.days)
    note_credit = writes(accounting.note_credit)
    credit_since = reads(accounting.credit_since)
    forget_older = writes(accounting.forget_entries)


class MemoryChannels(Repository[MemoryTransaction]):
    settings = reads(workspaces.settings)
    save_settings = writes(workspaces.save_settings)
    allowed = reads(workspaces.allowed)
    allow = writes(workspaces.allow)


class MemoryVault(Repository[MemoryTransaction]):
    get = reads(workspaces.secret)
    named = reads(workspaces.secrets_named)
    put = writes(workspaces.put_secret)
    delete = writes(workspaces.delete_secret)
    delete_workspace = writes(workspaces.delete_secrets)
    claim = writes(workspaces.claim_secret)


class MemoryGrants(Repository[MemoryTransaction]):
    add = writes(workspaces.add_grant)
    find = reads(workspaces.find_grant)
    owners = reads(workspaces.grant_owners)
    revoke_of_person = writes(workspaces.revoke_of_person)
    revoke_all = writes(workspaces.revoke_all)
    forget = writes(workspaces.forget_grants)


class MemoryTokens(Repository[MemoryTransaction]):
    add = writes(tokens.add)
    find = reads(tokens.find)
    of_person = reads(tokens.of_person)
    everything = reads(tokens.everything)
    revoke = writes(tokens.revoke)


class MemoryUploads(Repository[MemoryTransaction]):
    add = writes(workspaces.add_upload)
    take_back = writes(workspaces.take_back)
    unfinished = reads(workspaces.unfinished_uploads)
    follow = writes(workspaces.follow)
    posted = writes(workspaces.upload_posted)
    told = writes(workspaces.upload_told)
    forget_older = writes(workspaces.forget_uploads)


class MemoryOwnership(Repository[MemoryTransaction]):
    add = writes(workspaces.add_owner)
    remove = writes(workspaces.remove_owner)
    owners = reads(workspaces.owners)
    consents = reads(workspaces.consents)
    forget_consents = writes(workspaces.forget_consents)


class MemoryWorkers(Repository[MemoryTransaction]):
    enlist = urgent(workers.enlist)
    renew = urgent(workers.renew)
    held = urgent(workers.held)
    dismiss = urgent(workers.dismiss)
    others_alive = reads(workers.others_alive)
    living = reads(workers.living)
    placement = reads(workers.placement)
    load = reads(workers.load)
    claim = writes(workers.claim)


class MemoryUnfencedWrites(Repository[MemoryTransaction]):
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


class MemoryHooks(Repository[MemoryTransaction]):
    add = writes(hooks.add)
    everything = reads(hooks.everything)
    remove = writes(hooks.remove)
    disable = writes(hooks.disable)
    due = reads(hooks.due)
    waiting = reads(hooks.waiting)
    settled = writes(hooks.settled)
    put_off = writes(hooks.put_off)
    failed = reads(hooks.failed)
    retry = writes(hooks.retry)
    listen = writes(hooks.listen)
    since = reads(hooks.since)
    forget_older = writes(hooks.forget_older)


class MemoryCoordination(Repository[MemoryTransaction]):
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
    forget_passed = writes(coordination.forget_passed)


class MemoryReceiving(Repository[MemoryTransaction]):
    others_receive = reads(coordination.others_receive)
    hold_shards = writes(coordination.hold_shards)
    talks = reads(coordination.talks)

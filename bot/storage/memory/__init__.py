"""`Storage` in memory: for tests, and for whoever tries something out. Nothing outlives its process."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

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
from bot.storage.memory import (
    admission,
    fenced,
    forgetting,
    inbox,
    provider_sessions,
    sessions,
    transcripts,
    workspaces,
)
from bot.storage.memory.rows import Data
from bot.storage.memory.transaction import Repository, Transaction, Transactions, runs


class MemoryStorage:
    """`Storage`. Others on the same `data` are other processes on the same database.

    What is written while rows of `data` fail raises `StoreUnavailable`, with nothing written.
    """

    def __init__(self, clock: Clock, data: Data | None = None) -> None:
        self.data = data or Data()
        self._transactions = transactions = Transactions(self.data, clock)
        self.sessions: SessionRepository = MemorySessions(transactions)
        self.inbox: InboxRepository = MemoryInbox(transactions)
        self.transcripts: TranscriptRepository = MemoryTranscripts(transactions)
        self.provider_sessions: ProviderSessionRepository = MemoryProviderSessions(transactions)
        self.usage: UsageRepository = MemoryUsage(transactions)
        self.channels: ChannelRepository = MemoryChannels(transactions)
        self.grants: GrantRepository = MemoryGrants(transactions)
        self.uploads: UploadRepository = MemoryUploads(transactions)
        self.ownership: OwnershipRepository = MemoryOwnership(transactions)
        self.workers: WorkerRepository = MemoryWorkers(transactions)
        self.vault: SecretVault = MemoryVault(transactions)
        self.unfenced: UnfencedWrites = MemoryUnfencedWrites(transactions)

    def fenced(self, lease: Lease) -> AbstractAsyncContextManager[FencedWrites]:
        return fenced.MemoryFencedWrites(self._transactions, lease)

    async def admit(self, ask: Callable[[], AdmissionQuery], decide: Callable[[Situation], Admitted]) -> Admitted:
        return await self._transactions.run(lambda tx: admission.admit(tx, ask(), decide))

    async def ping(self) -> None:
        await self._transactions.run(_nothing)

    def check(self) -> None:
        """What is written is kept for as long as its process lives."""


def _nothing(_: Transaction) -> None:
    """Nothing to write."""


class MemorySessions(Repository):
    get = runs(sessions.get)
    in_channel = runs(sessions.in_channel)
    in_workspace = runs(sessions.in_workspace)
    everywhere = runs(sessions.everywhere)
    concerns = runs(sessions.concerns)
    last_ended = runs(sessions.last_ended)
    talked_in = runs(sessions.talked_in)
    past = runs(sessions.past)
    kept = runs(sessions.kept)
    count_by_status = runs(sessions.count_by_status)
    asleep_for = runs(sessions.asleep_for)
    put_to_rest = runs(sessions.put_to_rest)
    ask_to_end = runs(sessions.ask_to_end)
    forget = runs(sessions.forget)
    forget_older = runs(sessions.forget_older)


class MemoryInbox(Repository):
    waiting_turns = runs(inbox.waiting_turns)
    waiting_controls = runs(inbox.waiting_controls)
    authors = runs(inbox.authors)
    count_waiting = runs(inbox.count_waiting)
    count_outcomes = runs(inbox.count_outcomes)
    waiting_ids = runs(inbox.waiting_ids)
    replies_due = runs(inbox.replies_due)
    reply_sent = runs(inbox.reply_sent)


class MemoryTranscripts(Repository):
    of_session = runs(transcripts.of_session)
    recent = runs(transcripts.recent)
    given = runs(transcripts.given)
    conversation = runs(transcripts.conversation)
    posts_of = runs(transcripts.posts_of)
    count_of_person = runs(forgetting.count_of_person)
    forget_person = runs(forgetting.forget_person)


class MemoryProviderSessions(Repository):
    unclosed = runs(provider_sessions.unclosed)
    leftovers = runs(provider_sessions.leftovers)
    running = runs(provider_sessions.running)


class MemoryUsage(Repository):
    of_person = runs(sessions.use_of_person)
    of_session = runs(sessions.use_of_session)
    minutes = runs(sessions.minutes)


class MemoryChannels(Repository):
    settings = runs(workspaces.settings)
    save_settings = runs(workspaces.save_settings)
    allowed = runs(workspaces.allowed)
    allow = runs(workspaces.allow)


class MemoryVault(Repository):
    get = runs(workspaces.secret)
    put = runs(workspaces.put_secret)
    delete = runs(workspaces.delete_secret)
    delete_workspace = runs(workspaces.delete_secrets)


class MemoryGrants(Repository):
    add = runs(workspaces.add_grant)
    find = runs(workspaces.find_grant)
    owners = runs(workspaces.grant_owners)
    revoke_of_person = runs(workspaces.revoke_of_person)
    revoke_all = runs(workspaces.revoke_all)
    forget = runs(workspaces.forget_grants)


class MemoryUploads(Repository):
    add = runs(workspaces.add_upload)
    take_back = runs(workspaces.take_back)
    unfinished = runs(workspaces.unfinished_uploads)
    follow = runs(workspaces.follow)
    posted = runs(workspaces.upload_posted)
    told = runs(workspaces.upload_told)
    forget_older = runs(workspaces.forget_uploads)


class MemoryOwnership(Repository):
    add = runs(workspaces.add_owner)
    remove = runs(workspaces.remove_owner)
    owners = runs(workspaces.owners)
    consents = runs(workspaces.consents)


class MemoryWorkers(Repository):
    enlist = runs(sessions.enlist)
    renew = runs(sessions.renew)
    dismiss = runs(sessions.dismiss)
    others_alive = runs(sessions.others_alive)
    eldest = runs(sessions.eldest)
    claim = runs(sessions.claim)


class MemoryUnfencedWrites(Repository):
    opened = runs(provider_sessions.opened)
    closed = runs(provider_sessions.closed)
    given_up = runs(provider_sessions.lost)
    posted = runs(transcripts.posted)
    released = runs(sessions.release)

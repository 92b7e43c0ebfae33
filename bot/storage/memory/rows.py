"""The rows of a storage in memory, and one transaction on them: one that fails leaves none of its changes behind."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Concatenate, Generic, ParamSpec, TypeVar

from bot.clock import Clock
from bot.commands.options import ChannelSettings
from bot.domain.api_tokens import ApiToken
from bot.domain.conversations import Consent, ConversationRef, Person
from bot.domain.errors import StoreAway, StoreRefused, StoreUnavailable
from bot.domain.hook_events import PlaceScope
from bot.domain.ledger import CreditReading, Transfer
from bot.domain.provider import Purchase
from bot.ports.grants import Scope
from bot.ports.storage.hooks import HookRecord, NewEvent
from bot.ports.storage.records import (
    InboxOutcome,
    InboxRecord,
    OwnedKind,
    PostRecord,
    ProcessProfile,
    ProviderSessionRecord,
    ProviderSessionStatus,
    SessionRecord,
    UploadRecord,
    UtteranceRecord,
)
from bot.ports.storage.transactions import EventKey, WorkspaceKey

K = TypeVar("K")
R = TypeVar("R")

NOT_TAKEN = "The storage did not take it. Please try again in a moment."


class Rows(Generic[K, R]):
    """Rows by their key, in the order in which they were added. While `inserts_fail` or `updates_fail`, that raises `StoreUnavailable`."""

    def __init__(self) -> None:
        self.inserts_fail = False
        self.updates_fail = False
        self._rows: dict[K, R] = {}
        self._before: list[tuple[K, R | None]] = []

    def __iter__(self) -> Iterator[R]:
        return iter(list(self._rows.values()))

    def __contains__(self, key: K) -> bool:
        return key in self._rows

    def keys(self) -> list[K]:
        return list(self._rows)

    def items(self) -> Iterator[tuple[K, R]]:
        return iter(list(self._rows.items()))

    def get(self, key: K) -> R | None:
        return self._rows.get(key)

    def add(self, key: K, row: R) -> None:
        """A new row. Raises `StoreRefused` for a key that is taken."""
        if key in self._rows:
            raise StoreRefused(NOT_TAKEN, f"{key} is there already")
        self.put(key, row)

    def keep(self, key: K, row: R) -> None:
        """A new row, unless one is there."""
        if key not in self:
            self.add(key, row)

    def put(self, key: K, row: R) -> None:
        """A row, new or instead of the earlier one."""
        self._note(key)
        self._rows[key] = row

    def delete(self, key: K) -> None:
        """A row, if it is there."""
        if key in self._rows:
            self._note(key)
            del self._rows[key]

    def commit(self) -> None:
        self._before.clear()

    def roll_back(self) -> None:
        for key, row in reversed(self._before):
            if row is None:
                del self._rows[key]
            else:
                self._rows[key] = row
        self._before.clear()

    def _note(self, key: K) -> None:
        if self.updates_fail if key in self._rows else self.inserts_fail:
            raise StoreUnavailable(NOT_TAKEN, "these rows fail")
        self._before.append((key, self._rows.get(key)))


@dataclass(frozen=True, slots=True)
class WorkerRow:
    id: str
    started_at: datetime
    lease_until: datetime | None
    """None for as long as its process lives."""
    profile: ProcessProfile
    spares_until: datetime | None = None

    def alive(self, now: datetime) -> bool:
        return self.lease_until is None or self.lease_until > now


@dataclass(frozen=True, slots=True)
class InboxRow:
    record: InboxRecord
    event: EventKey
    reply_due: bool = False
    done_at: datetime | None = None
    told_by: str = ""
    told_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class TurnRow:
    """`text` was spoken or asked, `words` were written. A greeting is nobody's."""

    id: str
    session_id: str
    person_name: str
    text: str
    words: str
    claimed_at: datetime
    outcome: InboxOutcome = InboxOutcome.NONE
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class UtteranceRow:
    session_id: str
    record: UtteranceRecord


@dataclass(frozen=True, slots=True)
class PostRow:
    session_id: str
    record: PostRecord


@dataclass(frozen=True, slots=True)
class ProviderSessionRow:
    record: ProviderSessionRecord
    payer_id: str
    opened_at: datetime | None = None
    closed_at: datetime | None = None
    wanted_until: datetime | None = None
    closing_at: datetime | None = None

    @property
    def purchase(self) -> Purchase:
        record = self.record
        refused = record.status is ProviderSessionStatus.CLOSED
        return Purchase(
            record.duration_s, self.opened_at, record.expires_at, self.closed_at, refused, self.wanted_until
        )


@dataclass(frozen=True, slots=True)
class LedgerRow:
    at: datetime
    workspace: WorkspaceKey
    account: str
    transfer: Transfer


@dataclass(frozen=True, slots=True)
class GrantRow:
    session_id: str
    scope: Scope
    person: Person | None
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class OwnerRow:
    workspace: WorkspaceKey
    consent: Consent | None = None


@dataclass(frozen=True, slots=True)
class StreamRow:
    """One who reads along, and until when what happens is kept for them."""

    scope: PlaceScope
    until: datetime


@dataclass(frozen=True, slots=True)
class EventRow:
    new: NewEvent
    at: datetime


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """`due_at` is None once it has failed for good."""

    hook_id: str
    event_id: str
    due_at: datetime | None
    attempts: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class HeldRow:
    """Something that one process has for a while."""

    holder: str
    until: datetime


@dataclass(frozen=True, slots=True)
class ListRow:
    """A list that one process reads for all."""

    rows: str = ""
    read_at: datetime | None = None
    read_by: str = ""
    reading_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Data:
    """All rows of a storage, by table."""

    away: asyncio.Event = field(default_factory=asyncio.Event)
    """While it is set, nothing is read or written."""
    workers: Rows[str, WorkerRow] = field(default_factory=Rows)
    sessions: Rows[str, SessionRecord] = field(default_factory=Rows)
    provider_sessions: Rows[str, ProviderSessionRow] = field(default_factory=Rows)
    inbox: Rows[str, InboxRow] = field(default_factory=Rows)
    turns: Rows[str, TurnRow] = field(default_factory=Rows)
    utterances: Rows[str, UtteranceRow] = field(default_factory=Rows)
    posts: Rows[tuple[str, int], PostRow] = field(default_factory=Rows)
    grants: Rows[str, GrantRow] = field(default_factory=Rows)
    tokens: Rows[str, ApiToken] = field(default_factory=Rows)
    uploads: Rows[str, UploadRecord] = field(default_factory=Rows)
    owners: Rows[tuple[OwnedKind, str], OwnerRow] = field(default_factory=Rows)
    channel_settings: Rows[ConversationRef, ChannelSettings] = field(default_factory=Rows)
    allowed: Rows[WorkspaceKey, bool] = field(default_factory=Rows)
    vault: Rows[tuple[str, str, str], bytes] = field(default_factory=Rows)
    hooks: Rows[str, HookRecord] = field(default_factory=Rows)
    streams: Rows[str, StreamRow] = field(default_factory=Rows)
    events: Rows[str, EventRow] = field(default_factory=Rows)
    deliveries: Rows[tuple[str, str], DeliveryRow] = field(default_factory=Rows)
    seen: Rows[EventKey, HeldRow] = field(default_factory=Rows)
    jobs: Rows[str, HeldRow] = field(default_factory=Rows)
    budgets: Rows[str, datetime] = field(default_factory=Rows)
    offers: Rows[str, ListRow] = field(default_factory=Rows)
    ledger: Rows[tuple[str, int], LedgerRow] = field(default_factory=Rows)
    credit_readings: Rows[date, CreditReading] = field(default_factory=Rows)
    shards: Rows[str, Mapping[int, str]] = field(default_factory=Rows)

    @property
    def all(self) -> tuple[Rows[object, object], ...]:
        return tuple(each for name in self.__slots__ if isinstance(each := getattr(self, name), Rows))


P = ParamSpec("P")
T = TypeVar("T")


# ---------------------------------------------------------------- transactions


@dataclass(frozen=True, slots=True)
class MemoryTransaction:
    """`now` is when it was asked for."""

    data: Data
    now: datetime


class MemoryTransactions:
    """Runs functions of a transaction. Others come in before it begins, as with a database."""

    def __init__(self, data: Data, clock: Clock) -> None:
        self.data = data
        self.clock = clock
        self._tables = data.all

    async def read(
        self, work: Callable[Concatenate[MemoryTransaction, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        async with self._begun() as tx:
            return work(tx, *args, **kwargs)

    async def write(
        self, work: Callable[Concatenate[MemoryTransaction, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        async with self._begun() as tx:
            result = work(tx, *args, **kwargs)
            for rows in self._tables:
                rows.commit()
            return result

    async def urgent(
        self, work: Callable[Concatenate[MemoryTransaction, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return await self.write(work, *args, **kwargs)

    async def unhurried(
        self, work: Callable[Concatenate[MemoryTransaction, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return await self.write(work, *args, **kwargs)

    @asynccontextmanager
    async def _begun(self) -> AsyncIterator[MemoryTransaction]:
        """What is not committed within is undone."""
        tx = MemoryTransaction(self.data, self.clock.now())
        await asyncio.sleep(0)
        if self.data.away.is_set():
            raise StoreAway("The storage does not answer. Please try again in a moment.")
        try:
            yield tx
        finally:
            for rows in self._tables:
                rows.roll_back()

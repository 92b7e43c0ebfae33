"""What writing a session's transcript needs of the session."""

from typing import Protocol, TypeVar

import structlog

from bot.delivery.rate_limiter import RateLimiter
from bot.domain.disclosure import Disclosure
from bot.media.events import SessionEvents
from bot.ports.chat import ChatPlatform
from bot.ports.clock import Clock
from bot.storage.connection_thread import Work
from bot.storage.engine import Store
from bot.storage.records import Lease, SessionRecord
from bot.telemetry import Metrics
from bot.transcript.encounters import Encounters

T = TypeVar("T")


class TranscriptServices(Protocol):
    """The parts of the service that every session's transcript shares."""

    @property
    def store(self) -> Store: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def events(self) -> SessionEvents: ...

    @property
    def metrics(self) -> Metrics: ...


class TranscriptContext(Protocol):
    """One session that is run here: its row as last written, its platform, and its fenced way to the database."""

    @property
    def services(self) -> TranscriptServices: ...

    @property
    def lease(self) -> Lease: ...

    @property
    def session(self) -> SessionRecord: ...

    @property
    def platform(self) -> ChatPlatform: ...

    @property
    def limiter(self) -> RateLimiter: ...

    @property
    def disclosure(self) -> Disclosure: ...

    @property
    def encounters(self) -> Encounters: ...

    @property
    def log(self) -> structlog.stdlib.BoundLogger: ...

    def is_repetition(self, mid: str) -> bool:
        """Whether the avatar says under `mid` what stands in the channel already."""
        ...

    async def write(self, work: Work[T]) -> T:
        """Run one piece of work in a write transaction. Raises `StoreUnavailable`, and `LeaseLost` where the work is fenced."""
        ...

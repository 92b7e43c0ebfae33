"""What writing a session's transcript needs of the session."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

import structlog

from bot.clock import Clock
from bot.delivery.rate_limiter import RateLimiter
from bot.domain.disclosure import Disclosure
from bot.domain.posts import Addressee
from bot.media.events import SessionEvents
from bot.ports.chat import ChatPlatform
from bot.ports.storage import Storage
from bot.ports.storage.records import SessionRecord
from bot.ports.storage.transactions import FencedWrites
from bot.telemetry import Metrics
from bot.transcript.encounters import Encounters


class TranscriptServices(Protocol):
    """The parts of the service that every session's transcript shares."""

    @property
    def storage(self) -> Storage: ...

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

    def is_spoken(self, mid: str) -> bool:
        """Whether what a person says under `mid` comes in as a message of theirs."""
        ...

    def asked_by(self, mid: str) -> Addressee | None:
        """Whom the avatar answers under `mid`; None where it answers nobody."""
        ...

    def fenced(self) -> AbstractAsyncContextManager[FencedWrites]:
        """What the run writes, in one transaction. Raises `LeaseLost` and `StoreUnavailable` when the block is left."""
        ...

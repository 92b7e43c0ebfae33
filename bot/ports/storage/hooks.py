"""Events out: who is told, what waits to be told, and what could not be."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from bot.domain.conversations import ConversationRef
from bot.domain.hook_events import EventType, PlaceScope


@dataclass(frozen=True, slots=True)
class HookRecord:
    """A receiver. `url` and `secret` are secrets; `disabled` says why nothing is sent to it any more, `''` while it is."""

    id: str
    url: str = field(repr=False)
    secret: str = field(repr=False)
    events: frozenset[EventType]
    scope: PlaceScope
    created_at: datetime
    disabled: str = ""


@dataclass(frozen=True, slots=True)
class HookListener:
    """Who is told of something at this moment. A `streams` one reads along and is sent nothing."""

    id: str
    events: frozenset[EventType]
    scope: PlaceScope
    streams: bool


@dataclass(frozen=True, slots=True)
class NewEvent:
    """Something that has happened in a session, as others are told of it. `author_row` is the inbox row of whose words are in it."""

    id: str
    session_id: str
    type: EventType
    body: str
    author_row: str = ""


@dataclass(frozen=True, slots=True)
class EventRecord:
    """One that is kept. `place` is its session's. Ids sort by time, more or less: two that happened at once come in any order."""

    id: str
    type: EventType
    place: ConversationRef
    body: str
    at: datetime


@dataclass(frozen=True, slots=True)
class HookDelivery:
    """An event that a receiver has not taken yet. `reason` says what kept the last attempt from it."""

    hook_id: str
    event: EventRecord
    attempts: int
    reason: str


class HookRepository(Protocol):
    """Receivers, and the outbox: what happens where one listens is written into it in the transaction in which it happens."""

    async def add(self, hook: HookRecord) -> None: ...

    async def everything(self) -> list[HookRecord]:
        """All receivers, oldest first."""
        ...

    async def remove(self, hook_id: str) -> bool:
        """Whether there was one. What it had not taken yet is dropped."""
        ...

    async def disable(self, hook_id: str, why: str) -> None:
        """Nothing more is written down for it, and what waits counts as failed."""
        ...

    async def due(self, hook_id: str, most: int, but: Collection[str] = ()) -> list[HookDelivery]:
        """What is to be sent to a receiver now, longest due first, without the events that `but` names."""
        ...

    async def waiting(self, hook_id: str, most: int) -> int:
        """How many events a receiver has not taken yet, and may be sent still; `most` where there are more."""
        ...

    async def settled(self, hook_id: str, event_id: str) -> None:
        """The receiver took it, or is not to have it."""
        ...

    async def put_off(self, hook_id: str, event_id: str, until: datetime | None, reason: str) -> None:
        """One more attempt has failed; the next is due then. None: there is none."""
        ...

    async def failed(self, most: int) -> list[HookDelivery]:
        """What is not tried any more, oldest first."""
        ...

    async def retry(self, hook_id: str = "", event_id: str = "") -> int:
        """Try anew what has failed, of one receiver or one event where they are named; a receiver that was disabled is so no longer.
        How many.
        """
        ...

    async def listen(self, listener_id: str, scope: PlaceScope, until: datetime) -> None:
        """Until then what happens in its places is written down for one who reads along, whatever it is."""
        ...

    async def since(self, event_id: str, most: int, workspaces: Collection[tuple[str, str]] = ()) -> list[EventRecord]:
        """What is kept of what happened after an event, `''` for all of it, by their ids; in these workspaces (platform and id), or
        everywhere.
        """
        ...

    async def forget_older(self, age: timedelta) -> int:
        """Delete what happened so long ago and waits for nobody; and who read along, and did not come back. How many events."""
        ...

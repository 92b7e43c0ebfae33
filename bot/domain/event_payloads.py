"""What others are told, as it stands in requests and streams. Names are public: a field may come, and none goes or changes its meaning."""

from datetime import datetime
from typing import Generic, Literal, TypeVar

import msgspec

from bot.domain.disclosure import DIGITAL_SOURCE_TYPE
from bot.domain.hook_events import EventType
from bot.domain.sessions import EndReason

VERSION = 1
"""Raised when a field goes or means something else."""

SOURCE = {"digital_source_type": "digitalSourceType"}
"""The name that IPTC, C2PA and schema.org give it."""


class EventAvatar(msgspec.Struct, frozen=True, rename=SOURCE):
    """Whatever is told of an avatar, that it is an AI is told with it."""

    name: str
    digital_source_type: str = DIGITAL_SOURCE_TYPE


class EventPerson(msgspec.Struct, frozen=True):
    id: str
    name: str


class SessionPayload(msgspec.Struct, frozen=True, kw_only=True):
    """`place` is where it was started, `thread` where its talk goes on."""

    session_id: str
    place: str
    thread: str
    avatar: EventAvatar


class EndedPayload(SessionPayload, frozen=True, kw_only=True):
    reason: EndReason


class TurnPayload(SessionPayload, frozen=True, kw_only=True):
    """What somebody wrote, and that it was spoken or asked, perhaps not to its end."""

    turn_id: str
    outcome: Literal["spoken", "interrupted"]
    person: EventPerson
    text: str


class UtterancePayload(SessionPayload, frozen=True, kw_only=True, rename=SOURCE):
    """What the avatar said, which is generated and says so, or somebody who spoke aloud."""

    utterance_id: str
    turn_id: str
    speaker: Literal["avatar", "person"]
    text: str
    digital_source_type: str | msgspec.UnsetType = msgspec.UNSET


DATA: dict[EventType, type[SessionPayload]] = {
    EventType.SESSION_STARTED: SessionPayload,
    EventType.SESSION_LIVE: SessionPayload,
    EventType.SESSION_ASLEEP: SessionPayload,
    EventType.SESSION_ENDED: EndedPayload,
    EventType.TURN_SPOKEN: TurnPayload,
    EventType.UTTERANCE_FINAL: UtterancePayload,
}

D = TypeVar("D", bound=SessionPayload)


class EventPayload(msgspec.Struct, Generic[D], frozen=True):
    """All of it."""

    type: EventType
    timestamp: datetime
    version: int
    data: D


def encoded(kind: EventType, at: datetime, data: SessionPayload) -> str:
    """JSON on one line, as it is kept and sent."""
    return msgspec.json.encode(EventPayload(kind, at, VERSION, data)).decode()

"""What others are told of: the kinds of events, the places that a listener hears of, and the payloads as they stand in requests and streams.

Names are public: a field may come, and none goes or changes its meaning.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Generic, Literal, TypeVar

import msgspec

from bot.domain.api_tokens import ANY_CHANNEL
from bot.domain.conversations import Channel, ConversationRef
from bot.domain.disclosure import DIGITAL_SOURCE_TYPE
from bot.domain.sessions import EndReason


class EventType(StrEnum):
    """What has happened. The names are public: receivers compare them."""

    SESSION_STARTED = "session.started"
    SESSION_LIVE = "session.live"
    SESSION_ASLEEP = "session.asleep"
    SESSION_ENDED = "session.ended"
    TURN_SPOKEN = "turn.spoken"
    UTTERANCE_FINAL = "utterance.final"

    @property
    def has_words(self) -> bool:
        """Whether it carries what somebody said."""
        return self in {EventType.TURN_SPOKEN, EventType.UTTERANCE_FINAL}


@dataclass(frozen=True, slots=True)
class PlaceScope:
    """The places that a listener hears of. Without any it is all public channels.

    A place with a thread is that thread; one without is its channel with all threads that are not private; with `ANY_CHANNEL` for a
    channel it is every public channel of the workspace.
    """

    places: tuple[ConversationRef, ...] = ()

    def may_cover(self, place: ConversationRef) -> bool:
        """Whether a session there is heard of, as far as that is known without asking its platform."""
        return not self.places or any(_may_cover(each, place) for each in self.places)

    def covers(self, place: ConversationRef, channel: Channel) -> bool:
        """Whether a session there is heard of, in a channel that is as its platform says."""
        if place in self.places and place.thread_id:
            return True
        if channel.private_thread:
            return False
        return place.channel in self.places or (not channel.private and self.may_cover(place))


def _may_cover(named: ConversationRef, place: ConversationRef) -> bool:
    if named.channel_id == ANY_CHANNEL:
        return (named.platform, named.workspace_id) == (place.platform, place.workspace_id)
    return named in {place, place.channel}


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
    """The whole payload."""

    type: EventType
    timestamp: datetime
    version: int
    data: D


def encoded(kind: EventType, at: datetime, data: SessionPayload) -> str:
    """JSON on one line, as it is kept and sent."""
    return msgspec.json.encode(EventPayload(kind, at, VERSION, data)).decode()

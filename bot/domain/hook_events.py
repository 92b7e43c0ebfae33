"""What others are told of: the kinds of events, and the places that a listener hears of."""

from dataclasses import dataclass
from enum import StrEnum

from bot.domain.api_tokens import ANY_CHANNEL
from bot.domain.conversations import Channel, ConversationRef


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

"""What happened to a turn, and when: for whoever records traces."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class TurnMoment(StrEnum):
    """What happens to a turn, in the order in which it usually does."""

    RECEIVED = "received"  # by us, from its platform
    COMMITTED = "committed"  # in the inbox; the platform hears so
    CLAIMED = "claimed"  # its turn has come
    FIRST_PACKET = "first packet"  # handed to the room
    LAST_PACKET = "last packet"  # the provider acknowledges commands only: this is the last that is known of a text
    FIRST_SOUND = "first sound"
    FIRST_WORD = "first word"
    FIRST_POST = "first post"
    FINAL_POST = "final post"


@dataclass(frozen=True, slots=True)
class TurnTrace:
    """One turn that is over. It holds ids of ours and times, and nothing that anybody wrote, said or is called."""

    turn_id: str
    session_id: str
    platform: str
    outcome: str
    received: datetime
    """UTC."""
    after: Mapping[TurnMoment, float]
    """Seconds from when it was received until each later moment. What did not happen is not there."""


class TurnObserver(Protocol):
    """Is shown every turn of this process once it is over."""

    def observe(self, trace: TurnTrace) -> None:
        """Never waits, never raises."""
        ...

"""What can be said of a session that has ended."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from bot.storage import inbox, transcripts, usage


@dataclass(frozen=True, slots=True)
class Past:
    """How long it was live, how many messages people and the avatar exchanged, and who stopped it (`''` for nobody)."""

    seconds: float
    messages: int
    stopped_by: str

    @property
    def facts(self) -> tuple[str, ...]:
        """In a few words each; what is nothing is left out."""
        minutes = round(self.seconds / 60)
        lasted = "Live for less than a minute" if minutes < 1 else f"Live for {minutes} min"
        said = "1 message" if self.messages == 1 else f"{self.messages:,} messages"
        return tuple(fact for fact, true in ((lasted, self.seconds), (said, self.messages)) if true)


def past_of(connection: Connection, session_id: str, now: datetime) -> Past:
    return Past(
        usage.of_session(connection, session_id, now).used,
        transcripts.count(connection, session_id),
        inbox.stopped_by(connection, session_id),
    )

"""What is said where a session has ended."""

from datetime import timedelta

from bot.domain.messages import Command
from bot.ports.storage.records import SessionRecord

JUST_ENDED = timedelta(minutes=1)
"""For so long a message in a channel may still have been meant for the session that has ended there."""


def has_ended(session: SessionRecord) -> str:
    """What whoever writes to a session that has ended is told."""
    return f"{session.spec.avatar_name or 'The avatar'}'s session has ended."


def start_again(session: SessionRecord) -> Command:
    """What starts another session like one that has ended."""
    return Command("start", {"again": session.id})

"""What people are told where no avatar is, where one is already, and where one was: only what they may do about it."""

from datetime import timedelta

from bot.commands.policy import at_least, role_of
from bot.domain.conversations import Command, Person, Role
from bot.ports.storage.records import SessionRecord

NOBODY_HERE = "No avatar is live here."
HOW_TO_START = f"{NOBODY_HERE} Start one with /avatar start."


def nobody_here(person: Person) -> str:
    """Where no avatar is: how to start one is said to whoever may."""
    return HOW_TO_START if at_least(role_of(person), Role.MEMBER) else NOBODY_HERE


def already_here(there: SessionRecord, person: Person) -> str:
    """What to do is said to whoever may do it."""
    name = there.spec.avatar_name or "An avatar"
    role = role_of(person, there.starter_id)
    stop = "Stop it first with /avatar stop." if at_least(role, Role.STARTER) else "Write to it in its thread."
    return f"{name} is already here, started by {there.starter_name}. {stop}"


JUST_ENDED = timedelta(minutes=1)
"""For so long a message in a channel may still have been meant for the session that has ended there."""


def has_ended(session: SessionRecord) -> str:
    """What whoever writes to a session that has ended is told."""
    return f"{session.spec.avatar_name or 'The avatar'}'s session has ended."


def start_again(session: SessionRecord) -> Command:
    """What starts another session like one that has ended."""
    return Command("start", {"again": session.id})

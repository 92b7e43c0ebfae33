"""Verbs of inbox rows: which of them use an avatar, and those that nobody types, which a platform's own words become."""

from bot.clock import new_id
from bot.domain.conversations import Command, Inbound, Person, Role
from bot.ports.storage.records import SAY, NewRow, SessionRecord

USES = frozenset({"start", SAY, "extend"})
"""What counts as using an avatar, and keeps it awake. Interrupting it, setting it or asking about it is looking after it."""

WITHDRAW = "withdraw"
"""The verb that the deletion of a message becomes: the message is the one of the place's channel with the id in `message`."""

LEAVE = "leave"
"""The verb that a platform's word of a place that is gone becomes."""

LEFT = "The avatar has left: I can no longer write where you started it."


def departure(session: SessionRecord) -> NewRow:
    """The row by which a session's run hears that its place is gone; whoever started it is told."""
    starter = Person(session.starter_id, session.starter_name)
    inbound = Inbound(f"gone-{new_id()}", 0, session.talk, starter, Command(LEAVE))
    return NewRow(new_id(), session.id, inbound, LEAVE, {}, None, Role.ADMIN)

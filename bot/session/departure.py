"""What stands in the inbox when a session has to leave its place: whoever started it hears of it wherever they can still be reached."""

from bot.identity import new_id
from bot.model import Command, Inbound, Person, Role
from bot.store.inbox import NewRow
from bot.store.records import SessionRecord

LEAVE = "leave"
"""The verb that a platform's word of a place that is gone becomes."""

LEFT = "The avatar has left: I can no longer write where you started it."


def departure(session: SessionRecord) -> NewRow:
    starter = Person(session.starter_id, session.starter_name)
    inbound = Inbound(f"gone-{new_id()}", 0, session.talk, starter, Command(LEAVE))
    return NewRow(new_id(), session.id, inbound, LEAVE, {}, None, Role.ADMIN)

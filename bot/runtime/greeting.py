"""What an avatar says when it arrives: once in a session, and nothing where its knowledge base has an opening line, which the provider speaks."""

from bot.clock import new_id
from bot.domain.conversations import Inbound, MessagePosted, Person, Role
from bot.domain.errors import ProviderError
from bot.domain.sessions import Mode
from bot.ports.storage.records import SAY, InboxRecord, NewRow
from bot.runtime.context import SessionContext
from bot.speech.speakable import speakable

NOBODY = Person("", "")
"""Whose words a greeting is: a turn of nobody is no line of the transcript."""


async def greeting(context: SessionContext) -> NewRow | None:
    """The turn that greets. None where nothing is to be said, or where it is not known whether the provider greets."""
    line = context.settings.greeting
    if not line or await _greets_by_itself(context):
        return None
    inbound = Inbound(f"greeting-{context.session.id}", 0, context.session.talk, NOBODY, MessagePosted(line))
    return NewRow(new_id(), context.session.id, inbound, SAY, {"text": line}, None, Role.MEMBER)


def is_greeting(row: InboxRecord) -> bool:
    return row.person_id == NOBODY.id


def as_spoken(line: str, mode: Mode, *, own_model: bool) -> str:
    """What the avatar is given so that it says this line: in dialogue mode the provider's model is asked to say it, since it would answer the line itself."""
    text = speakable(line)
    return f"Repeat after me, word for word: {text}" if text and mode is Mode.DIALOGUE and not own_model else text


async def _greets_by_itself(context: SessionContext) -> bool:
    knowledge_id = context.session.spec.knowledge_id
    if knowledge_id is None:
        return False
    try:
        catalog = await context.services.accounts.catalog(context.session.place)
        offered = await catalog.knowledge()
    except ProviderError as error:
        context.log.info("not known whether the avatar greets by itself", reason=error.detail)
        return True
    return any(base.prologue for base in offered if base.id == knowledge_id)

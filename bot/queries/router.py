"""Which function answers which command, and what is asked back before some are done."""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

from bot.commands.buttons import confirmed
from bot.commands.catalogue import Verb
from bot.domain.conversations import Command, Item, Reply
from bot.queries import (
    account,
    channel_settings,
    knowledge,
    offers,
    sessions,
    uploads,
    usage,
)
from bot.queries.context import Answer, Query

ANSWERS: Mapping[str, Answer] = MappingProxyType(
    {
        "help": sessions.show_help,
        "status": sessions.status,
        "watch": sessions.watch,
        "sessions": sessions.list_sessions,
        "transcript": sessions.transcript,
        "forget me": sessions.forget_person,
        "forget session": sessions.forget_session,
        "avatars": offers.avatars,
        "voices": offers.voices,
        "languages": offers.languages,
        "knowledge list": knowledge.list_knowledge,
        "knowledge show": knowledge.show,
        "knowledge create": knowledge.create,
        "knowledge update": knowledge.update,
        "knowledge delete": knowledge.delete,
        "knowledge use": knowledge.use,
        "upload": uploads.upload,
        "defaults show": channel_settings.show,
        "defaults set": channel_settings.change,
        "defaults voice": channel_settings.change,
        "defaults elevenlabs": channel_settings.change,
        "defaults access": channel_settings.access,
        "defaults words": channel_settings.change_blocked_words,
        "defaults reset": channel_settings.reset,
        "usage": usage.show,
        "account show": account.show,
        "account key": account.key,
        "account remove": account.remove,
    }
)


NAMED: Mapping[str, Callable[[Query], Awaitable[str]]] = MappingProxyType(
    {
        "stop": sessions.named_for_question,
        "account remove": account.named_for_question,
        "knowledge delete": knowledge.named_for_question,
        "defaults reset": channel_settings.named_for_question,
        "upload": uploads.named_for_question,
        "forget me": sessions.forget_person_for_question,
        "forget session": sessions.forget_session_for_question,
    }
)
"""What each is done to, in the words of the question. Raises `Declined` for what could not be done anyway."""


async def ask_back(request: Query, verb: Verb, command: Command) -> Reply:
    """The question, naming the thing, with a button that runs the command as confirmed."""
    it = await NAMED[verb.name](request)
    item = Item(it, command=confirmed(Command(verb.name, command.options)))
    return Reply(verb.question(it), (item,))

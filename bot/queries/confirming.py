"""What is not done before it was asked back: the question, and the button that answers it."""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

from bot.commands.buttons import confirmed
from bot.commands.verb import Verb
from bot.domain.messages import Command
from bot.domain.replies import Item, Reply
from bot.queries import account, channel_settings, forgetting, knowledge, sessions, uploads
from bot.queries.context import Query

NAMED: Mapping[str, Callable[[Query], Awaitable[str]]] = MappingProxyType(
    {
        "stop": sessions.named_for_question,
        "account remove": account.named_for_question,
        "knowledge delete": knowledge.named_for_question,
        "defaults reset": channel_settings.named_for_question,
        "upload": uploads.named_for_question,
        "forget me": forgetting.person_for_question,
        "forget session": forgetting.session_for_question,
    }
)
"""What each is done to, in the words of the question. Raises `Declined` for what could not be done anyway."""


async def ask_back(request: Query, verb: Verb, command: Command) -> Reply:
    """The question, naming the thing, with a button that runs the command as confirmed."""
    it = await NAMED[verb.name](request)
    item = Item(it, command=confirmed(Command(verb.name, command.options)))
    return Reply(verb.question(it), (item,))

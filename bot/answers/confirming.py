"""What is not done before it was asked back: the question, and the button that answers it."""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

from bot.answers import about_channel, about_knowledge, about_sessions
from bot.answers.request import Request
from bot.commands.buttons import confirmed
from bot.commands.verb import Verb
from bot.model import Command, Item, Reply

NAMED: Mapping[str, Callable[[Request], Awaitable[str]]] = MappingProxyType(
    {
        "stop": about_sessions.named_for_question,
        "knowledge delete": about_knowledge.named_for_question,
        "defaults reset": about_channel.named_for_question,
    }
)
"""What each is done to, in the words of the question. Raises `Declined` for what could not be done anyway."""


async def ask_back(request: Request, verb: Verb, command: Command) -> Reply:
    """The question, naming the thing, with a button that runs the command as confirmed."""
    it = await NAMED[verb.name](request)
    item = Item(it, command=confirmed(Command(verb.name, command.options)))
    return Reply(verb.question(it), (item,))

"""Questions, asked as a platform asks them."""

import itertools

from bot.domain.conversations import Command, ConversationRef, Inbound, Membership, Person, Question, Reply, ReplyTo
from bot.domain.errors import NotPublic
from bot.testing.chat import ANN, CHANNEL
from tests.world_fixture import Stack

ROOT = Person("root", "Root", Membership.ADMIN)
NEIGHBOUR = ConversationRef("fake", "W2", "C9")
MB = 1_048_576

_numbers = itertools.count(1)


class Files:
    """The internet, as far as sizes go."""

    def __init__(self, **sizes: int) -> None:
        self.sizes = sizes

    async def size(self, url: str) -> int | None:
        name = url.rpartition("/")[2].partition(".")[0]
        if name == "inside":
            raise NotPublic("intranet.example is not on the internet, so AKOOL could not get there.")
        return self.sizes.get(name)


async def ask(
    stack: Stack, verb: str, /, place: ConversationRef = CHANNEL, person: Person = ANN, **options: str
) -> Reply:
    """Through `accept`, which says that it is a question, to its answer."""
    assert stack.service is not None
    number = next(_numbers)
    reply_to = ReplyTo(place, person, "handle", None, 5)
    inbound = Inbound(f"q{number}", number, place, person, Command(verb, options), reply_to)
    assert isinstance(await stack.service.core.accept(inbound), Question)
    return await stack.service.core.answer(inbound)

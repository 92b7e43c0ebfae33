"""Where everything that came in is handed to the core, and what is said about it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from slack_bolt.response import BoltResponse

from adapters.slack.dedupe import AnsweredMessages
from adapters.slack.directory import Directory
from adapters.slack.installations import Installations
from adapters.slack.mrkdwn import escape
from adapters.slack.publisher import SlackPublisher
from bot.commands.catalogue import CATALOGUE, Catalogue
from bot.domain.errors import StoreUnavailable
from bot.domain.messages import Accepted, Command, Duplicate, Inbound, NoSession, Question, Refused
from bot.domain.replies import Reply
from bot.ports.chat import CoreApi
from bot.ports.clock import Clock

Afterwards = Callable[[], Awaitable[None]]
"""What is done once Slack has its answer."""

NOT_TAKEN = "That was not taken just now. Please try again."


class Receipt(BoltResponse):
    """The answer to a delivery, and what to do after it has gone out."""

    def __init__(
        self, body: str | Mapping[str, Any] = "", *, status: int = 200, afterwards: Afterwards | None = None
    ) -> None:
        super().__init__(status=status, body=body if isinstance(body, str) else dict(body))
        self.afterwards = afterwards


@dataclass(frozen=True, slots=True)
class Handling:
    """What came of an inbound: a `sentence` for the person, if any, and perhaps something to do after the answer.

    `taken` is False when the platform should deliver again; `hosted` is False where no avatar is.
    """

    sentence: str = ""
    afterwards: Afterwards | None = field(default=None)
    taken: bool = True
    hosted: bool = True


@dataclass(frozen=True, slots=True)
class SlackInboundHandler:
    """What every kind of delivery is handled with. `command` is the slash command's name."""

    core: CoreApi
    writer: SlackPublisher
    directory: Directory
    installations: Installations
    clock: Clock
    command: str
    answered: AnsweredMessages
    catalogue: Catalogue = CATALOGUE

    async def submit(self, inbound: Inbound) -> Handling:
        """Commit, and say what came of it. Never raises for a store that cannot be reached."""
        try:
            outcome = await self.core.accept(inbound)
        except StoreUnavailable:
            return Handling(NOT_TAKEN, taken=False)
        match outcome:
            case Accepted() | Duplicate():
                return Handling()
            case NoSession(sentence):
                return Handling(sentence, hosted=False)
            case Refused(sentence):
                return Handling(sentence)
            case Question() if self._answered_already(inbound):
                return Handling()
            case Question():
                return Handling(afterwards=lambda: self._answer(inbound))

    def _answered_already(self, inbound: Inbound) -> bool:
        """Whether this very command was answered before. Of messages the events know it themselves."""
        if not isinstance(inbound.body, Command):
            return False
        return not self.answered.first_time(inbound.place.workspace_id, f"answer {inbound.event_id}")

    def say(self, inbound: Inbound, sentence: str) -> Afterwards:
        """Tell the person who did this, after the answer."""
        to = inbound.reply_to
        assert to is not None
        return lambda: self.writer.answer(to, Reply(sentence))

    async def _answer(self, inbound: Inbound) -> None:
        reply = await self.core.answer(inbound)
        if inbound.reply_to:
            await self.writer.answer(inbound.reply_to, reply)


def privately(sentence: str) -> dict[str, Any]:
    """The body of an answer to a slash command, shown to whoever typed it."""
    return {"response_type": "ephemeral", "text": escape(sentence)}

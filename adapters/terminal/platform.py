"""The terminal as a chat platform: one place, one person, lines instead of messages."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

from adapters.terminal.screen import TerminalScreen
from bot.domain.conversations import Channel, ConversationRef, Membership, MessageRef, Person, Reply, ReplyTo
from bot.domain.disclosure import Disclosure
from bot.domain.posts import Card, Delivery, Opened, TranscriptLine
from bot.ports.chat import ConnectionState, Features, RateLimits

PLACE = ConversationRef("terminal", "terminal", "terminal")
YOU = Person("you", "You", Membership.ADMIN, human=True)


class TerminalPlatform:
    """Writes on a screen. What a talk waits for comes through its queues: cards, whole lines of the avatar's, answers to you."""

    name = "terminal"
    pace = RateLimits(calls_per_second=100, edit_interval=0.05, first_post=0.05)
    text_limit = 100_000

    def __init__(self, screen: TerminalScreen) -> None:
        self.screen = screen
        self.cards: asyncio.Queue[Card] = asyncio.Queue()
        self.finals: asyncio.Queue[str] = asyncio.Queue()
        self.told: asyncio.Queue[str] = asyncio.Queue()
        self._last = 0
        self._disclosed: tuple[int, str] | None = None
        self._since = datetime.now(UTC)

    @property
    def features(self) -> Features:
        return Features(edits=self, typing=self)

    def is_home(self, workspace_id: str) -> bool:  # noqa: ARG002 - who sits here is the operator
        return True

    def measure(self, text: str) -> int:
        return len(text)

    async def channel(self, place: ConversationRef) -> Channel:  # noqa: ARG002 - there is only one
        return Channel("the terminal")

    async def post_card(self, place: ConversationRef, card: Card, *, since: datetime | None = None) -> Opened:  # noqa: ARG002 - a terminal begins empty
        self._disclose(card.disclosure)
        self.cards.put_nowait(card)
        return Opened(MessageRef(place, "card"), place)

    async def update_card(self, card_ref: MessageRef, thread: ConversationRef, card: Card) -> MessageRef:  # noqa: ARG002
        self.cards.put_nowait(card)
        return card_ref

    async def post(self, thread: ConversationRef, line: TranscriptLine, key: str) -> MessageRef:  # noqa: ARG002
        self._last += 1
        self._show(line, self._last)
        return MessageRef(thread, str(self._last))

    async def edit(self, ref: MessageRef, line: TranscriptLine) -> None:
        self._show(line, int(ref.message_id))

    async def start_typing(self, thread: ConversationRef) -> None:  # noqa: ARG002
        self.screen.grow("", "…")

    async def notify(self, thread: ConversationRef, text: str) -> None:  # noqa: ARG002
        self.screen.aside(text)

    async def reply(self, to: ReplyTo, reply: Reply) -> None:  # noqa: ARG002
        self.told.put_nowait("\n".join(_words(reply)))

    def connection(self) -> ConnectionState:
        return ConnectionState(self._since)

    async def run(self) -> None:
        await asyncio.Event().wait()

    def _disclose(self, disclosure: Disclosure) -> None:
        if disclosure.sentence:
            self.screen.aside(disclosure.sentence)

    def _show(self, line: TranscriptLine, number: int) -> None:
        """What says that the avatar is an AI stands above its line, once however the line grows."""
        if self._disclosed != (number, line.disclosure.sentence):
            self._disclosed = number, line.disclosure.sentence
            self._disclose(line.disclosure)
        if line.delivery is Delivery.GROWING:
            self.screen.grow(line.speaker or "", line.text)
        else:
            self.screen.line(line.speaker or "", line.text)
            self.finals.put_nowait(line.text)


def _words(reply: Reply) -> Iterator[str]:
    """An answer with its rows and its link as lines. No file comes here: the core puts its text into the answer."""
    if reply.whole_text:
        yield reply.whole_text
    yield from (" · ".join(filter(None, (item.title, item.detail))) for item in reply.items)
    if reply.link:
        yield f"{reply.link.label}: {reply.link.url}"

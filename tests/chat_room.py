"""A chat platform in memory: what people would see, and faults on demand."""

import asyncio
import itertools
from dataclasses import dataclass, field
from datetime import datetime

from bot.clock import SystemClock
from bot.domain.cards import Card, Opened
from bot.domain.conversations import Channel, ConversationRef, MessageRef
from bot.domain.errors import MessageGone, PlatformError
from bot.domain.messages import Command, Inbound, MessageDeleted, MessageEdited, MessagePosted, Outcome, ReplyTo
from bot.domain.people import Membership, Person
from bot.domain.replies import File, Item, Reply
from bot.domain.transcript import Delivery, TranscriptLine
from bot.ports.chat import ConnectionState, CoreApi, Features, RateLimits
from bot.ports.clock import Clock

CHANNEL = ConversationRef("room", "W1", "C1")
ANN = Person("ann", "Ann", Membership.MEMBER)


@dataclass(slots=True)
class Shown:
    """One message as it stands."""

    thread: ConversationRef
    line: TranscriptLine
    key: str
    at: datetime
    edits: int = 0


@dataclass
class ChatRoom:
    """`ChatPlatform` with a thread per card. `faults` are raised by the next calls of the method they are filed under."""

    name: str = "room"
    pace: RateLimits = field(default_factory=lambda: RateLimits(calls_per_second=20, edit_interval=1.0, first_post=0.4))
    text_limit: int = 2_000
    finds: bool = True
    homes: frozenset[str] = frozenset({"W1", "W2", "dm-1"})
    clock: Clock = field(default_factory=SystemClock)

    def __post_init__(self) -> None:
        self.cards: dict[str, Card] = {}
        self.history: list[Card] = []
        self.places: dict[str, ConversationRef] = {}
        self.messages: dict[str, Shown] = {}
        self.replies: list[tuple[str, str]] = []
        self.rows: list[Item] = []
        self.told: list[str] = []
        self.problem = ""  # of its connection
        self.marked: list[str] = []
        self.channels: dict[ConversationRef, Channel] = {}
        self.faults: dict[str, list[Exception]] = {}
        self.core: CoreApi | None = None
        self._ids = itertools.count(1)
        self._sequences = itertools.count(1)

    # ------------------------------------------------ what people do

    async def command(
        self, verb: str, place: ConversationRef = CHANNEL, person: Person = ANN, **options: str
    ) -> Outcome:
        """Type a command; the answer comes to `replies`."""
        return await self._accept(place, person, Command(verb, options))

    async def say(self, text: str, place: ConversationRef, person: Person = ANN, *, direct: bool = False) -> Outcome:
        """Write a message."""
        said = MessagePosted(text, MessageRef(place, f"m{next(self._ids)}"), direct=direct)
        return await self._accept(place, person, said)

    async def edit_message(self, ref: MessageRef, text: str) -> Outcome:
        return await self._accept(ref.place, ANN, MessageEdited(ref, text))

    async def withdraw(self, ref: MessageRef) -> Outcome:
        return await self._accept(ref.place, ANN, MessageDeleted(ref))

    async def _accept(
        self, place: ConversationRef, person: Person, body: Command | MessagePosted | MessageEdited | MessageDeleted
    ) -> Outcome:
        assert self.core is not None
        sequence = next(self._sequences)
        return await self.core.accept(
            Inbound(f"e{sequence}", sequence, place, person, body, ReplyTo(place, person, "handle", None, 5))
        )

    # ------------------------------------------------ what people see

    @property
    def thread(self) -> ConversationRef:
        """The thread of the newest card."""
        return CHANNEL.in_thread(list(self.cards)[-1])

    @property
    def card(self) -> Card:
        return list(self.cards.values())[-1]

    @property
    def finals(self) -> list[str]:
        """The transcript, finished lines only."""
        return [m.line.text for m in self.messages.values() if m.line.delivery is Delivery.FINAL]

    def answers(self, person: Person = ANN) -> list[str]:
        return [text for who, text in self.replies if who == person.id]

    # ------------------------------------------------ ChatPlatform

    @property
    def features(self) -> Features:
        return Features(edits=self, search=self, marks=self, typing=self, files=self)

    def is_home(self, workspace_id: str) -> bool:
        return workspace_id in self.homes

    def measure(self, text: str) -> int:
        return len(text)

    async def channel(self, place: ConversationRef) -> Channel:
        return self.channels.get(place) or self.channels.get(place.channel, Channel(place.channel_id))

    async def post_card(self, place: ConversationRef, card: Card, *, since: datetime | None = None) -> Opened:
        self._fail("open")
        known = [id_ for id_, shown in self.cards.items() if since and self.finds and shown.key == card.key]
        id_ = known[0] if known else f"t{next(self._ids)}"
        self.cards[id_] = card
        self.places[id_] = place
        self.history.append(card)
        return Opened(MessageRef(place, id_), place.in_thread(place.thread_id or id_))

    async def update_card(self, card_ref: MessageRef, thread: ConversationRef, card: Card) -> MessageRef:
        self._fail("show")
        self.cards[card_ref.message_id] = card
        self.history.append(card)
        return card_ref

    async def post(self, thread: ConversationRef, line: TranscriptLine, key: str) -> MessageRef:
        self._fail("post")
        id_ = f"m{next(self._ids)}"
        self.messages[id_] = Shown(thread, line, key, self.clock.now())
        self._fail("post after")
        return MessageRef(thread, id_)

    async def find(self, thread: ConversationRef, key: str, since: datetime) -> MessageRef | None:
        young = {id_: shown for id_, shown in self.messages.items() if self.finds and shown.at >= since}
        found = [id_ for id_, shown in young.items() if shown.key == key and shown.thread == thread]
        return MessageRef(thread, found[0]) if found else None

    async def edit(self, ref: MessageRef, line: TranscriptLine) -> None:
        self._fail("edit")
        if ref.message_id not in self.messages:
            raise MessageGone("It is gone.")
        shown = self.messages[ref.message_id]
        shown.line, shown.edits = line, shown.edits + 1

    async def mark_spoken(self, ref: MessageRef) -> None:
        self.marked.append(ref.message_id)

    async def start_typing(self, thread: ConversationRef) -> None:
        pass

    async def notify(self, thread: ConversationRef, text: str) -> None:
        self._fail("tell")
        self.told.append(text)

    async def attach(self, thread: ConversationRef, file: File, text: str) -> None:
        raise PlatformError("No files here.")

    async def reply(self, to: ReplyTo, reply: Reply) -> None:
        self._fail("reply")
        self.replies.append((to.person.id, reply.text))
        self.rows += reply.items

    def connection(self) -> ConnectionState:
        return ConnectionState(self.clock.now(), self.problem)

    async def run(self) -> None:
        await asyncio.Event().wait()

    def _fail(self, method: str) -> None:
        if self.faults.get(method):
            raise self.faults[method].pop(0)

"""A chat service in memory: what people do there, what they see, and what the service refuses a bot."""

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from bot.clock import Clock, SystemClock
from bot.commands.buttons import Button, button_of, card_buttons, next_button
from bot.domain.conversations import (
    Channel,
    Choice,
    Command,
    ConversationRef,
    Inbound,
    Item,
    Membership,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    MessageRef,
    Outcome,
    Person,
    Reply,
    ReplyTo,
)
from bot.domain.errors import MessageGone, PlaceGone, PlatformError, Throttled
from bot.domain.posts import Card, CardAction, Delivery, Opened, TranscriptLine
from bot.ports.chat import RateLimits, ValueQuery
from bot.testing.scripted_calls import ScriptedCalls
from bot.testing.voice import FakeVoiceChannels

PLATFORM = "fake"
CHANNEL = ConversationRef(PLATFORM, "W1", "C1")
ANN = Person("ann", "Ann", Membership.MEMBER, human=True)

HANDLE_LIFE = timedelta(minutes=15)
HANDLE_USES = 5
KEY_LIMIT = 25
"""Characters of a line's key, as the port promises them."""


BURST_S = 1.0
"""How many seconds' worth of calls are taken at once; what comes faster is throttled."""


@dataclass(slots=True)
class ChatMessage:
    """One message as it stands. Nobody is the author of what the bot wrote."""

    ref: MessageRef
    author: Person | None
    text: str
    at: datetime
    key: str = ""
    card: Card | None = None
    line: TranscriptLine | None = None
    edits: int = 0
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """What one person alone was told: by the `handle` of what they did, or else ephemerally."""

    person: Person
    reply: Reply
    by_handle: bool

    @property
    def buttons(self) -> list[Button]:
        found = [*map(button_of, self.reply.items), next_button(self.reply)]
        return [button for button in found if button]


class Listener(Protocol):
    """The bot's end of the connection: what people do arrives here."""

    async def receive(self, inbound: Inbound) -> Outcome: ...

    async def offer(self, query: ValueQuery) -> Sequence[Choice]: ...

    async def channel_removed(self, place: ConversationRef) -> None: ...


class FakeChat(ScriptedCalls):
    """A chat service with a thread below each card. It outlives the `FakeChatPlatform` that is connected to it.

    Workspaces and channels are there when somebody needs them; a thread begins with a card or with somebody who writes in it.
    Texts are plain words: there is no markup, so nothing has to be escaped and nobody is ever mentioned by the bot. The bot may
    write as fast as `pace` says, may only edit what is its own, and finds what it posted by its key unless `finds` is off.
    """

    def __init__(
        self,
        *,
        name: str = PLATFORM,
        pace: RateLimits = RateLimits(calls_per_second=20, edit_interval=1.0, first_post=0.4),  # noqa: B008 - frozen
        text_limit: int = 2_000,
        finds: bool = True,
        homes: frozenset[str] = frozenset({"W1", "W2", "dm-1"}),
        clock: Clock | None = None,
    ) -> None:
        super().__init__()
        self.name = name
        self.pace = pace
        self.text_limit = text_limit
        self.finds = finds
        self.homes = homes
        self.clock = clock or SystemClock()
        self.problem = ""
        """Why the bot hears nobody, for `ConnectionState`."""
        self.messages: dict[str, ChatMessage] = {}
        self.cards: dict[str, Card] = {}
        self.card_history: list[Card] = []
        self.opened: list[Opened] = []
        self.answered: list[Answered] = []
        self.notices: list[str] = []
        self.voice: FakeVoiceChannels | None = None
        self.typing: list[ConversationRef] = []
        self.channels: dict[ConversationRef, Channel] = {}
        """Channels, and threads, that are not public and called after their id."""
        self.unreachable: set[str] = set()
        """The ids of people to whom only a handle leads, and nothing private once it is used up."""
        self.listener: Listener | None = None
        self._places: set[ConversationRef] = set()
        self._lost: set[ConversationRef] = set()
        self.handles: dict[str, int] = {}
        self._free_at: defaultdict[tuple[str, bool], float] = defaultdict(float)
        self._ids = itertools.count(1)
        self._sequences = itertools.count(1)
        self._last: Inbound | None = None

    # ------------------------------------------------ what people do

    async def command(
        self, verb: str, place: ConversationRef = CHANNEL, person: Person = ANN, **options: str
    ) -> Outcome:
        """Somebody runs a command; the answer comes to `answered`."""
        return await self.run(verb, options, place, person)

    async def run(self, verb: str, options: Mapping[str, str], place: ConversationRef, person: Person) -> Outcome:
        """`command`, for options whose names are no names of Python's."""
        return await self._deliver(place, person, Command(verb, options))

    async def say(
        self, text: str, place: ConversationRef, person: Person = ANN, *, direct: bool = False, mention: bool = False
    ) -> Outcome:
        """Somebody writes a message, addressed to the bot by name with `mention`."""
        message = self.write(text, place, person)
        return await self._deliver(place, person, MessagePosted(text, message.ref, mentioned=mention, direct=direct))

    def write(self, text: str, place: ConversationRef, person: Person = ANN) -> ChatMessage:
        """A message stands in the channel; the bot has not heard of it."""
        self._places |= {place, place.channel}
        return self._add(ChatMessage(self._ref(place, "m"), person, text, self.clock.now()))

    async def edit_message(self, ref: MessageRef, text: str) -> Outcome:
        """Its author edits a message."""
        message = self.messages[ref.message_id]
        message.text = text
        return await self._deliver(ref.place, _author(message), MessageEdited(ref, text))

    async def withdraw(self, ref: MessageRef) -> Outcome:
        """Its author deletes a message."""
        message = self.messages.pop(ref.message_id)
        return await self._deliver(ref.place, _author(message), MessageDeleted(ref))

    async def press(self, card: MessageRef, action: CardAction, person: Person = ANN) -> Outcome:
        """Somebody presses a button of a card, which must be on it."""
        shown = self.messages[card.message_id]
        assert shown.card is not None
        button = next(b for b in card_buttons(shown.card) if b.command.verb == action.value)
        thread = next((o.thread for o in self.opened if o.card == card), card.place)
        return await self._deliver(thread, person, button.command)

    async def type_ahead(
        self, verb: str, option: str, typed: str, place: ConversationRef = CHANNEL, person: Person = ANN
    ) -> Sequence[Choice]:
        """What somebody is offered while they type the value of an option."""
        return await self._connected().offer(ValueQuery(place, person, verb, option, typed))

    async def redeliver(self) -> Outcome:
        """The last thing that somebody did is delivered once more."""
        assert self._last is not None
        return await self._connected().receive(self._last)

    def delete(self, ref: MessageRef) -> None:
        """An administrator deletes a message of the bot's."""
        del self.messages[ref.message_id]
        self.cards.pop(ref.message_id, None)

    async def remove_channel(self, place: ConversationRef) -> None:
        """A channel is deleted, or the bot is removed from it."""
        self._lost.add(place.channel)
        await self._connected().channel_removed(place.channel)

    async def _deliver(
        self, place: ConversationRef, person: Person, body: Command | MessagePosted | MessageEdited | MessageDeleted
    ) -> Outcome:
        self._places |= {place, place.channel}
        sequence = next(self._sequences)
        handle, expires_at = f"h{sequence}", self.clock.now() + HANDLE_LIFE
        self.handles[handle] = HANDLE_USES
        reply_to = ReplyTo(place, person, handle, expires_at, HANDLE_USES)
        self._last = Inbound(f"e{sequence}", sequence, place, person, body, reply_to)
        return await self._connected().receive(self._last)

    def _connected(self) -> Listener:
        assert self.listener is not None, "no bot is connected to this chat"
        return self.listener

    # ------------------------------------------------ what people see

    @property
    def card(self) -> Card:
        """The newest card, as it stands."""
        return list(self.cards.values())[-1]

    @property
    def thread(self) -> ConversationRef:
        """The thread of the newest card."""
        return self.opened[-1].thread

    @property
    def posts(self) -> list[ChatMessage]:
        """The messages of the transcript."""
        return [message for message in self.messages.values() if message.line]

    @property
    def lines(self) -> list[TranscriptLine]:
        """The transcript as it stands, growing lines too."""
        return [message.line for message in self.messages.values() if message.line]

    @property
    def finals(self) -> list[str]:
        """The transcript, finished lines only."""
        return [line.text for line in self.lines if line.delivery is Delivery.FINAL]

    @property
    def marked(self) -> list[str]:
        """The ids of people's messages that are marked as spoken."""
        return [message.ref.message_id for message in self.messages.values() if message.marked]

    @property
    def replies(self) -> list[tuple[str, str]]:
        """Who was told what, privately."""
        return [(answered.person.id, answered.reply.text) for answered in self.answered]

    @property
    def rows(self) -> list[Item]:
        """The rows of all listings that somebody was answered with."""
        return [item for answered in self.answered for item in answered.reply.items]

    def answers(self, person: Person = ANN) -> list[str]:
        """What one person was told, privately."""
        return [text for who, text in self.replies if who == person.id]

    def at(self, place: ConversationRef) -> list[ChatMessage]:
        """The messages in exactly this place, oldest first."""
        return [message for message in self.messages.values() if message.ref.place == place]

    # ------------------------------------------------ what the bot may do

    def require(self, place: ConversationRef) -> None:
        """Raises `PlaceGone` for a channel that is gone and for a thread that never was."""
        if place.platform != self.name:
            raise ValueError(f"{place} is a place of another platform")
        if place.channel in self._lost:
            raise PlaceGone("The channel is gone.", f"{place} was removed")
        if place.thread_id and place not in self._places:
            raise PlaceGone("The thread is gone.", f"{place} never was")

    def channel_of(self, place: ConversationRef) -> Channel:
        """The channel of a place; one in which nobody ever did anything is called after its id and private."""
        named = self.channels.get(place) or self.channels.get(place.channel)
        return named or Channel(place.channel_id, private=place.channel not in self._places)

    def take_line(self, place: ConversationRef, line: TranscriptLine, key: str) -> MessageRef:
        """Post a line. Raises `PlatformError` for one that is too long."""
        if not 0 < len(key) <= KEY_LIMIT:
            raise ValueError(f"a key of {len(key)} characters")
        self.check_length(line.text)
        return self._add(ChatMessage(self._ref(place, "m"), None, _read(line), self.clock.now(), key, line=line)).ref

    def take_card(self, place: ConversationRef, card: Card) -> Opened:
        """Post a card and open its thread."""
        ref = self._ref(place, "t")
        opened = Opened(ref, place.in_thread(place.thread_id or ref.message_id))
        self._places |= {place.channel, opened.thread}
        self.opened.append(opened)
        self._add(ChatMessage(ref, None, "", self.clock.now(), card.key))
        self.show_card(ref, card)
        return opened

    def take_notice(self, place: ConversationRef, text: str) -> None:
        """Post words of the bot's own. Raises `PlatformError` for too many."""
        self.check_length(text)
        self._add(ChatMessage(self._ref(place, "m"), None, text, self.clock.now()))
        self.notices.append(text)

    def show_card(self, ref: MessageRef, card: Card) -> None:
        """Bring a card up to date. Raises `MessageGone`."""
        message = self.own(ref)
        message.card = self.cards[ref.message_id] = card
        words = (card.avatar_name, card.note, card.disclosure.sentence, card.starter_name, *card.traits, card.kept)
        message.text = "\n".join(words)
        self.card_history.append(card)

    def edit_line(self, ref: MessageRef, line: TranscriptLine) -> None:
        """Replace a line. Raises `MessageGone`."""
        self.check_length(line.text)
        message = self.own(ref)
        message.line, message.text, message.edits = line, _read(line), message.edits + 1

    def own(self, ref: MessageRef) -> ChatMessage:
        """A message of the bot's. Raises `MessageGone` for one that is lost and `PlatformError` for somebody else's."""
        message = self.existing(ref)
        if message.author:
            raise PlatformError("This is not the bot's to change.", f"{ref} was written by {message.author.id}")
        return message

    def existing(self, ref: MessageRef) -> ChatMessage:
        """A message. Raises `MessageGone`."""
        if (message := self.messages.get(ref.message_id)) and message.ref == ref:
            return message
        raise MessageGone("The message is gone.", f"{ref} does not exist")

    def found(self, place: ConversationRef, key: str, since: datetime) -> MessageRef | None:
        """What the bot posted with a key, not before `since`."""
        posted = (m for m in self.at(place) if self.finds and m.key == key and m.at >= since)
        return next((message.ref for message in posted), None)

    def spend(self, place: ConversationRef, *, edits: bool = False) -> None:
        """Count a call that writes. Raises `Throttled` when it comes faster than `pace` says."""
        apart = edits and self.pace.edits_per_second is not None
        rate = self.pace.edits_per_second if apart and self.pace.edits_per_second else self.pace.calls_per_second
        budget, now = ("" if self.pace.shared_by_bot else place.workspace_id, apart), asyncio.get_running_loop().time()
        free_at = max(self._free_at[budget], now) + 1 / rate
        if (early := free_at - now - BURST_S - 1 / rate) > 0:
            raise Throttled(early)
        self._free_at[budget] = free_at

    def use_handle(self, handle: str) -> bool:
        """Whether an answer by this handle gets through: each takes a few."""
        left = self.handles.get(handle, 0)
        self.handles[handle] = left - 1
        return left > 0

    def check_length(self, text: str) -> None:
        if len(text) > self.text_limit:
            raise PlatformError("The text is too long.", f"{len(text)} of {self.text_limit} characters")

    def _add(self, message: ChatMessage) -> ChatMessage:
        self.messages[message.ref.message_id] = message
        return message

    def _ref(self, place: ConversationRef, kind: str) -> MessageRef:
        return MessageRef(place, f"{kind}{next(self._ids)}")


def _read(line: TranscriptLine) -> str:
    """A line as people read it."""
    to = f"to {line.answers.name}" if line.answers else ""
    return "\n".join(filter(None, (to, line.text, line.disclosure.sentence)))


def _author(message: ChatMessage) -> Person:
    assert message.author is not None, "the bot wrote this"
    return message.author

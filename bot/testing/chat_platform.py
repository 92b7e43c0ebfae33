"""The adapter of the chat service in memory: how the core writes there, and how what people do reaches the core."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime

from bot.domain.conversations import (
    Channel,
    Choice,
    Command,
    ConversationRef,
    Inbound,
    MessagePosted,
    MessageRef,
    NoSession,
    Outcome,
    Question,
    Refused,
    Reply,
    ReplyTo,
)
from bot.domain.errors import MessageGone, PlatformError, StoreUnavailable
from bot.domain.posts import Card, Opened, TranscriptLine
from bot.ports.chat import ConnectionState, CoreApi, Features, RateLimits, ValueQuery
from bot.testing.chat import Answered, FakeChat

OFFERED_WITHIN_S = 1.5
NOT_TAKEN = "That was not taken. Please try again."
NOT_DELIVERED = "{name}, an answer for you could not be delivered."


class FakeChatPlatform:
    """A `ChatPlatform` on a `FakeChat`. It keeps nothing: another one on the same chat is the bot after a restart.

    Calls go wrong as the chat's `faults`, `late_faults` and `before` say. While `reachable` is False, nothing gets through either
    way, as after a crash. What the core answers at once (a refusal, an answer to a question) is told to whoever did it.
    """

    def __init__(
        self, chat: FakeChat, core: CoreApi | None = None, reachable: Callable[[], bool] = lambda: True
    ) -> None:
        self.name = chat.name
        self.pace: RateLimits = chat.pace
        self.text_limit = chat.text_limit
        self.chat = chat
        self.core = core
        self._reachable = reachable
        self._since = chat.clock.now()
        if core:
            chat.listener = self

    # ------------------------------------------------ what people do

    async def receive(self, inbound: Inbound) -> Outcome:
        """Hand it to the core, and tell its author what there is to tell."""
        assert self.core is not None
        try:
            outcome = await self.core.accept(inbound)
        except StoreUnavailable as error:
            outcome = Refused(error.told(NOT_TAKEN))
        match outcome:
            case Question():
                await self._tell(inbound, await self.core.answer(inbound))
            case Refused(sentence):
                await self._tell(inbound, Reply(sentence))
            case NoSession(sentence) if _is_addressed(inbound):
                await self._tell(inbound, Reply(sentence))
        return outcome

    async def offer(self, query: ValueQuery) -> Sequence[Choice]:
        """Values to choose from; none when the core does not know in time."""
        assert self.core is not None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(OFFERED_WITHIN_S):
                return await self.core.ask(query)
        return ()

    async def channel_removed(self, place: ConversationRef) -> None:
        assert self.core is not None
        await self.core.channel_removed(place)

    async def _tell(self, inbound: Inbound, reply: Reply) -> None:
        assert inbound.reply_to is not None
        await self.reply(inbound.reply_to, reply)

    # ------------------------------------------------ ChatPlatform

    @property
    def features(self) -> Features:
        search = self if self.chat.finds else None
        return Features(edits=self, search=search, marks=self, typing=self, files=True, voice=self.chat.voice)

    def is_home(self, workspace_id: str) -> bool:
        return workspace_id in self.chat.homes

    def measure(self, text: str) -> int:
        return len(text)

    async def channel(self, place: ConversationRef) -> Channel:
        return self.chat.channel_of(place)

    async def post_card(self, place: ConversationRef, card: Card, *, since: datetime | None = None) -> Opened:
        async with self._call("post_card", place, card):
            standing = self.chat.found(place, card.key, since) if since else None
            if standing is None:
                return self.chat.take_card(place, card)
            self.chat.show_card(standing, card)
            return next(opened for opened in self.chat.opened if opened.card == standing)

    async def update_card(self, card_ref: MessageRef, thread: ConversationRef, card: Card) -> MessageRef:
        async with self._call("update_card", thread, card_ref, card):
            self.chat.spend(thread, edits=True)
            try:
                self.chat.show_card(card_ref, card)
            except MessageGone:
                return self.chat.take_card(thread, card).card
            return card_ref

    async def post(self, thread: ConversationRef, line: TranscriptLine, key: str) -> MessageRef:
        async with self._call("post", thread, line, key):
            self.chat.spend(thread)
            return self.chat.take_line(thread, line, key)

    async def find(self, thread: ConversationRef, key: str, since: datetime) -> MessageRef | None:
        async with self._call("find", thread, key):
            return self.chat.found(thread, key, since)

    async def edit(self, ref: MessageRef, line: TranscriptLine) -> None:
        async with self._call("edit", ref.place, line):
            self.chat.spend(ref.place, edits=True)
            self.chat.edit_line(ref, line)

    async def mark_spoken(self, ref: MessageRef) -> None:
        async with self._call("mark_spoken", ref.place, ref):
            self.chat.spend(ref.place)
            self.chat.existing(ref).marked = True

    async def start_typing(self, thread: ConversationRef) -> None:
        async with self._call("start_typing", thread):
            self.chat.typing.append(thread)

    async def notify(self, thread: ConversationRef, text: str) -> None:
        async with self._call("notify", thread, text):
            self.chat.spend(thread)
            self.chat.take_notice(thread, text)

    async def reply(self, to: ReplyTo, reply: Reply) -> None:
        async with self.chat.called("reply", to, reply):  # private ways lead to people, wherever they wrote
            self._reach()
            by_handle = to.usable_at(self.chat.clock.now()) and self.chat.use_handle(to.handle)
            if by_handle or to.person.id not in self.chat.unreachable:
                self.chat.answered.append(Answered(to.person, reply, by_handle))
            else:
                self.chat.take_notice(to.place.channel, NOT_DELIVERED.format(name=to.person.name))

    def connection(self) -> ConnectionState:
        return ConnectionState(self._since, self.chat.problem)

    async def run(self) -> None:
        async with self.chat.called("run"):
            await asyncio.Event().wait()

    # ------------------------------------------------ inside

    @contextlib.asynccontextmanager
    async def _call(self, method: str, place: ConversationRef, *args: object) -> AsyncIterator[None]:
        """One call of the chat's, if it gets there; the block is its effect."""
        self._reach()
        async with self.chat.called(method, place, *args):
            self._reach()
            self.chat.require(place)
            yield

    def _reach(self) -> None:
        if not self._reachable():
            raise PlatformError("The chat cannot be reached.")


def _is_addressed(inbound: Inbound) -> bool:
    """Whether its author expects an answer of the bot's."""
    body = inbound.body
    return isinstance(body, Command) or (isinstance(body, MessagePosted) and (body.mentioned or body.direct))

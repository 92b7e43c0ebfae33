"""The chat in memory takes the contract that every platform takes."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from bot.commands.buttons import confirmed
from bot.domain.conversations import Channel, ConversationRef, Membership, MessagePosted, MessageRef, Person
from bot.domain.posts import CardAction
from bot.ports.chat import ChatPlatform
from bot.testing.chat import CHANNEL, Answered, ChatMessage, FakeChat
from bot.testing.chat_platform import FakeChatPlatform
from bot.testing.virtual_time import ManualClock
from tests.contract.platform.harness import ANN, BEN, GUEST, Abilities, PlatformHarness, RecordingCore, Seen

PEOPLE = {
    ANN: Person("U1", "Ann", Membership.MEMBER, human=True),
    BEN: Person("U2", "Ben", Membership.MEMBER, human=True),
    GUEST: Person("U3", "Guest", Membership.OUTSIDER, human=True),
}
BOT = "avatarbot"


class FakeChatHarness(PlatformHarness):
    def __init__(self) -> None:
        self.clock = ManualClock(datetime.now(UTC))
        self.chat = FakeChat(clock=self.clock)
        self.chat.channels[CHANNEL] = Channel("#general")
        self.core = RecordingCore()
        self.platform: ChatPlatform = FakeChatPlatform(self.chat, self.core)
        self.abilities = Abilities()
        self.place = CHANNEL
        self.place_name = "#general"

    # ------------------------------------------------ what people do

    async def write(self, who: str, text: str, place: ConversationRef, *, mention: bool = False) -> MessageRef:
        await self.chat.say(text, place, PEOPLE[who], mention=mention)
        body = self.core.inbounds[-1].body
        assert isinstance(body, MessagePosted)
        assert body.message is not None
        return body.message

    async def rewrite(self, ref: MessageRef, text: str) -> None:
        await self.chat.edit_message(ref, text)

    async def withdraw(self, ref: MessageRef) -> None:
        await self.chat.withdraw(ref)

    async def command(self, who: str, verb: str, options: dict[str, str], place: ConversationRef) -> None:
        await self.chat.run(verb, options, place, PEOPLE[who])

    def mention(self, who: str) -> str:
        return f"<@{PEOPLE[who].id}>"

    async def press(self, who: str, card: MessageRef, action: CardAction) -> None:
        await self.chat.press(card, action, PEOPLE[who])

    async def answer_buttons(self, who: str) -> Sequence[str]:
        return [button.label for button in self._told(who)[-1].buttons]

    async def press_answer(self, who: str, label: str) -> str:
        button = next(button for button in self._told(who)[-1].buttons if button.label == label)
        command = confirmed(button.command) if button.question else button.command
        await self.chat.run(command.verb, command.options, self.place, PEOPLE[who])
        return button.question

    async def type_ahead(self, who: str, verb: str, option: str, typed: str, place: ConversationRef) -> Sequence[str]:
        return [choice.label for choice in await self.chat.type_ahead(verb, option, typed, place, PEOPLE[who])]

    async def redeliver(self) -> None:
        await self.chat.redeliver()

    # ------------------------------------------------ what people see

    async def messages(self, place: ConversationRef) -> Sequence[Seen]:
        return [_seen(message) for message in self.chat.at(place)]

    async def privately(self, who: str) -> Sequence[str]:
        return [_words(answered) for answered in self._told(who)]

    def _told(self, who: str) -> list[Answered]:
        return [answered for answered in self.chat.answered if answered.person == PEOPLE[who]]

    # ------------------------------------------------ what happens to the world

    def later(self, seconds: float) -> None:
        self.clock.advance(seconds)

    async def lose_message(self, ref: MessageRef) -> None:
        self.chat.delete(ref)

    async def make_private(self, place: ConversationRef) -> None:
        self.chat.channels[place] = Channel(self.place_name, private=True)

    async def lose_place(self, place: ConversationRef) -> None:
        await self.chat.remove_channel(place)

    async def restart(self) -> None:
        self.platform = FakeChatPlatform(self.chat, self.core)


def _seen(message: ChatMessage) -> Seen:
    return Seen(
        message.ref,
        message.text,
        message.author.id if message.author else BOT,
        (),
        tuple(action.value for action in message.card.actions) if message.card else (),
        marked=message.marked,
    )


def _words(answered: Answered) -> str:
    reply = answered.reply
    items = [f"{item.title} {item.detail}" for item in reply.items]
    link = [reply.link.url] if reply.link else []
    return "\n".join([reply.whole_text, *items, *link, reply.file.name if reply.file else ""])


@asynccontextmanager
async def open_harness() -> AsyncIterator[FakeChatHarness]:
    yield FakeChatHarness()

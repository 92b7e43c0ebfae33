"""Discord takes the contract on SimCord: the real discord.py, an in-memory Discord."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from simcord.results import ResponseMessage

from bot.domain.conversations import ConversationRef, MessageRef
from bot.domain.posts import CardAction
from tests.contract.platform.harness import Abilities, PlatformHarness, Seen
from tests.integration.discord.world import World, buttons, open_world, says

WRITTEN = {0, 19}
"""Types of messages that somebody wrote; the others are notices of Discord's."""


class DiscordHarness(PlatformHarness):
    def __init__(self, world: World) -> None:
        self.world = world
        self.core = world.core
        self.place = world.place
        self.place_name = "#general"
        # Discord tells no nonce later, has no guests of other companies, and gives events of its gateway once.
        self.abilities = Abilities(has_outsiders=False, redelivers=False)

    @property
    def platform(self) -> Any:  # type: ignore[override]
        return self.world.platform

    # ------------------------------------------------ what people do

    async def write(self, who: str, text: str, place: ConversationRef, *, mention: bool = False) -> MessageRef:
        words = f"<@{self.world.env.bot.user.id}> {text}" if mention else text
        message = await self.world.people[who].send(self.world.at(place), words)
        return MessageRef(place, str(message.id))

    async def rewrite(self, ref: MessageRef, text: str) -> None:
        message = self._raw(ref)
        await self._author(message).edit(self._message(ref), text)

    async def withdraw(self, ref: MessageRef) -> None:
        await self._author(self._raw(ref)).delete(self._message(ref))

    async def command(self, who: str, verb: str, options: dict[str, str], place: ConversationRef) -> None:
        typed = {name: int(value) if value.isdecimal() else value for name, value in options.items()}
        await self.world.people[who].slash(self.world.at(place), f"avatar {verb}", **typed)

    def mention(self, who: str) -> str:
        return f"<@{self.world.people[who].id}>"

    async def press(self, who: str, card: MessageRef, action: CardAction) -> None:
        custom_id = next(
            b["custom_id"] for b in buttons(self._raw(card)) if b["custom_id"].split(":")[2] == action.value
        )
        await self.world.people[who].click(self._message(card), custom_id=custom_id)

    async def answer_buttons(self, who: str) -> Sequence[str]:
        return [button["label"] for button in buttons(self._told(who)[-1]) if not button.get("url")]

    async def press_answer(self, who: str, label: str) -> str:
        told = self._told(who)[-1]
        pressed = next(button for button in buttons(told) if button["label"] == label)
        await self.world.people[who].click(ResponseMessage(self.world.env, told), custom_id=pressed["custom_id"])
        return ""  # Discord's client asks nothing: the core does

    async def type_ahead(self, who: str, verb: str, option: str, typed: str, place: ConversationRef) -> Sequence[str]:
        await self.world.people[who].autocomplete(self.world.at(place), f"avatar {verb}", option, typed)
        record = list(self.world.env.backend.interactions.values())[-1]
        if not record.responded:  # SimCord's time stands still
            await self.world.env.advance_time(2)
        assert record.responded
        return [choice["name"] for choice in record.autocomplete_choices]

    async def redeliver(self) -> None:
        raise NotImplementedError

    # ------------------------------------------------ what people see

    async def messages(self, place: ConversationRef) -> Sequence[Seen]:
        channel = self.world.at(place)
        return [
            self._seen(message, place)
            for message in self.world.raw(channel.id).values()
            if message.type in WRITTEN and not message.is_ephemeral
        ]

    async def privately(self, who: str) -> Sequence[str]:
        return [says(message) for message in self._told(who)]

    def _told(self, who: str) -> list[Any]:
        person, backend = self.world.people[who], self.world.env.backend
        told = []
        for channel_id, messages in backend.messages.items():
            direct = person.id in backend.get_channel(channel_id).recipient_ids
            told += [m for m in messages.values() if direct or (m.is_ephemeral and _for(backend, m) == person.id)]
        return sorted(told, key=lambda m: int(m.id))

    # ------------------------------------------------ what happens to the world

    def later(self, seconds: float) -> None:
        self.world.clock.ahead += timedelta(seconds=seconds)

    async def lose_message(self, ref: MessageRef) -> None:
        self.world.env.backend.delete_message(int(ref.place.thread_id or ref.place.channel_id), int(ref.message_id))
        await self.world.env.settle()

    async def make_private(self, place: ConversationRef) -> None:
        self.world.hide(int(place.channel_id))
        await self.world.env.settle()

    async def lose_place(self, place: ConversationRef) -> None:
        self.world.env.backend.delete_channel(int(place.channel_id))
        await self.world.env.settle()

    async def restart(self) -> None:
        await self.world.restart()

    # ------------------------------------------------ inside

    def _raw(self, ref: MessageRef) -> Any:
        return self.world.raw(int(ref.place.thread_id or ref.place.channel_id))[int(ref.message_id)]

    def _message(self, ref: MessageRef) -> Any:
        return next(m for m in self.world.at(ref.place).history() if m.id == int(ref.message_id))

    def _author(self, message: Any) -> Any:
        return next(person for person in self.world.people.values() if person.id == message.author_id)

    def _seen(self, message: Any, place: ConversationRef) -> Seen:
        pinged = map(str, [*message.ping_user_ids, *message.ping_role_ids])
        everyone = ["everyone"] if message.mention_everyone else []
        return Seen(
            MessageRef(place, str(message.id)),
            says(message),
            str(message.author_id),
            (*pinged, *everyone),
            tuple(button["custom_id"] for button in buttons(message)),
            tuple(attachment["filename"] for attachment in message.attachments),
            bool(message.reactions),
            str(message.reply_author_id or ""),
        )


def _for(backend: Any, message: Any) -> int:
    """Whom an ephemeral message is shown to."""
    for record in backend.interactions.values():
        if message.id == record.message_id or message.id in record.followup_ids:
            return int(record.user_id)
    return 0


@asynccontextmanager
async def open_harness() -> AsyncIterator[DiscordHarness]:
    async with open_world() as world:
        yield DiscordHarness(world)

"""Messages, their edits and deletions on their way to the core; and how whatever came in is handed to it, and what is said about it."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final

import discord
import structlog

from adapters.discord import forms
from adapters.discord.conversations import NOBODY, Conversations, Places, person_of
from adapters.discord.replies import DiscordReplies
from adapters.discord.text import names_in, with_quote, words_of
from bot.commands.catalogue import Catalogue, Verb
from bot.commands.verbs import CATALOGUE
from bot.domain.conversations import (
    Accepted,
    Command,
    ConversationRef,
    Duplicate,
    Inbound,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    MessageRef,
    NoSession,
    Outcome,
    Question,
    Refused,
    Reply,
)
from bot.domain.errors import IN_DOUBT, BeingAnswered, PlatformError, StoreUnavailable
from bot.ports.chat import CoreApi, Give

log = structlog.get_logger(__name__)

NOT_TAKEN = "That was not taken just now. Please try again."

UNTAKEN: Final = frozenset({Refused(NOT_TAKEN), Refused(IN_DOUBT), Duplicate(over=False)})
"""Looked up, it is heard again."""

SPOKEN = frozenset({discord.MessageType.default, discord.MessageType.reply})
"""Kinds of messages that a person wrote; the others are notices of Discord's."""


@dataclass(frozen=True, slots=True)
class DiscordInboundHandler:
    core: CoreApi
    replies: DiscordReplies
    conversations: Conversations
    catalogue: Catalogue = CATALOGUE

    async def accept(self, inbound: Inbound) -> Outcome:
        """Commit. What was not taken, or may not have been, is refused with a sentence that says so."""
        try:
            return await self.core.accept(inbound)
        except BeingAnswered:
            return Duplicate(over=False)
        except StoreUnavailable as error:
            log.warning("something was not taken", reason=error.detail)
            return Refused(error.told(NOT_TAKEN))

    async def correct(self, inbound: Inbound) -> None:
        """An edit or a deletion. What is lost of them is not worth a word."""
        await self.accept(inbound)

    async def settle_command(self, inbound: Inbound, outcome: Outcome) -> None:
        """Somebody waits for an answer and gets one, once; of what was accepted the core tells itself."""
        match outcome:
            case Accepted() | Duplicate():
                pass
            case Question():
                await self._once(inbound, partial(self._answer, inbound))
            case Refused(sentence) | NoSession(sentence):
                await self._refuse(inbound, sentence)

    async def settle_message(self, inbound: Inbound, outcome: Outcome, *, addressed: bool) -> None:
        """People write a lot that is not for us: without a session only who addressed us is told so."""
        live = inbound.place in self.conversations
        if isinstance(outcome, Accepted | Duplicate) or (live and outcome != Refused(NOT_TAKEN)):
            self.conversations.hear(inbound.place, inbound.sequence)
        match outcome:
            case Question():
                await self._once(inbound, partial(self._answer, inbound))
            case Refused(sentence) if addressed or live or outcome not in UNTAKEN:
                await self._refuse(inbound, sentence)
            case NoSession(sentence):
                self.conversations.forget(inbound.place)
                if addressed:
                    await self._refuse(inbound, sentence)
            case _:
                pass

    async def _refuse(self, inbound: Inbound, sentence: str) -> None:
        tell = partial(self.tell, inbound, Reply(sentence))
        await (tell() if Refused(sentence) in UNTAKEN else self._once(inbound, tell))

    async def _once(self, inbound: Inbound, give: Give) -> None:
        """A message is looked up again after an interruption, and a shard received twice for a moment, perhaps by another process. Whoever
        cannot know it says so.
        """
        try:
            giving = await self.core.first_to_answer(inbound, give)
        except StoreUnavailable as error:
            log.warning("something was not answered", reason=error.detail)
            await self.tell(inbound, Reply(NOT_TAKEN))
        else:
            if giving:
                await giving()

    async def _answer(self, inbound: Inbound) -> None:
        await self.tell(inbound, await self.core.answer(inbound))

    async def tell(self, inbound: Inbound, reply: Reply) -> None:
        """Tell who did this. What cannot be told is logged: there is nobody else to tell."""
        assert inbound.reply_to is not None
        await self._try(self.replies.reply(inbound.reply_to, reply))

    async def offer_form(self, inbound: Inbound, verb: Verb) -> None:
        """To whoever wrote a message that asks for it."""
        await self._once(inbound, partial(self._offer, inbound, verb))

    async def _offer(self, inbound: Inbound, verb: Verb) -> None:
        assert inbound.reply_to is not None
        await self._try(self.replies.offer(inbound.reply_to, forms.offer(verb)))

    @staticmethod
    async def _try(telling: Awaitable[None]) -> None:
        try:
            await telling
        except PlatformError as error:
            log.warning("could not tell somebody what came of it", reason=error.detail)


# ---------------------------------------------------------------- messages


class MessageEvents:
    """`own_id` is asked for anew: it is known only once we are logged in. `caught_up` returns once what was said before in a place
    is heard; False where that, and what is heard now, will be looked up. `unheard` is told of a message that
    was not taken, and of which nobody was told either: nobody could know whether anything goes on there.
    """

    def __init__(
        self,
        handler: DiscordInboundHandler,
        places: Places,
        own_id: Callable[[], int],
        caught_up: Callable[[ConversationRef], Awaitable[bool]],
        unheard: Callable[[ConversationRef, int], None],
    ) -> None:
        self._handler = handler
        self._unheard = unheard
        self._caught_up = caught_up
        self._places = places
        self._own_id = own_id

    async def hear(self, message: discord.Message, *, late: bool = False) -> bool:
        """Take one message, and say whether it was, or is none for us. `late` ones were said while we were away: nobody is told any more
        how to start a session. Of one that was not taken and will be heard again nobody is told.
        """
        if not _is_spoken(message):
            return True
        addressed = self._is_addressed(message)
        words = self._words(message)
        if not words and not addressed:
            return True
        place = await self._place_of(_guild_id(message), message.channel.id)
        if place is None:
            return True
        again = late or not await self._caught_up(place)
        inbound = self._inbound(message, place, words, addressed=addressed)
        if addressed and not late and (verb := forms.asked_for(words, self._handler.catalogue)):
            await self._handler.offer_form(inbound, verb)
            return True
        outcome = await self._handler.accept(inbound)
        taken = outcome not in UNTAKEN
        if taken or not again:
            await self._handler.settle_message(inbound, outcome, addressed=addressed and not late)
        if isinstance(outcome, Refused) and not (taken or again or addressed or place in self._handler.conversations):
            self._unheard(place, message.id)
        return taken

    async def edited(self, payload: discord.RawMessageUpdateEvent) -> None:
        """Discord also reports link previews as edits; only what people changed has a time of editing."""
        message = payload.message
        if not _is_spoken(message) or message.edited_at is None:
            return
        place, words = await self._place_of(_guild_id(message), message.channel.id), self._words(message)
        if place is None:
            return
        ref = MessageRef(place, str(message.id))
        event_id = f"edit-{message.id}-{message.edited_at.timestamp()}"
        body = MessageEdited(ref, words) if words else MessageDeleted(ref)
        await self._handler.correct(Inbound(event_id, message.id, place, person_of(message.author), body))

    async def deleted(self, guild_id: int | None, channel_id: int, message_ids: Iterable[int]) -> None:
        place = await self._place_of(guild_id, channel_id)
        if place is None:
            return
        for message_id in message_ids:
            ref = MessageRef(place, str(message_id))
            await self._handler.correct(Inbound(f"delete-{message_id}", message_id, place, NOBODY, MessageDeleted(ref)))

    # ------------------------------------------------------------ inside

    def _inbound(self, message: discord.Message, place: ConversationRef, words: str, *, addressed: bool) -> Inbound:
        person = person_of(message.author)
        said = MessagePosted(words, MessageRef(place, str(message.id)), addressed, direct=_guild_id(message) is None)
        # Whoever only mentions the bot wants to know what it can do.
        body = said if words else Command("help")
        return Inbound(
            str(message.id),
            message.id,
            place,
            person,
            body,
            self._handler.replies.reply_to_message(message.id, place, person),
        )

    def _is_addressed(self, message: discord.Message) -> bool:
        """By name, by our role's name, by replying to us, or directly."""
        own_id, replied = self._own_id(), _replied(message)
        role = message.guild.self_role if message.guild else None
        return (
            _guild_id(message) is None
            or any(user.id == own_id for user in message.mentions)
            or (role is not None and role.id in message.raw_role_mentions)
            or (replied is not None and replied.author.id == own_id)
        )

    def _words(self, message: discord.Message) -> str:
        """A forwarded message has no words of its own."""
        forwarded = message.message_snapshots[0].content if message.message_snapshots else ""
        words = self._said(message, message.content or forwarded)
        quoted = _replied(message)
        if quoted is None or quoted.author.id == self._own_id():
            return words
        return with_quote(words, quoted.author.display_name, self._said(quoted, quoted.content))

    def _said(self, message: discord.Message, text: str) -> str:
        return words_of(text, message.guild, str(self._own_id()), names_in(message.mentions))

    async def _place_of(self, guild_id: int | None, channel_id: int) -> ConversationRef | None:
        try:
            return await self._places.find(guild_id, channel_id)
        except PlatformError as error:
            log.warning("a message from a channel that is not known", reason=error.detail)
            return None


def _guild_id(message: discord.Message) -> int | None:
    """None in a direct message only: a server that discord.py does not know is still one."""
    if message.guild:
        return message.guild.id
    return getattr(message.channel, "guild_id", None)


def _is_spoken(message: discord.Message) -> bool:
    """Bots and webhooks are never answered: two of them would go on for ever."""
    return not message.author.bot and message.webhook_id is None and message.type in SPOKEN


def _replied(message: discord.Message) -> discord.Message | None:
    resolved = message.reference.resolved if message.reference else None
    return resolved if isinstance(resolved, discord.Message) else None

"""Where everything that came in is handed to the core, and what is said about it."""

from collections.abc import Awaitable
from dataclasses import dataclass

import structlog

from adapters.discord import forms
from adapters.discord.conversations import Conversations
from adapters.discord.replies import DiscordReplies
from bot.commands.catalogue import Catalogue, Verb
from bot.commands.verbs import CATALOGUE
from bot.domain.conversations import Accepted, Duplicate, Inbound, NoSession, Outcome, Question, Refused, Reply
from bot.domain.errors import PlatformError, StoreUnavailable
from bot.ports.chat import CoreApi

log = structlog.get_logger(__name__)

NOT_TAKEN = "That was not taken just now. Please try again."
TAKEN_BEFORE = "I have that already."


@dataclass(frozen=True, slots=True)
class DiscordInboundHandler:
    core: CoreApi
    replies: DiscordReplies
    conversations: Conversations
    catalogue: Catalogue = CATALOGUE

    async def accept(self, inbound: Inbound) -> Outcome:
        """Commit. What was certainly not taken is refused with a sentence that says so."""
        try:
            return await self.core.accept(inbound)
        except StoreUnavailable as error:
            log.warning("something was not taken", reason=error.detail)
            return Refused(NOT_TAKEN)

    async def correct(self, inbound: Inbound) -> None:
        """An edit or a deletion. What is lost of them is not worth a word."""
        await self.accept(inbound)

    async def settle_command(self, inbound: Inbound, outcome: Outcome) -> None:
        """Somebody waits for an answer and gets one; of what was accepted the core tells itself."""
        match outcome:
            case Accepted():
                pass
            case Question():
                await self.tell(inbound, await self.core.answer(inbound))
            case Refused(sentence) | NoSession(sentence):
                await self.tell(inbound, Reply(sentence))
            case Duplicate():
                await self.tell(inbound, Reply(TAKEN_BEFORE))

    async def settle_message(self, inbound: Inbound, outcome: Outcome, *, addressed: bool) -> None:
        """People write a lot that is not for us: without a session only who addressed us is told so."""
        live = inbound.place in self.conversations
        match outcome:
            case Accepted() | Duplicate():
                self.conversations.hear(inbound.place, inbound.sequence)
            case Question():
                await self.tell(inbound, await self.core.answer(inbound))
            case Refused(sentence) if addressed or live or sentence != NOT_TAKEN:
                await self.tell(inbound, Reply(sentence))
            case NoSession(sentence):
                self.conversations.forget(inbound.place)
                if addressed:
                    await self.tell(inbound, Reply(sentence))
            case _:
                pass

    async def tell(self, inbound: Inbound, reply: Reply) -> None:
        """Tell who did this. What cannot be told is logged: there is nobody else to tell."""
        assert inbound.reply_to is not None
        await self._try(self.replies.reply(inbound.reply_to, reply))

    async def offer_form(self, inbound: Inbound, verb: Verb) -> None:
        """To whoever wrote a message that asks for it."""
        assert inbound.reply_to is not None
        await self._try(self.replies.offer(inbound.reply_to, forms.offer(verb)))

    @staticmethod
    async def _try(telling: Awaitable[None]) -> None:
        try:
            await telling
        except PlatformError as error:
            log.warning("could not tell somebody what came of it", reason=error.detail)

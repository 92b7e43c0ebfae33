"""What the core has us write in channels and threads."""

import secrets
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import discord
import structlog
from discord.http import Route

from adapters.discord import rendering
from adapters.discord.client import (
    BLOCKED_BY_AUTOMOD,
    CANNOT_READ_HISTORY,
    THREAD_EXISTS,
    THREADS_ARE_OFF_HERE,
    TOO_MANY_THREADS,
    Rest,
    code_of,
)
from adapters.discord.conversations import Conversations, is_direct, target
from adapters.discord.custom_ids import OWN_THREAD
from adapters.discord.replies import DiscordReplies
from adapters.discord.settings import DiscordSettings
from adapters.discord.text import measure
from bot.clock import Clock
from bot.domain.conversations import ConversationRef, MessageRef, Reply, ReplyTo
from bot.domain.errors import MessageGone, PlaceGone, PlatformError
from bot.domain.posts import Card, Opened, TranscriptLine
from bot.domain.sessions import SessionStatus
from bot.ports.chat import RateLimits

log = structlog.get_logger(__name__)

MOVES_ON_AFTER = timedelta(minutes=55)
"""Messages older than an hour can hardly be edited any more (30046)."""

ARCHIVED_AFTER = 1_440
"""Minutes without a word after which Discord puts a thread away: as long as a sleeping session can be woken."""

WITHDRAWN_WITHIN = 3.0
"""Seconds for taking back a card, since somebody may wait for our end."""

HINT = "Mention me or reply to me to talk, or use /avatar say"
"""On cards where Discord does not let us read plain messages."""

HEARD = "🔊"
HELD_BACK = "[held back by this server's AutoMod]"


class DiscordPublisher:
    """The writing half of `ChatPlatform`."""

    name = "discord"
    # Below what all of a bot calls in a second (`limits.CALLS`): the rest is for what nobody paces, and who is final goes first only here.
    pace = RateLimits(calls_per_second=30, edit_interval=1.2, first_post=0.4, shared_by_bot=True)
    text_limit = rendering.TEXT_LIMIT

    def __init__(
        self,
        rest: Rest,
        replies: DiscordReplies,
        conversations: Conversations,
        clock: Clock,
        settings: DiscordSettings,
    ) -> None:
        self._rest = rest
        self._replies = replies
        self._conversations = conversations
        self._clock = clock
        self._without_replies: set[str] = set()  # channels
        self._threaded = settings.conversation == "thread"
        self._hint = "" if settings.message_content else HINT

    def measure(self, text: str) -> int:
        return measure(text)

    # ------------------------------------------------------------ the card

    async def post_card(self, place: ConversationRef, card: Card, *, since: datetime | None = None) -> Opened:  # noqa: ARG002 - its nonce finds it
        try:
            return await self._open(place, card, card.key)
        except MessageGone:  # the nonce found the card of an attempt that was withdrawn
            return await self._open(place, card, secrets.token_hex(8))

    async def _open(self, place: ConversationRef, card: Card, nonce: str) -> Opened:
        """The card with its thread, or nothing of it."""
        threaded = self._threaded and not place.thread_id and not is_direct(place)
        ref = await self._send(place, self._card(card, OWN_THREAD if threaded else place.thread_id), nonce)
        try:
            thread = await self._open_thread(ref, card) if threaded else place
            if threaded and thread == place:  # the buttons say "my own thread", and there is none
                await self._edit(ref, self._card(card, place.thread_id))
        except BaseException as failure:
            await self._withdraw(ref, again=isinstance(failure, PlatformError))
            raise
        self._conversations.hear(thread, int(ref.message_id))
        return Opened(ref, thread)

    async def update_card(self, card_ref: MessageRef, thread: ConversationRef, card: Card) -> MessageRef:
        ended = card.status is SessionStatus.ENDED
        if ended:
            self._conversations.forget(thread)
        if not ended and self._is_old(card_ref):
            return await self._move(card_ref, thread, card)
        try:
            await self._edit(card_ref, self._card(card, thread.thread_id))
        except MessageGone:
            return await self._replace(card_ref, thread, card)
        return card_ref

    async def _move(self, card_ref: MessageRef, thread: ConversationRef, card: Card) -> MessageRef:
        moved = await self._replace(card_ref, thread, card)
        try:
            await self._edit(card_ref, rendering.moved(card, thread, moved.message_id))
        except PlatformError as error:
            log.info("the old card stays as it was", reason=error.detail)
        return moved

    async def _replace(self, card_ref: MessageRef, thread: ConversationRef, card: Card) -> MessageRef:
        """A card in the place of another; asked for twice, it is the same."""
        return await self._send(thread, self._card(card, thread.thread_id), f"new-{card_ref.message_id}")

    def _card(self, card: Card, thread_id: str) -> dict[str, Any]:
        return rendering.card(card, thread_id, self._hint)

    def _is_old(self, ref: MessageRef) -> bool:
        return self._clock.now() - discord.utils.snowflake_time(int(ref.message_id)) > MOVES_ON_AFTER

    async def _open_thread(self, card_ref: MessageRef, card: Card) -> ConversationRef:
        """The thread of the card; the channel itself, where Discord has no threads or no more of them."""
        place = card_ref.place
        body = {"name": rendering.thread_name(card), "auto_archive_duration": ARCHIVED_AFTER}
        try:
            await self._rest.call(_message("POST", card_ref, "/threads"), body)
        except PlatformError as error:
            if code_of(error) in {THREADS_ARE_OFF_HERE, TOO_MANY_THREADS}:
                return place
            if code_of(error) != THREAD_EXISTS:
                raise
        return place.in_thread(card_ref.message_id)

    async def _withdraw(self, ref: MessageRef, *, again: bool) -> None:
        """Take back a card that came to nothing; one that is gone already is no fault."""
        try:
            await self._rest.call(_message("DELETE", ref), again=again, within=WITHDRAWN_WITHIN)
        except PlatformError as error:
            log.info("a card without a thread stays", reason=error.detail)

    # ------------------------------------------------------------ the transcript

    async def post(self, thread: ConversationRef, line: TranscriptLine, key: str) -> MessageRef:
        """Posted twice with one key within minutes, Discord hands back the first message: that is then brought up to date."""
        try:
            return await self._post(thread, line, key)
        except PlatformError as error:
            if code_of(error) not in BLOCKED_BY_AUTOMOD:
                raise
        return await self._post(thread, replace(line, text=HELD_BACK), key)

    async def _post(self, thread: ConversationRef, line: TranscriptLine, key: str) -> MessageRef:
        """An answer is a reply to what it answers. Where Discord does not let us look back there are no replies, and it has a name."""
        if answered := self._answered(thread, line):
            try:
                return await self._send(thread, rendering.line(replace(line, answers=None)), key, answered)
            except PlatformError as error:
                if code_of(error) != CANNOT_READ_HISTORY:
                    raise
            self._without_replies.add(thread.channel_id)
        return await self._send(thread, rendering.line(line), key)

    def _answered(self, thread: ConversationRef, line: TranscriptLine) -> str:
        """The message in this very channel or thread that a line is a reply to, if it can be one."""
        message = line.answers.message if line.answers else None
        here = message is not None and target(message.place) == target(thread)
        return message.message_id if message and here and thread.channel_id not in self._without_replies else ""

    async def edit(self, ref: MessageRef, line: TranscriptLine) -> None:
        shown = replace(line, answers=None) if self._answered(ref.place, line) else line
        try:
            await self._edit(ref, rendering.line(shown))
        except PlatformError as error:
            if code_of(error) not in BLOCKED_BY_AUTOMOD:
                raise
            await self._edit(ref, rendering.line(replace(shown, text=HELD_BACK)))

    async def mark_spoken(self, ref: MessageRef) -> None:
        """Without the permission to react the talk goes on all the same."""
        try:
            await self._rest.call(_message("PUT", ref, "/reactions/{emoji}/@me", emoji=HEARD))
        except PlaceGone as error:
            raise PlatformError(error.sentence, error.detail) from error

    async def start_typing(self, thread: ConversationRef) -> None:
        await self._rest.call(_channel("POST", thread, "/typing"), again=False)

    async def notify(self, thread: ConversationRef, text: str) -> None:
        for body in rendering.statement(text):
            await self._send(thread, body, secrets.token_hex(8))

    async def reply(self, to: ReplyTo, reply: Reply) -> None:
        await self._replies.reply(to, reply)

    # ------------------------------------------------------------ calls

    async def _send(self, place: ConversationRef, body: dict[str, Any], nonce: str, answered: str = "") -> MessageRef:
        """The nonce makes it safe to repeat."""
        reply = rendering.replying_quietly(answered) if answered else {}
        posted = await self._rest.call(_channel("POST", place, "/messages"), rendering.once(body | reply, nonce))
        ref = MessageRef(place, str(posted["id"]))
        if _words(posted) != _words(body):
            await self._edit(ref, body)
        return ref

    async def _edit(self, ref: MessageRef, body: dict[str, Any]) -> None:
        await self._rest.call(_message("PATCH", ref), body)


def _channel(method: str, place: ConversationRef, path: str) -> Route:
    return Route(method, "/channels/{channel_id}" + path, channel_id=target(place))


def _message(method: str, ref: MessageRef, path: str = "", **ids: str) -> Route:
    whole = "/channels/{channel_id}/messages/{message_id}" + path
    return Route(method, whole, channel_id=target(ref.place), message_id=ref.message_id, **ids)


def _words(message: dict[str, Any]) -> list[str]:
    """What a message says; Discord takes spaces at the ends and odd characters away."""
    return [word for word in str(message.get("content") or "").split() if word.isprintable()]

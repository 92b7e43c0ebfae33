"""Answers to one person: to a command by the interaction while it lasts, to a message as a reply to it; else in the channel, addressed to
them. What is theirs alone goes by the interaction or directly, and nowhere else.
"""

import asyncio
import io
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import discord
import structlog
from discord.http import Route

from adapters.discord import rendering
from adapters.discord.client import (
    ANSWER_WITHIN,
    BAD_INTERACTION_TOKEN,
    CANNOT_READ_HISTORY,
    UNKNOWN_INTERACTION,
    UNKNOWN_MESSAGE,
    UNKNOWN_WEBHOOK,
    Rest,
    code_of,
)
from adapters.discord.commands import CommandMentions
from adapters.discord.conversations import is_direct, target
from adapters.discord.direct_messages import DirectMessages
from adapters.discord.rendering import answer
from adapters.discord.text import CONTENT_LIMIT, escape
from bot.clock import Clock
from bot.domain.conversations import ConversationRef, File, Person, Reply, ReplyTo
from bot.domain.errors import PlaceGone, PlatformError

log = structlog.get_logger(__name__)

HANDLE_LIFE = timedelta(minutes=14, seconds=30)
"""Discord's 15 minutes, less what is lost on the way."""

NOT_YET_EVERY_S = 0.3
"""Seconds between two looks whether an interaction was acknowledged."""

HANDLE_USES = 5
REMEMBERED = 2_000

# Under these names discord.py keeps a bucket for each interaction.
_CALLBACK = "/interactions/{webhook_id}/{webhook_token}/callback"
_FOLLOW_UP = "/webhooks/{webhook_id}/{webhook_token}"

_ABOUT = "message:"
"""What the handle of an answer to a message begins with; its id follows."""

_MESSAGE, _DEFERRED = 4, 5
_ALREADY_ANSWERED = 40060
_NOT_YET = frozenset({UNKNOWN_WEBHOOK, UNKNOWN_INTERACTION})
_EXPIRED = frozenset({UNKNOWN_WEBHOOK, UNKNOWN_INTERACTION, BAD_INTERACTION_TOKEN})


@dataclass(slots=True)
class _Interaction:
    """What this process knows of one: whether Discord may have taken our first answer, and whether that still says "thinking"."""

    taken: "asyncio.Future[bool]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    thinking: bool = True


class DiscordReplies:
    def __init__(self, rest: Rest, direct: DirectMessages, clock: Clock, mentions: CommandMentions) -> None:
        self._direct = direct
        self._mentions = mentions
        self._rest = rest
        self._clock = clock
        self._interactions: OrderedDict[str, _Interaction] = OrderedDict()

    # ------------------------------------------------------------ the first answer, within three seconds

    def reply_to(self, interaction: discord.Interaction, place: ConversationRef, person: Person) -> ReplyTo:
        handle = f"{interaction.application_id}:{interaction.token}"
        return ReplyTo(place, person, handle, self._clock.now() + HANDLE_LIFE, HANDLE_USES)

    @staticmethod
    def reply_to_message(message_id: int, place: ConversationRef, person: Person) -> ReplyTo:
        return ReplyTo(place, person, f"{_ABOUT}{message_id}", None, HANDLE_USES)

    async def defer(self, interaction: discord.Interaction) -> None:
        """Acknowledge, visibly to this person only; `reply` resolves it. Too late is no error: `reply` finds another way."""
        known = self._remember(interaction.token, _Interaction())
        taken = False
        try:
            taken = await self.respond(interaction, _DEFERRED, {"flags": rendering.EPHEMERAL})
        finally:
            known.taken.set_result(taken)

    def _remember(self, token: str, known: _Interaction) -> _Interaction:
        self._interactions[token] = known
        if len(self._interactions) > REMEMBERED:
            self._interactions.popitem(last=False)
        return known

    async def say(self, interaction: discord.Interaction, sentence: str) -> None:
        """Answer at once, to this person only."""
        body = rendering.statement(sentence)[0]
        await self.respond(interaction, _MESSAGE, body | {"flags": rendering.EPHEMERAL | rendering.SUPPRESS_EMBEDS})

    async def respond(self, interaction: discord.Interaction, kind: int, data: dict[str, Any]) -> bool:
        """False where Discord did not take it for certain: whether one that was not answered in time arrived is seen by who answers next.

        It may be repeated: a second answer is refused, and then the first was taken.
        """
        try:
            await self._rest.call(
                Route("POST", _CALLBACK, webhook_id=interaction.id, webhook_token=interaction.token),
                {"type": kind, "data": data},
                within=ANSWER_WITHIN,
            )
        except PlatformError as error:
            if code_of(error) == _ALREADY_ANSWERED:
                return True
            log.warning("an interaction was not answered in time", reason=error.detail)
            return not code_of(error)
        return True

    # ------------------------------------------------------------ the chain

    async def reply(self, to: ReplyTo, reply: Reply) -> None:
        """Raises `Throttled` and `PlatformError`, having said nothing.

        A sentence that does not come by the interaction stands in the channel, where everybody reads it: direct messages to many people
        get a bot quarantined. What is one person's own (a link, a file, a listing) has private ways only; where none is open the channel
        says so to them, and never what it was.
        """
        bodies = answer(reply, lambda text: self._mentions.linked(escape(text), to.place))
        if await self._by_handle(to, bodies, reply.file) or await self._openly(to, reply, bodies):
            return
        if problem := await self._directly(to, bodies, reply.file):
            await self._in_place(to, rendering.statement(problem), None)

    async def offer(self, to: ReplyTo, body: dict[str, Any]) -> None:
        """A reply to a message, for everybody there to read. Raises `Throttled` and `PlatformError`, having said nothing."""
        await self._in_place(to, [body], None)

    async def _openly(self, to: ReplyTo, reply: Reply, bodies: list[dict[str, Any]]) -> bool:
        """Whether it stands where it was asked for. A command can be used where we may not write."""
        if not is_direct(to.place) and not _is_for_everybody(reply):
            return False
        try:
            await self._in_place(to, bodies, reply.file)
        except PlaceGone:
            if is_direct(to.place) or _message_of(to):
                raise
            return False
        return True

    async def _in_place(self, to: ReplyTo, bodies: list[dict[str, Any]], file: File | None) -> None:
        """Whoever is answered is the only one who is notified; a message that is gone meanwhile is no fault."""
        where, message_id = target(to.place), _message_of(to)
        named = bodies if is_direct(to.place) else [rendering.named(to.person.id, bodies[0]), *bodies[1:]]
        if not message_id:
            await self._send(where, named, file)
            return
        try:
            await self._send(where, [_replying(bodies[0], message_id), *bodies[1:]], file)
        except PlatformError as error:
            if code_of(error) != CANNOT_READ_HISTORY:
                raise
            await self._send(where, named, file)

    async def _by_handle(self, to: ReplyTo, bodies: list[dict[str, Any]], file: File | None) -> bool:
        if _message_of(to) or not to.usable_at(self._clock.now()):
            return False
        known = self._interactions.get(to.handle.partition(":")[2])
        if known and not await asyncio.shield(known.taken):
            return False
        try:
            for number, body in enumerate(bodies):
                files = _files(file) if number == len(bodies) - 1 else []
                await self._answered(to, body, files)
        except PlatformError as error:
            if code_of(error) not in _EXPIRED:
                raise
            log.info("an interaction was over", reason=error.detail)
            return False
        return True

    async def _answered(self, to: ReplyTo, body: dict[str, Any], files: list[discord.File]) -> None:
        """Another process acknowledges what it received: what is not there to be answered yet may be there in a moment."""
        application_id, _, token = to.handle.partition(":")
        while True:
            try:
                return await self._answer(application_id, token, body, files)
            except PlatformError as error:
                if code_of(error) not in _NOT_YET or not self._is_fresh(to):
                    raise
            await asyncio.sleep(NOT_YET_EVERY_S)

    def _is_fresh(self, to: ReplyTo) -> bool:
        """Whether Discord would still take its first answer."""
        left = to.expires_at - self._clock.now() if to.expires_at else timedelta()
        return left > HANDLE_LIFE - timedelta(seconds=ANSWER_WITHIN)

    async def _answer(self, application_id: str, token: str, body: dict[str, Any], files: list[discord.File]) -> None:
        """In the place of "thinking" if that is still there, else as a message of its own."""
        ids = {"webhook_id": application_id, "webhook_token": token}
        known = self._interactions.get(token) or self._remember(token, _resumed())
        if known.thinking:
            known.thinking = False
            try:
                await self._rest.call(Route("PATCH", f"{_FOLLOW_UP}/messages/@original", **ids), body, files=files)
            except PlatformError as error:
                known.thinking = code_of(error) != UNKNOWN_MESSAGE
                if known.thinking:
                    raise
            else:
                return
        flags = body.get("flags", 0) | rendering.EPHEMERAL
        await self._rest.call(Route("POST", _FOLLOW_UP, **ids), {**body, "flags": flags}, files=files, again=False)

    async def _directly(self, to: ReplyTo, bodies: list[dict[str, Any]], file: File | None) -> str:
        """Empty once it has arrived, else what its addressee is told about that where everybody reads it."""
        try:
            channel = await self._direct.channel_with(to.person.id)
            await self._send(channel, [*bodies[:-1], _about(to.place, bodies[-1])], file)
        except PlatformError as error:
            problem = await self._direct.explain(to.person.id, error)
            if not problem:
                raise
            log.info("cannot write to somebody directly", reason=error.detail)
            return problem
        return ""

    async def _send(self, channel_id: str, bodies: list[dict[str, Any]], file: File | None) -> None:
        for number, body in enumerate(bodies):
            files = _files(file) if number == len(bodies) - 1 else []
            route = Route("POST", "/channels/{channel_id}/messages", channel_id=channel_id)
            await self._rest.call(route, rendering.once(body, secrets.token_hex(8)), files=files)


def _message_of(to: ReplyTo) -> str:
    """The id of the message that it answers; `''` where it answers a command."""
    return to.handle.removeprefix(_ABOUT) if to.handle.startswith(_ABOUT) else ""


def _replying(body: dict[str, Any], message_id: str) -> dict[str, Any]:
    reference = {"message_id": message_id, "fail_if_not_exists": False}
    mentions = {"parse": [], "users": body["allowed_mentions"].get("users", []), "replied_user": True}
    return {**body, "message_reference": reference, "allowed_mentions": mentions}


def _is_for_everybody(reply: Reply) -> bool:
    return not (reply.private or reply.link or reply.file or reply.items or reply.next)


def _resumed() -> _Interaction:
    """One that an earlier process acknowledged."""
    known = _Interaction()
    known.taken.set_result(True)
    return known


def _files(file: File | None) -> list[discord.File]:
    return [discord.File(io.BytesIO(file.content), file.name, description=file.alt[:1_024] or None)] if file else []


def _about(place: ConversationRef, body: dict[str, Any]) -> dict[str, Any]:
    """In a direct message people cannot see what it is about."""
    note = f"-# About <#{target(place)}>"
    content = body.get("content")
    if content is None or len(content) + len(note) >= CONTENT_LIMIT:
        return body
    return {**body, "content": f"{content}\n{note}".lstrip("\n")}

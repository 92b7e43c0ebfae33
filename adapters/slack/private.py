"""Answers to one person. They have private ways only: nothing here takes an answer and a channel that others can read."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog

from adapters.slack import answers, blocks
from adapters.slack.blocks import Content
from adapters.slack.calls import WorkspaceCalls
from adapters.slack.errors import SlackRefused
from adapters.slack.inbound import place_of
from adapters.slack.manifest import OPTIONAL_SCOPES, SCOPES
from bot.domain.conversations import ConversationRef
from bot.domain.errors import PlaceGone, PlatformError, Throttled
from bot.domain.messages import ReplyTo
from bot.domain.replies import File, Reply
from bot.ports.clock import Clock

PATIENCE = timedelta(minutes=2)
"""How long an answer without a living handle waits for Slack's rate limits."""

log = structlog.get_logger(__name__)

Way = Callable[[Content], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class DirectMessage:
    """The conversation between the bot and one person. Raises `ValueError` for a place that is none."""

    place: ConversationRef

    def __post_init__(self) -> None:
        if not self.place.channel_id.startswith("D"):
            raise ValueError("not a direct message")


class PrivateAnswers:
    """By the handle while it lasts, else ephemerally, else in the direct message.

    Where none of them is open, a mention in the place says that an answer could not be delivered and which scope is missing,
    and nothing of the answer.
    """

    def __init__(self, calls: WorkspaceCalls, clock: Clock) -> None:
        self._call = calls
        self._clock = clock

    async def give(self, to: ReplyTo, reply: Reply, *, patiently: bool) -> None:
        """Raises `Throttled` at the first rate limit; `patiently`, waits for it while the handle lives, or `PATIENCE`."""
        contents = answers.answer(reply) if _says_something(reply) else []
        now = self._clock.now()
        await self._deliver(to, contents, reply.file, self._deadline(to, now) if patiently else now)

    async def show(self, to: ReplyTo, content: Content) -> None:
        """One message of our own making, patiently."""
        await self._deliver(to, [content], None, self._deadline(to, self._clock.now()))

    async def _deliver(self, to: ReplyTo, contents: Sequence[Content], file: File | None, until: datetime) -> None:
        try:
            for used, content in enumerate(contents):
                await self._first_way(self._ways(to, used), content, until)
            if file:
                await self._hand_over(to, file, len(contents), until)
        except (SlackRefused, PlaceGone) as refused:
            await self._excuse(to, refused)

    def _deadline(self, to: ReplyTo, now: datetime) -> datetime:
        return to.expires_at if to.expires_at and to.usable_at(now) else now + PATIENCE

    async def _hand_over(self, to: ReplyTo, file: File, used: int, until: datetime) -> None:
        """In the direct message, since nothing ephemeral carries a file; else the person is told, privately, why not."""
        try:
            await self._patiently(partial(self._send_file, to, file), until)
        except (SlackRefused, PlaceGone) as refused:
            log.info("a file was not handed over", detail=refused.detail)
            sentence = f"I could not send you {file.name}: files come by direct message. {_reason(refused)}"
            await self._first_way(self._ways(to, used), blocks.statement(sentence), until)

    # ------------------------------------------------ the ways

    def _ways(self, to: ReplyTo, used: int) -> Iterator[Way]:
        """`used` is how many answers the handle has given away since `to` was made."""
        if to.usable_at(self._clock.now()) and used < to.uses_left:
            yield partial(self._by_handle, to)
        if to.place.channel_id:  # the home tab is no channel
            yield partial(self._ephemerally, to)
        yield partial(self._directly, to)

    async def _first_way(self, ways: Iterator[Way], content: Content, until: datetime) -> None:
        """Raises what the last way met."""
        refused = PlatformError("There is no way to answer.")
        for way in ways:
            try:
                await self._patiently(partial(way, content), until)
            except Throttled:
                raise
            except PlatformError as error:
                log.info("an answer takes another way", detail=error.detail)
                refused = error
            else:
                return
        raise refused

    async def _patiently(self, attempt: Callable[[], Awaitable[None]], until: datetime) -> None:
        while True:
            try:
                return await attempt()
            except Throttled as throttled:
                if self._clock.now() + timedelta(seconds=throttled.retry_after) >= until:
                    raise
                await asyncio.sleep(throttled.retry_after)

    async def _by_handle(self, to: ReplyTo, content: Content) -> None:
        body = {"response_type": "ephemeral", "replace_original": False, **content.arguments()}
        await self._call.web.send(to.handle, body)

    async def _ephemerally(self, to: ReplyTo, content: Content) -> None:
        await self._call(
            to.place,
            "chat.postEphemeral",
            channel=to.place.channel_id,
            user=to.person.id,
            thread_ts=to.place.thread_id or None,
            **content.arguments(),
        )

    async def _directly(self, to: ReplyTo, content: Content) -> None:
        direct = await self._direct(to)
        await self._call(
            direct.place,
            "chat.postMessage",
            channel=direct.place.channel_id,
            unfurl_links=False,
            unfurl_media=False,
            **content.arguments(),
        )

    async def _send_file(self, to: ReplyTo, file: File) -> None:
        await self._call.upload((await self._direct(to)).place, file)

    async def _direct(self, to: ReplyTo) -> DirectMessage:
        """Asked of Slack each time: a `D…` where somebody typed a command may be between two other people, and closed to us."""
        try:
            opened = await self._call(to.place, "conversations.open", users=to.person.id)
        except SlackRefused:
            if to.place.channel_id.startswith("D"):
                return DirectMessage(to.place.channel)
            raise
        return DirectMessage(place_of(to.place.workspace_id, str(opened["channel"]["id"])))

    # ------------------------------------------------ no way at all

    async def _excuse(self, to: ReplyTo, refused: PlatformError) -> None:
        """Says in public that there was an answer. Raises `refused` where not even that can be said."""
        if not to.place.channel_id:
            raise refused
        sentence = f"I could not deliver an answer to you privately. {_reason(refused)}"
        try:
            await self._call(
                to.place,
                "chat.postMessage",
                channel=to.place.channel_id,
                thread_ts=to.place.thread_id or None,
                **blocks.mention(to.person.id, blocks.statement(sentence)).arguments(),
            )
        except PlatformError as error:
            log.info("nobody could be told of a lost answer", detail=error.detail)
            raise refused from None


def _says_something(reply: Reply) -> bool:
    return bool(reply.text or reply.sections or reply.items or reply.link or not reply.file)


def _reason(refused: PlatformError) -> str:
    needed: Sequence[str] = refused.needed if isinstance(refused, SlackRefused) else ()
    if ours := [scope for scope in needed if scope in (*OPTIONAL_SCOPES, *SCOPES)]:
        return f"The Slack app lacks the scope {ours[0]}: ask whoever runs it to add it and install the app again."
    return "Slack did not let me write to you; a direct message to me may help."

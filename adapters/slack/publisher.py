"""Everything we write to Slack: to a channel, and to one person by private ways only."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog

from adapters.slack import rendering
from adapters.slack.client import Installations, SlackRefused, WebApi, WorkspaceCalls
from adapters.slack.health import Health
from adapters.slack.manifest import OPTIONAL_SCOPES, SCOPES
from adapters.slack.rendering import Block, Content
from adapters.slack.text import TEXT_LIMIT, measure
from bot.clock import Clock
from bot.commands.catalogue import Verb
from bot.domain.conversations import ConversationRef, File, MessageRef, Reply, ReplyTo
from bot.domain.errors import MessageGone, PlaceGone, PlatformError, Throttled
from bot.domain.posts import Card, Opened, TranscriptLine
from bot.ports.chat import RateLimits

PATIENCE = timedelta(minutes=2)
"""How long an answer without a living handle waits for Slack's rate limits."""

log = structlog.get_logger(__name__)

Way = Callable[[Content], Awaitable[None]]

POST_EVENT = "avatarbot_post"
"""The `event_type` of a line's or card's metadata; its payload holds our key, by which `find` knows it again."""

HEARD = "loud_sound"
THINKING = "is thinking…"

NO_SUCH_THING = frozenset({"unknown_method", "method_deprecated", "feature_not_enabled", "missing_scope"})
ASK_AGAIN = timedelta(hours=1)

PAGE = 200
PAGES = 5
"""How much `find` looks through of what was posted since."""

CLOCKS_DIFFER = timedelta(minutes=5)
"""At most, Slack's and ours: beyond that its signatures are too old for us."""

_DONE_ALREADY = frozenset({"already_reacted"})


# ---------------------------------------------------------------- to one person


@dataclass(frozen=True, slots=True)
class DirectMessage:
    """The conversation between the bot and one person. Raises `ValueError` for a place that is none."""

    place: ConversationRef

    def __post_init__(self) -> None:
        if not self.place.channel_id.startswith("D"):
            raise ValueError("not a direct message")


class PrivateAnswers:
    """By the handle while it lasts, else ephemerally, else in the direct message: nothing here takes an answer and a channel that
    others can read.

    Where none of them is open, a mention in the place says that an answer could not be delivered and which scope is missing,
    and nothing of the answer.
    """

    def __init__(self, calls: WorkspaceCalls, clock: Clock) -> None:
        self._call = calls
        self._clock = clock

    async def give(self, to: ReplyTo, reply: Reply, *, patiently: bool) -> None:
        """Raises `Throttled` at the first rate limit; `patiently`, waits for it while the handle lives, or `PATIENCE`."""
        contents = rendering.answer(reply) if _says_something(reply) else []
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
            await self._first_way(self._ways(to, used), rendering.statement(sentence), until)

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
        return DirectMessage(ConversationRef("slack", to.place.workspace_id, str(opened["channel"]["id"])))

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
                **rendering.mention(to.person.id, rendering.statement(sentence)).arguments(),
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


# ---------------------------------------------------------------- to a channel


class SlackPublisher:
    """Posts, edits and answers. Raises as `ChatPlatform` says; obeys `Retry-After` by raising `Throttled`.

    `chat.update` takes 50 calls a minute in a workspace (tier 3), whatever the number of sessions; hence the pace.
    """

    name = "slack"
    pace = RateLimits(calls_per_second=3.0, edit_interval=1.2, first_post=0.4, hold=0.15, edits_per_second=0.8)
    text_limit = TEXT_LIMIT

    def __init__(self, web: WebApi, installations: Installations, clock: Clock, health: Health | None = None) -> None:
        self._web = web
        self._clock = clock
        self._call = WorkspaceCalls(web, installations)
        self._private = PrivateAnswers(self._call, clock)
        self._health = health or Health(clock)
        self._no_status_until: dict[str, datetime] = {}

    def measure(self, text: str) -> int:
        return measure(text)

    # ------------------------------------------------ the session

    async def post_card(self, place: ConversationRef, card: Card, *, since: datetime | None = None) -> Opened:
        standing = await self._standing(place, card, since) if since else None
        ref = await (self.update_card(standing, place, card) if standing else self._post_card(place, card))
        is_direct = place.channel_id.startswith("D")
        return Opened(ref, place if place.thread_id or is_direct else place.in_thread(ref.message_id))

    async def update_card(self, card_ref: MessageRef, thread: ConversationRef, card: Card) -> MessageRef:
        try:
            await self._update(card_ref, rendering.card(card))
        except MessageGone:
            return await self._post_card(thread, card)
        return card_ref

    async def _post_card(self, place: ConversationRef, card: Card) -> MessageRef:
        return await self._post(place, rendering.card(card), metadata=_marked(card.key))

    async def _standing(self, place: ConversationRef, card: Card, since: datetime) -> MessageRef | None:
        """Nobody who waits for an avatar waits for this too: apps outside Slack's marketplace may look back once a minute."""
        try:
            return await self.find(place, card.key, since)
        except Throttled:
            return None

    async def post(self, thread: ConversationRef, line: TranscriptLine, key: str) -> MessageRef:
        return await self._post(thread, rendering.line(line), metadata=_marked(key))

    async def edit(self, ref: MessageRef, line: TranscriptLine) -> None:
        await self._update(ref, rendering.line(line))

    async def find(self, thread: ConversationRef, key: str, since: datetime) -> MessageRef | None:
        try:
            async for message in self._messages(thread, since - CLOCKS_DIFFER):
                if _key(message) == key:
                    return MessageRef(thread, str(message["ts"]))
        except SlackRefused as refused:
            log.info("Slack does not let us look back", detail=refused.detail)
        return None

    async def mark_spoken(self, ref: MessageRef) -> None:
        try:
            await self._call(
                ref.place, "reactions.add", channel=ref.place.channel_id, timestamp=ref.message_id, name=HEARD
            )
        except SlackRefused as refused:
            if refused.code not in _DONE_ALREADY:
                log.info("a message could not be marked as spoken", detail=refused.detail)

    async def start_typing(self, thread: ConversationRef) -> None:
        """Shown below the thread until something is posted, two minutes at most. Where Slack has no such thing, asked again in an hour."""
        now, workspace = self._clock.now(), thread.workspace_id
        if not thread.thread_id or now < self._no_status_until.get(workspace, now):
            return
        where = {"channel_id": thread.channel_id, "thread_ts": thread.thread_id}
        try:
            await self._call(thread, "assistant.threads.setStatus", status=THINKING, **where)
        except SlackRefused as refused:
            log.info("Slack shows no status here", detail=refused.detail)
            if refused.code in NO_SUCH_THING:
                self._no_status_until[workspace] = now + ASK_AGAIN

    async def notify(self, thread: ConversationRef, text: str) -> None:
        await self._post(thread, rendering.statement(text))

    # ------------------------------------------------ one person

    async def reply(self, to: ReplyTo, reply: Reply) -> None:
        await self._private.give(to, reply, patiently=False)

    async def answer(self, to: ReplyTo, reply: Reply) -> None:
        """As `reply`, and waits for Slack's rate limits: for what is written down nowhere and would be lost."""
        await self._private.give(to, reply, patiently=True)

    # ------------------------------------------------ views

    async def offer_form(self, to: ReplyTo, verb: Verb) -> None:
        """A button that opens the form of a verb: Slack opens none for a message."""
        await self._private.show(to, rendering.form_offer(verb))

    async def open_form(self, place: ConversationRef, trigger_id: str, view: Block) -> None:
        """Open a modal; the trigger is good for 3 s, once."""
        await self._call(place, "views.open", trigger_id=trigger_id, view=view)

    async def publish_home(self, place: ConversationRef, user_id: str, view: Block) -> None:
        await self._call(place, "views.publish", user_id=user_id, view=view)

    # ------------------------------------------------ calls

    async def _post(self, place: ConversationRef, content: Content, **more: Any) -> MessageRef:
        answer = await self._call(
            place,
            "chat.postMessage",
            channel=place.channel_id,
            thread_ts=place.thread_id or None,
            unfurl_links=False,
            unfurl_media=False,
            **content.arguments(),
            **more,
        )
        self._health.posted()
        return MessageRef(place, str(answer["ts"]))

    async def _update(self, ref: MessageRef, content: Content) -> None:
        await self._call(
            ref.place, "chat.update", channel=ref.place.channel_id, ts=ref.message_id, **content.arguments()
        )

    async def _messages(self, place: ConversationRef, oldest: datetime) -> Any:
        method, root = "conversations.history", {}
        if place.thread_id:
            method, root = "conversations.replies", {"ts": place.thread_id}
        cursor = None
        for _ in range(PAGES):
            answer = await self._call(
                place,
                method,
                channel=place.channel_id,
                oldest=f"{oldest.timestamp():.6f}",
                limit=PAGE,
                include_all_metadata=True,
                cursor=cursor,
                **root,
            )
            for message in answer["messages"]:
                yield message
            cursor = (answer.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return


def _marked(key: str) -> Mapping[str, Any]:
    return {"event_type": POST_EVENT, "event_payload": {"key": key}}


def _key(message: Mapping[str, Any]) -> str:
    metadata = message.get("metadata") or {}
    if metadata.get("event_type") != POST_EVENT:
        return ""
    return str((metadata.get("event_payload") or {}).get("key", ""))

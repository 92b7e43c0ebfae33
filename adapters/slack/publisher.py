"""Everything we write to Slack."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog

from adapters.slack import blocks, cards
from adapters.slack.blocks import Block, Content
from adapters.slack.calls import WorkspaceCalls
from adapters.slack.client import WebApi
from adapters.slack.errors import SlackRefused
from adapters.slack.health import Health
from adapters.slack.installations import Installations
from adapters.slack.mrkdwn import TEXT_LIMIT, measure
from adapters.slack.private import PrivateAnswers
from bot.commands.verb import Verb
from bot.domain.cards import Card, Opened
from bot.domain.conversations import ConversationRef, MessageRef
from bot.domain.errors import MessageGone, Throttled
from bot.domain.messages import ReplyTo
from bot.domain.replies import Reply
from bot.domain.transcript import TranscriptLine
from bot.ports.chat import RateLimits
from bot.ports.clock import Clock

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

log = structlog.get_logger(__name__)


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
            await self._update(card_ref, cards.card(card))
        except MessageGone:
            return await self._post_card(thread, card)
        return card_ref

    async def _post_card(self, place: ConversationRef, card: Card) -> MessageRef:
        return await self._post(place, cards.card(card), metadata=_marked(card.key))

    async def _standing(self, place: ConversationRef, card: Card, since: datetime) -> MessageRef | None:
        """Nobody who waits for an avatar waits for this too: apps outside Slack's marketplace may look back once a minute."""
        try:
            return await self.find(place, card.key, since)
        except Throttled:
            return None

    async def post(self, thread: ConversationRef, line: TranscriptLine, key: str) -> MessageRef:
        return await self._post(thread, blocks.line(line), metadata=_marked(key))

    async def edit(self, ref: MessageRef, line: TranscriptLine) -> None:
        await self._update(ref, blocks.line(line))

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
        await self._post(thread, blocks.statement(text))

    # ------------------------------------------------ one person

    async def reply(self, to: ReplyTo, reply: Reply) -> None:
        await self._private.give(to, reply, patiently=False)

    async def answer(self, to: ReplyTo, reply: Reply) -> None:
        """As `reply`, and waits for Slack's rate limits: for what is written down nowhere and would be lost."""
        await self._private.give(to, reply, patiently=True)

    # ------------------------------------------------ views

    async def offer_form(self, to: ReplyTo, verb: Verb) -> None:
        """A button that opens the form of a verb: Slack opens none for a message."""
        await self._private.show(to, cards.form_offer(verb))

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

"""The Events API: messages, and what happens to channels and installations."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import structlog

from adapters.slack.inbound import (
    Afterwards,
    Receipt,
    SlackInboundHandler,
    asked_for,
    deletion,
    edit,
    is_for_us,
    message,
    place_of,
    read,
    reading,
    without_mention,
)
from adapters.slack.payloads import ChannelEvent, HomeOpened, InboundContext, MemberEvent, MessageEvent, Text
from adapters.slack.rendering import home
from adapters.slack.text import SOMEONE, attached, mentions
from bot.domain.conversations import Command, ConversationRef, Inbound, Membership, MessagePosted, Person, ReplyTo
from bot.domain.errors import StoreUnavailable

log = structlog.get_logger(__name__)

Body = Mapping[str, Any]


class SlackEvents:
    """Takes one event. The answer is 200 only after the commit; 503 makes Slack deliver again."""

    def __init__(self, handler: SlackInboundHandler) -> None:
        self._handler = handler
        self._kinds: Mapping[str, Callable[[InboundContext, Body], Awaitable[Receipt]]] = {
            "message": self._message,
            "app_mention": self._message,
            "app_home_opened": self._home_opened,
            "app_uninstalled": self._uninstalled,
            "tokens_revoked": self._revoked,
            "member_left_channel": self._member_left,
            **dict.fromkeys(("channel_left", "channel_archive", "channel_deleted"), self._channel_gone),
            **dict.fromkeys(("group_left", "group_archive", "group_deleted"), self._channel_gone),
        }

    async def take(self, setting: InboundContext, body: Body) -> Receipt:
        with reading():
            kind = str(body["event"].get("type"))
        return await self._kinds.get(kind, _pass)(setting, body)

    # ------------------------------------------------ messages

    async def _message(self, setting: InboundContext, body: Body) -> Receipt:
        event = read(body["event"], MessageEvent)
        if event.subtype in ("message_changed", "message_deleted"):
            return await self._changed(setting, event, body)
        if not is_for_us(event):
            return Receipt()
        addressed = _addressed(event, setting)
        if not addressed and not await self._concerns(
            setting, event.channel, Text(ts=event.ts, thread_ts=event.thread_ts)
        ):
            return Receipt()
        found = mentions(event.text, event.blocks, event.attachments)
        person, names = await self._handler.directory.look_up(setting, event.user, found)
        with reading():
            inbound = message(event, setting, person, names)
        if isinstance(inbound.body, MessagePosted) and not inbound.body.text:  # only a picture, only a file
            return Receipt()
        if addressed and (verb := asked_for(without_mention(event.text, setting.own_id), self._handler.catalogue)):
            form = partial(self._handler.writer.offer_form, ReplyTo(inbound.place, person), verb)
            return await self._answer(inbound, form)
        return await self._submitted(inbound, addressed=addressed)

    async def _concerns(self, setting: InboundContext, channel: str, text: Text) -> bool:
        """Asked of the core before Slack is asked anything: most of what people write is not for us."""
        place = place_of(setting.workspace_id, channel, text.ts, text.thread_ts)
        return await self._handler.core.concerns(place)

    async def _submitted(self, inbound: Inbound, *, addressed: bool) -> Receipt:
        handling = await self._handler.submit(inbound)
        if not handling.taken:
            return Receipt(status=503)
        if handling.sentence and (handling.hosted or addressed):
            return await self._answer(inbound, self._handler.say(inbound, handling.sentence))
        return Receipt(afterwards=handling.afterwards)

    async def _answer(self, inbound: Inbound, answer: Afterwards) -> Receipt:
        """A mention comes as two events, perhaps to two processes, and whatever Slack sends may come again."""
        try:
            return Receipt(afterwards=await self._handler.core.first_to_answer(inbound, answer))
        except StoreUnavailable:
            return Receipt(status=503)

    async def _changed(self, setting: InboundContext, event: MessageEvent, body: Body) -> Receipt:
        """An edit or a deletion, which is its author's whoever that is. Slack also reports the preview that it adds to a link."""
        before, after = event.previous_message or Text(), event.message or Text()
        author = before if event.subtype == "message_deleted" or after.subtype == "tombstone" else after
        if not author.user or author.bot_id:
            return Receipt()
        if not await self._concerns(setting, event.channel, author):
            return Receipt()
        event_id, person = str(body.get("event_id", "")), Person(author.user, SOMEONE, Membership.UNKNOWN)
        if author is before:
            with reading():
                inbound = deletion(event, event_id, setting, person)
        elif _reads_the_same(before, after):
            return Receipt()
        else:
            names = await self._handler.directory.names(setting, mentions(after.text, after.blocks, after.attachments))
            with reading():
                inbound = edit(event, event_id, setting, person, names)
        handling = await self._handler.submit(inbound)
        return Receipt(status=200 if handling.taken else 503)

    # ------------------------------------------------ the home tab

    async def _home_opened(self, setting: InboundContext, body: Body) -> Receipt:
        event = read(body["event"], HomeOpened)
        return Receipt(afterwards=self._home(setting, event) if event.tab == "home" else None)

    def _home(self, setting: InboundContext, event: HomeOpened) -> Afterwards:
        async def show() -> None:
            handler = self._handler
            person = await handler.directory.person(setting, event.user)
            place = place_of(setting.workspace_id, event.channel)
            asked = Inbound("", 0, place, person, Command("sessions"), ReplyTo(place, person))
            sessions = await handler.core.answer(asked)
            await handler.writer.publish_home(place, event.user, home(sessions, handler.command))

        return show

    # ------------------------------------------------ what is gone

    async def _channel_gone(self, setting: InboundContext, body: Body) -> Receipt:
        event = read(body["event"], ChannelEvent)
        await self._handler.core.channel_removed(place_of(setting.workspace_id, event.channel))
        return Receipt()

    async def _member_left(self, setting: InboundContext, body: Body) -> Receipt:
        event = read(body["event"], MemberEvent)
        if event.user == setting.own_id:
            return await self._channel_gone(setting, body)
        await self._handler.core.person_gone(place_of(setting.workspace_id, event.channel), event.user)
        return Receipt()

    async def _uninstalled(self, setting: InboundContext, _: Body) -> Receipt:
        await self._handler.core.channel_removed(
            ConversationRef("slack", setting.workspace_id, ""), whole_workspace=True
        )
        await self._handler.installations.forget(setting.workspace_id)
        log.info("Slack: uninstalled", workspace=setting.workspace_id)
        return Receipt()

    async def _revoked(self, setting: InboundContext, body: Body) -> Receipt:
        """Only the bot's own token matters; people may revoke theirs, which we never ask for."""
        with reading():
            ours = bool((body["event"].get("tokens") or {}).get("bot"))
        return await self._uninstalled(setting, body) if ours else Receipt()


async def _pass(_: InboundContext, __: Body) -> Receipt:
    """Nothing of ours: taken, so that Slack does not deliver it again."""
    return Receipt()


def _addressed(event: MessageEvent, setting: InboundContext) -> bool:
    """Whether its author expects an answer from us even where no avatar is hosted."""
    return event.channel.startswith("D") or setting.own_id in mentions(event.text, event.blocks).people


def _reads_the_same(before: Text, after: Text) -> bool:
    """Whether only Slack changed something: a preview came, or a reaction."""
    return (before.text, before.blocks, attached(before.attachments)) == (
        after.text,
        after.blocks,
        attached(after.attachments),
    )

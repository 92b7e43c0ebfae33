"""Slash commands, buttons, shortcuts and forms."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from adapters.slack import forms
from adapters.slack.inbound import (
    Afterwards,
    Receipt,
    SlackInboundHandler,
    place_of,
    privately,
    read,
    reading,
    reply_to,
    run,
    typed,
    wanted,
)
from adapters.slack.manifest import SAY_SHORTCUT, START_SHORTCUT
from adapters.slack.payloads import InboundContext, Interaction, SlashCommand, Text, View
from adapters.slack.rendering import FORM, LINK, RUN, command_of
from adapters.slack.text import mentions, plain_words
from bot.commands.catalogue import Verb
from bot.commands.parser import ParseError
from bot.domain.conversations import Command, ConversationRef, Inbound, Person, Reply, ReplyTo
from bot.domain.errors import PlatformError
from bot.ports.chat import ValueQuery

ASK_WITHIN_S = 1.5
NOTHING_TO_SAY = "There is nothing in that message that can be said."

Body = Mapping[str, Any]


class SlackInteractions:
    """Takes one of them. What a person did is answered in the answer to Slack where that can be, else right after it."""

    def __init__(self, handler: SlackInboundHandler) -> None:
        self._handler = handler
        self._kinds: Mapping[str, Callable[[InboundContext, Interaction, Body], Awaitable[Receipt]]] = {
            "block_actions": self._pressed,
            "block_suggestion": self._typing,
            "view_submission": self._submitted,
            "shortcut": self._global_shortcut,
            "message_action": self._message_shortcut,
        }

    async def command(self, setting: InboundContext, body: Body) -> Receipt:
        payload = read(body, SlashCommand)
        place = place_of(setting.workspace_id, payload.channel_id)
        person, names = await self._handler.directory.look_up(setting, payload.user_id, mentions(payload.text, []))
        now = self._handler.clock.now()
        to = reply_to(place, person, payload.response_url, now)
        command = typed(payload.text, plain_words(payload.text, [], names))
        if verb := wanted(payload.text, command, self._handler.catalogue):
            return Receipt(afterwards=self._open(verb, to, payload.trigger_id))
        if isinstance(command, ParseError):
            return Receipt(privately(command.sentence))
        handling = await self._handler.submit(run(command, payload.trigger_id, to, now))
        return Receipt(privately(handling.sentence) if handling.sentence else "", afterwards=handling.afterwards)

    async def take(self, setting: InboundContext, body: Body) -> Receipt:
        payload = read(body, Interaction)
        handle = self._kinds.get(payload.type)
        return await handle(setting, payload, body) if handle else Receipt()

    # ------------------------------------------------ buttons

    async def _pressed(self, setting: InboundContext, payload: Interaction, body: Body) -> Receipt:
        action = next((a for a in payload.actions if not a.action_id.startswith(LINK)), None)
        if action is None:
            return Receipt()
        to = await self._person(setting, payload, body)
        if action.action_id.startswith(FORM):
            verb = self._handler.catalogue.verb(action.action_id.removeprefix(FORM))
            return Receipt(afterwards=self._open(verb, to, payload.trigger_id) if verb else None)
        if action.action_id.startswith(RUN):
            with reading():
                command = command_of(action.action_id, action.value or "")
            return await self._run(command, payload.trigger_id, to)
        return Receipt()

    async def _person(self, setting: InboundContext, payload: Interaction, body: Body) -> ReplyTo:
        with reading():
            place = _pressed_place(setting, payload, body)
        person = await self._handler.directory.person(setting, payload.user.id)
        return reply_to(place, person, payload.response_url, self._handler.clock.now())

    async def _run(self, command: Command, event_id: str, to: ReplyTo) -> Receipt:
        inbound = run(command, event_id, to, self._handler.clock.now())
        handling = await self._handler.submit(inbound)
        said = self._handler.say(inbound, handling.sentence) if handling.sentence else handling.afterwards
        return Receipt(afterwards=said)

    # ------------------------------------------------ shortcuts

    async def _global_shortcut(self, setting: InboundContext, payload: Interaction, body: Body) -> Receipt:
        verb = self._handler.catalogue.verb("start")
        if payload.callback_id != START_SHORTCUT or verb is None:
            return Receipt()
        return Receipt(afterwards=self._open(verb, await self._person(setting, payload, body), payload.trigger_id))

    async def _message_shortcut(self, setting: InboundContext, payload: Interaction, body: Body) -> Receipt:
        if payload.callback_id != SAY_SHORTCUT or payload.message is None:
            return Receipt()
        to = await self._person(setting, payload, body)
        words = await self._words(setting, payload.message)
        if not words:
            return Receipt(afterwards=lambda: self._handler.writer.answer(to, Reply(NOTHING_TO_SAY)))
        return await self._run(Command("say", {"text": words}), payload.trigger_id, to)

    async def _words(self, setting: InboundContext, message: Text) -> str:
        names = await self._handler.directory.names(
            setting, mentions(message.text, message.blocks, message.attachments)
        )
        return plain_words(message.text, message.blocks, names, message.attachments)

    # ------------------------------------------------ forms

    def _open(self, verb: Verb, to: ReplyTo, trigger_id: str) -> Afterwards:
        async def show() -> None:
            try:
                await self._handler.writer.open_form(to.place, trigger_id, forms.form(verb, to.place))
            except PlatformError as error:
                await self._handler.writer.answer(to, Reply(error.sentence))

        return show

    async def _typing(self, setting: InboundContext, payload: Interaction, _: Body) -> Receipt:
        """The values of one option. What does not come in time is not waited for: the list stays empty and can be typed into again."""
        with reading():
            verb, place = forms.remembered(payload.view or View())
        person: Person = await self._handler.directory.person(setting, payload.user.id)
        ask = ValueQuery(place, person, verb, payload.action_id, payload.value, forms.CHOICES_LIMIT)
        try:
            async with asyncio.timeout(ASK_WITHIN_S):
                choices = await self._handler.core.ask(ask)
        except TimeoutError:
            choices = ()
        return Receipt(forms.option_list(choices))

    async def _submitted(self, setting: InboundContext, payload: Interaction, _: Body) -> Receipt:
        view = payload.view or View()
        urls = {chosen.channel_id: chosen.response_url for chosen in payload.response_urls}
        with reading():
            filled = forms.filled(view, urls)
        person = await self._handler.directory.person(setting, payload.user.id)
        to = reply_to(filled.place, person, filled.response_url, self._handler.clock.now())
        inbound: Inbound = run(filled.command, payload.trigger_id or f"view:{view.id}", to, self._handler.clock.now())
        handling = await self._handler.submit(inbound)
        if handling.sentence:
            return Receipt(forms.refused(view, handling.sentence))
        return Receipt(afterwards=handling.afterwards)


_CARD_VERBS = frozenset({"watch", "interrupt", "extend", "keep-going", "stop"})
"""What is meant for the session of the thread below a card. What an ended card offers names its session."""


def _pressed_place(setting: InboundContext, payload: Interaction, body: Body) -> ConversationRef:
    """A card's buttons belong to the thread below it; others to where they stand; those of the home tab to no channel."""
    if payload.channel is None:
        return place_of(setting.workspace_id, "")
    message = payload.message or Text()
    container = body.get("container") or {}
    thread_ts = message.thread_ts or str(container.get("thread_ts") or "")
    place = place_of(setting.workspace_id, payload.channel.id, message.ts, thread_ts)
    if container.get("is_ephemeral"):  # a row of an answer: what it is about it names itself
        return place
    on_card = any(command_of(a.action_id, "").verb in _CARD_VERBS for a in payload.actions)
    if on_card and not place.thread_id and not place.channel_id.startswith("D"):
        return place.in_thread(message.ts)
    return place

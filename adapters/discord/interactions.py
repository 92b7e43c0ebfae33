"""Commands, buttons, forms and suggestions."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

import discord

from adapters.discord import forms
from adapters.discord.commands import CHOICE_LENGTH, CHOICES_LIMIT, MESSAGE, focused, invoked
from adapters.discord.conversations import PLATFORM, direct, person_of
from adapters.discord.custom_ids import OWN_THREAD, CardButton, run_command
from adapters.discord.inbound import DiscordInboundHandler
from adapters.discord.text import names_in_payload, words_of
from bot.commands.buttons import card_button
from bot.domain.conversations import Choice, Command, ConversationRef, Inbound
from bot.ports.chat import ValueQuery

ASK_WITHIN = 1.8
"""Seconds; Discord waits for three."""

SUGGESTIONS = 8
NOTHING_TO_SAY = "There is nothing in that message that can be said."

Kinds = Mapping[discord.InteractionType, Callable[[discord.Interaction], Awaitable[None]]]


class DiscordInteractions:
    def __init__(self, handler: DiscordInboundHandler, conversation: Literal["thread", "channel"]) -> None:
        self._handler = handler
        self._replies = handler.replies
        self._threaded = conversation == "thread"
        self._kinds: Kinds = {
            discord.InteractionType.application_command: self._commanded,
            discord.InteractionType.autocomplete: self._typing,
            discord.InteractionType.component: self._pressed,
            discord.InteractionType.modal_submit: self._submitted,
        }

    async def take(self, interaction: discord.Interaction) -> None:
        """Take one; an answer that is still to come comes by the interaction's own means."""
        if handle := self._kinds.get(interaction.type):
            await handle(interaction)

    # ------------------------------------------------------------ commands

    async def _commanded(self, interaction: discord.Interaction) -> None:
        data = _data(interaction)
        if data.get("type") == MESSAGE:
            await self._say_message(interaction, data)
            return
        command = invoked(data, lambda text: _words(interaction, text, ()))
        if verb := forms.wanted(command, self._handler.catalogue):
            await self._replies.respond(interaction, forms.MODAL, forms.form(verb, command.options))
        elif lacking := self._lacking(interaction, command):
            await self._replies.say(interaction, lacking)
        else:
            await self._run(interaction, command, _place(interaction))

    async def _say_message(self, interaction: discord.Interaction, data: Mapping[str, Any]) -> None:
        """The command in the menu of a message."""
        message = data["resolved"]["messages"][data["target_id"]]
        words = _words(interaction, str(message.get("content") or ""), message.get("mentions") or ())
        if words:
            await self._run(interaction, Command("say", {"text": words}), _place(interaction))
        else:
            await self._replies.say(interaction, NOTHING_TO_SAY)

    async def _run(self, interaction: discord.Interaction, command: Command, place: ConversationRef) -> None:
        """Acknowledge and commit, at the same time; then say what came of it."""
        person = person_of(interaction.user, interaction.permissions)
        to = self._replies.reply_to(interaction, place, person)
        inbound = Inbound(str(interaction.id), interaction.id, place, person, command, to)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._replies.defer(interaction))
            outcome = group.create_task(self._handler.accept(inbound))
        await self._handler.settle_command(inbound, outcome.result())

    def _lacking(self, interaction: discord.Interaction, command: Command) -> str:
        """What we are not allowed to do where a session is to start: better said now than found out at its end."""
        if command.verb != "start" or interaction.guild_id is None:
            return ""
        wanted = self._wanted(interaction)
        lacking = [name for name, held in interaction.app_permissions if name in wanted and not held]
        if not lacking:
            return ""
        named = ", ".join(name.replace("_", " ").title() for name in lacking)
        return f"I am not allowed enough here to host an avatar. Please give me, in this channel's settings: {named}."

    def _wanted(self, interaction: discord.Interaction) -> frozenset[str]:
        if isinstance(interaction.channel, discord.Thread):
            return _IN_THREAD
        return _WITH_THREAD if self._threaded else _IN_CHANNEL

    # ------------------------------------------------------------ buttons and forms

    async def _pressed(self, interaction: discord.Interaction) -> None:
        data = _data(interaction)
        custom_id = str(data.get("custom_id", ""))
        if button := CardButton.parse(custom_id):
            command = card_button(button.action, button.session_id).command
            await self._run(interaction, command, self._card_place(interaction, button))
        elif verb := forms.offered(custom_id, self._handler.catalogue):
            await self._replies.respond(interaction, forms.MODAL, forms.form(verb, {}))
        elif row := run_command(custom_id):
            await self._run(interaction, row, _place(interaction))

    def _card_place(self, interaction: discord.Interaction, button: CardButton) -> ConversationRef:
        place, message = _place(interaction), interaction.message
        if button.thread_id == OWN_THREAD and message is not None:
            return place.in_thread(str(message.id)) if self._threaded else place
        return place.in_thread(button.thread_id) if button.thread_id else place

    async def _submitted(self, interaction: discord.Interaction) -> None:
        command = forms.filled(_data(interaction))
        if command:
            text = {name: _words(interaction, value, ()) for name, value in command.options.items()}
            await self._run(interaction, Command(command.verb, text), _place(interaction))

    # ------------------------------------------------------------ suggestions

    async def _typing(self, interaction: discord.Interaction) -> None:
        focus = focused(_data(interaction))
        choices: list[dict[str, str]] = []
        if focus:
            person = person_of(interaction.user, interaction.permissions)
            ask = ValueQuery(_place(interaction), person, focus.verb, focus.option, focus.typed, CHOICES_LIMIT)
            choices = [_offered(choice) for choice in await self._choices(ask)]
        await self._replies.respond(interaction, SUGGESTIONS, {"choices": choices[:CHOICES_LIMIT]})

    async def _choices(self, ask: ValueQuery) -> list[Choice]:
        """A value that is too long for Discord cannot be offered. What comes too late is of no use."""
        try:
            async with asyncio.timeout(ASK_WITHIN):
                offered = await self._handler.core.ask(ask)
        except TimeoutError:
            return []
        return [choice for choice in offered if 0 < len(choice.value) <= CHOICE_LENGTH]


_SEEING = frozenset({"view_channel", "read_messages", "embed_links"})
_IN_CHANNEL = _SEEING | {"send_messages"}
_IN_THREAD = _SEEING | {"send_messages_in_threads"}  # Send Messages means nothing in threads
_WITH_THREAD = _IN_CHANNEL | _IN_THREAD | {"create_public_threads"}


def _offered(choice: Choice) -> dict[str, str]:
    label = f"{choice.label} · {choice.detail}" if choice.detail else choice.label
    return {"name": label[:CHOICE_LENGTH] or choice.value, "value": choice.value}


def _place(interaction: discord.Interaction) -> ConversationRef:
    channel_id = str(interaction.channel_id or "")
    if interaction.guild_id is None:
        return direct(channel_id)
    if isinstance(interaction.channel, discord.Thread):
        return ConversationRef(PLATFORM, str(interaction.guild_id), str(interaction.channel.parent_id), channel_id)
    return ConversationRef(PLATFORM, str(interaction.guild_id), channel_id)


def _words(interaction: discord.Interaction, text: str, people: Any) -> str:
    return words_of(text, interaction.guild, str(interaction.client.application_id), names_in_payload(people))


def _data(interaction: discord.Interaction) -> Mapping[str, Any]:
    return interaction.data or {}

"""What came in: a payload read, made an `Inbound`, and handed to the core; and what is said about it."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec
from slack_bolt.response import BoltResponse

from adapters.slack.client import Installations
from adapters.slack.directory import Directory
from adapters.slack.payloads import InboundContext, MessageEvent, Text
from adapters.slack.publisher import SlackPublisher
from adapters.slack.text import SlackNames, command_line, escape, mentions, plain_words
from bot.clock import Clock
from bot.commands.catalogue import Catalogue, Verb
from bot.commands.parser import ParseError, asked_form, parse
from bot.commands.policy import shows_secret
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
    Person,
    Question,
    Refused,
    Reply,
    ReplyTo,
)
from bot.domain.errors import StoreUnavailable
from bot.ports.chat import CoreApi

HANDLE_LASTS = timedelta(minutes=29)  # Slack says 30
HANDLE_USES = 5

SPOKEN_SUBTYPES = frozenset({"", "file_share", "me_message", "thread_broadcast"})

WHEN_BARE = frozenset({"set", "act", "defaults set", "defaults voice"})
"""Verbs that change nothing without an option; those that lack a required one are found by themselves."""

Afterwards = Callable[[], Awaitable[None]]
"""What is done once Slack has its answer."""

NOT_TAKEN = "That was not taken just now. Please try again."


Kind = TypeVar("Kind", bound=msgspec.Struct)


class Unreadable(ValueError):
    """A delivery that makes no sense to us: nothing of ours is broken, and it is of no use to deliver it again."""


@contextmanager
def reading() -> Iterator[None]:
    """Around what only reads a payload: whatever it stumbles over makes the payload `Unreadable`."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Unreadable(type(error).__name__) from error


def read(payload: object, kind: type[Kind]) -> Kind:
    """A payload as `kind`. Raises `Unreadable`. Null stands for what Slack has left out."""
    with reading():
        return msgspec.convert(_without_nulls(payload), kind, strict=False)


def _without_nulls(payload: object) -> object:
    if isinstance(payload, dict):
        return {key: _without_nulls(value) for key, value in payload.items() if value is not None}
    return payload


# ---------------------------------------------------------------- what a payload means


def sequence_of(ts: str) -> int:
    """A Slack `ts` in microseconds. Raises `ValueError`."""
    seconds, _, fraction = ts.partition(".")
    return int(seconds) * 1_000_000 + int((fraction + "000000")[:6])


def place_of(workspace_id: str, channel_id: str, ts: str = "", thread_ts: str = "") -> ConversationRef:
    """Where a message stands. In a direct message everything is one conversation; the root of a thread stands in the channel."""
    in_thread = thread_ts and thread_ts != ts and not _is_direct(channel_id)
    return ConversationRef("slack", workspace_id, channel_id, thread_ts if in_thread else "")


def is_for_us(event: MessageEvent) -> bool:
    """Whether a person wrote this: no bot, no system message, no echo of an edit."""
    return (
        event.subtype in SPOKEN_SUBTYPES and not event.bot_id and not event.hidden and event.user not in ("", "USLACK")
    )


def message(event: MessageEvent, setting: InboundContext, person: Person, names: SlackNames) -> Inbound:
    """A message as something said or as a command. The message is the event: a mention is delivered twice, as two of them."""
    place = place_of(setting.workspace_id, event.channel, event.ts, event.thread_ts)
    mentioned = setting.own_id in mentions(event.text, event.blocks).people
    words = plain_words(event.text, event.blocks, names, event.attachments)
    said = MessagePosted(words, MessageRef(place, event.ts), mentioned=mentioned, direct=_is_direct(event.channel))
    command = _command(event.text, words, setting) if mentioned else None
    body = said if command is None or shows_secret(words) else command  # the core does not hear what shows a secret
    return Inbound(
        f"message:{event.channel}:{event.ts}", sequence_of(event.ts), place, person, body, ReplyTo(place, person)
    )


def _is_direct(channel_id: str) -> bool:
    return channel_id.startswith("D")


def _command(text: str, words: str, setting: InboundContext) -> Command | None:
    """What stands behind our name, if it is a command."""
    if not words:
        return Command("help")
    command = typed(without_mention(text, setting.own_id), words)
    return command if isinstance(command, Command) else None


def without_mention(text: str, own_id: str) -> str:
    head, token, rest = text.partition(f"<@{own_id}")
    return head + rest.partition(">")[2] if token else text


def typed(text: str, words: str) -> Command | ParseError:
    """A text read as a command. What is to be said is its plain `words`."""
    line = command_line(text)
    command = parse(line)
    says = isinstance(command, Command) and command.verb == "say"
    return parse(words) if says and words != line else command


def edit(event: MessageEvent, event_id: str, setting: InboundContext, person: Person, names: SlackNames) -> Inbound:
    assert event.message is not None
    ref = _ref(event.message, event, setting)
    words = plain_words(event.message.text, event.message.blocks, names, event.message.attachments)
    return Inbound(event_id, sequence_of(event.ts), ref.place, person, MessageEdited(ref, words))


def deletion(event: MessageEvent, event_id: str, setting: InboundContext, person: Person) -> Inbound:
    gone = event.previous_message or Text(ts=event.deleted_ts)
    ref = _ref(gone, event, setting)
    return Inbound(event_id, sequence_of(event.ts), ref.place, person, MessageDeleted(ref))


def _ref(text: Text, event: MessageEvent, setting: InboundContext) -> MessageRef:
    return MessageRef(place_of(setting.workspace_id, event.channel, text.ts, text.thread_ts), text.ts)


def reply_to(place: ConversationRef, person: Person, response_url: str, now: datetime) -> ReplyTo:
    if not response_url:
        return ReplyTo(place, person)
    return ReplyTo(place, person, response_url, now + HANDLE_LASTS, HANDLE_USES)


def asks_for_form(text: str) -> Command | None:
    """`/avatar start ?` asks for the form of a verb."""
    return asked_form(command_line(text))


def run(command: Command, event_id: str, to: ReplyTo, now: datetime) -> Inbound:
    """A command of a slash command, a button, a form or a shortcut: Slack gives them no sequence of their own."""
    given = Command(command.verb, {name: value for name, value in command.options.items() if value})
    return Inbound(event_id, int(now.timestamp() * 1_000_000), to.place, to.person, given, to)


# ---------------------------------------------------------------- forms


def wanted(text: str, command: Command | ParseError, catalogue: Catalogue = CATALOGUE) -> Verb | None:
    """The verb whose form should open: `start ?` asks for one, and a bare verb that would change nothing without options."""
    if asks_for_form(text):
        return asked_for(text, catalogue)
    if isinstance(command, ParseError) or command.options:
        return None
    verb = catalogue.verb(command.verb)
    bare = verb and (verb.name in WHEN_BARE or any(option.required for option in verb.options))
    return verb if bare else None


def asked_for(text: str, catalogue: Catalogue = CATALOGUE) -> Verb | None:
    """The verb whose form a text asks for by a question mark: `start ?`."""
    asked = asks_for_form(text)
    verb = catalogue.verb(asked.verb) if asked else None
    return verb if verb and verb.options else None


# ---------------------------------------------------------------- handed to the core


class Receipt(BoltResponse):
    """The answer to a delivery, and what to do after it has gone out."""

    def __init__(
        self, body: str | Mapping[str, Any] = "", *, status: int = 200, afterwards: Afterwards | None = None
    ) -> None:
        super().__init__(status=status, body=body if isinstance(body, str) else dict(body))
        self.afterwards = afterwards


@dataclass(frozen=True, slots=True)
class Handling:
    """What came of an inbound: a `sentence` for the person, if any, and perhaps something to do after the answer.

    `taken` is False when the platform should deliver again; `hosted` is False where no avatar is.
    """

    sentence: str = ""
    afterwards: Afterwards | None = field(default=None)
    taken: bool = True
    hosted: bool = True


@dataclass(frozen=True, slots=True)
class SlackInboundHandler:
    """What every kind of delivery is handled with. `command` is the slash command's name."""

    core: CoreApi
    writer: SlackPublisher
    directory: Directory
    installations: Installations
    clock: Clock
    command: str
    catalogue: Catalogue = CATALOGUE

    async def submit(self, inbound: Inbound) -> Handling:
        """Commit, and say what came of it. Never raises for a store that cannot be reached."""
        try:
            outcome = await self.core.accept(inbound)
            return await self._handled(inbound, outcome)
        except StoreUnavailable as error:
            return Handling(error.told(NOT_TAKEN), taken=False)

    async def _handled(self, inbound: Inbound, outcome: Outcome) -> Handling:
        match outcome:
            case Accepted() | Duplicate():
                return Handling()
            case Question() if isinstance(inbound.body, MessageEdited | MessageDeleted):
                return Handling()
            case NoSession(sentence):
                return Handling(sentence, hosted=False)
            case Refused(sentence):
                return Handling(sentence)
            case Question():
                return Handling(afterwards=await self.core.first_to_answer(inbound, lambda: self._answer(inbound)))

    def say(self, inbound: Inbound, sentence: str) -> Afterwards:
        """Tell the person who did this, after the answer."""
        to = inbound.reply_to
        assert to is not None
        return lambda: self.writer.answer(to, Reply(sentence))

    async def _answer(self, inbound: Inbound) -> None:
        reply = await self.core.answer(inbound)
        if inbound.reply_to:
            await self.writer.answer(inbound.reply_to, reply)


def privately(sentence: str) -> dict[str, Any]:
    """The body of an answer to a slash command, shown to whoever typed it."""
    return {"response_type": "ephemeral", "text": escape(sentence)}

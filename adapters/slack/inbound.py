"""Slack's payloads as what came in: pure, names already looked up."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from adapters.slack.payloads import MessageEvent, Text
from adapters.slack.plain_text import SlackNames, command_line, mentions, plain_words
from bot.commands.errors import ParseError
from bot.commands.parser import asked_form, parse
from bot.commands.secret_detection import shows_secret
from bot.domain.conversations import ConversationRef, MessageRef
from bot.domain.messages import Command, Inbound, MessageDeleted, MessageEdited, MessagePosted, ReplyTo
from bot.domain.people import Person

HANDLE_LASTS = timedelta(minutes=29)  # Slack says 30
HANDLE_USES = 5

SPOKEN_SUBTYPES = frozenset({"", "file_share", "me_message", "thread_broadcast"})


@dataclass(frozen=True, slots=True)
class InboundContext:
    """Where a payload came from: the workspace, and the bot's own id in it.

    Where the workspace is a whole organisation, `team_id` is that of its teams in which it happened.
    """

    workspace_id: str
    own_id: str
    team_id: str = ""


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

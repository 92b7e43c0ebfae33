"""Conversations: the places and the people, what comes in from them, and what one person is answered."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from bot.domain.sessions import SessionStatus


@dataclass(frozen=True, slots=True)
class ConversationRef:
    """Where something is said: a channel, or a thread in it. `thread_id` is `''`, never None, where there is no thread.

    A session has two: the place where it was started and the thread where its talk goes on. In a direct message, a forum
    post or an existing thread they are the same.
    """

    platform: str
    workspace_id: str
    channel_id: str
    thread_id: str = ""

    def in_thread(self, thread_id: str) -> "ConversationRef":
        return ConversationRef(self.platform, self.workspace_id, self.channel_id, thread_id)

    @property
    def channel(self) -> "ConversationRef":
        """The same place without its thread: what channel settings belong to."""
        return self.in_thread("")

    def __str__(self) -> str:
        """As people name it: `slack/T0123/C0456`, with its thread behind a further slash."""
        return "/".join(filter(None, (self.platform, self.workspace_id, self.channel_id, self.thread_id)))


_PLACE = re.compile(r"(?:[!-.0-~]{1,64}/){2,3}[!-.0-~]{1,64}")


def place_named(name: str) -> ConversationRef | None:
    """The place of a name such as `slack/T0123/C0456` or `discord/81/82/83`, None for what is no such name."""
    return ConversationRef(*name.split("/")) if _PLACE.fullmatch(name) else None


@dataclass(frozen=True, slots=True)
class Channel:
    """The channel of a place as people know it. `name` has its sign (#lobby); who is not in a `private` one need not know it.

    `private_thread` says that the place is a thread which not everybody in the channel sees. What is not known is private.
    """

    name: str
    private: bool = False
    private_thread: bool = False


A_DIRECT_MESSAGE = Channel("a direct message", private=True)


@dataclass(frozen=True, slots=True)
class MessageRef:
    """A message on a platform."""

    place: ConversationRef
    message_id: str


class PlatformFeature(StrEnum):
    """What a chat platform may have that commands depend on."""

    VOICE_CHANNELS = "voice channels"  # where people talk aloud


class Membership(StrEnum):
    """What the platform says about a person in a workspace."""

    UNKNOWN = "unknown"  # the platform has not told in time: no more than an outsider
    OUTSIDER = "outsider"  # of another organisation, guests
    MEMBER = "member"
    ADMIN = "admin"


class Role(StrEnum):
    """What a person is to one session: their standing, or its starter."""

    UNKNOWN = "unknown"
    OUTSIDER = "outsider"
    MEMBER = "member"
    STARTER = "starter"
    ADMIN = "admin"


BY_API = "api:"
"""With this the id of every program begins that has a token of the HTTP API, and no id of a platform's."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a program with a token may do: these commands of the catalogue, and so many minutes of the provider's in a day."""

    commands: frozenset[str]
    minutes_per_day: int


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody on a platform. `name` is for people and for speech; only `id` identifies. Who is not said to be more is not known.

    `human` is said of those whom the platform knows to be neither a bot nor a program with a token. An `allowance` narrows what their
    standing allows; people have none.
    """

    id: str
    name: str
    standing: Membership = Membership.UNKNOWN
    groups: frozenset[str] = frozenset()
    human: bool = False
    allowance: Allowance | None = None


@dataclass(frozen=True, slots=True)
class Consent:
    """Who said, and when, that the person whom an avatar shows agreed to it. A human being says so, no bot and no program."""

    person_id: str
    name: str
    at: datetime


Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


@dataclass(frozen=True, slots=True)
class ReplyTo:
    """How to answer one person about one thing they did.

    `handle` is the platform's short-lived means of a private answer (a URL or a token that an interaction came with): a
    secret, encrypted at rest, deleted when used up. Without it, or after `expires_at`, the platform has other ways, and for
    what is that person's own private ones only.
    """

    place: ConversationRef
    person: Person
    handle: str = field(default="", repr=False)
    expires_at: datetime | None = None
    uses_left: int = 0

    def usable_at(self, now: datetime) -> bool:
        """Whether the handle can still be used."""
        return bool(self.handle) and self.uses_left > 0 and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A name that may have been meant by what was given as an option."""

    option: str
    name: str


@dataclass(frozen=True, slots=True)
class Command:
    """A verb of the catalogue with its options as typed: names are known to the catalogue, values are not yet checked.

    People and groups who are mentioned in a value that is not free text stand there as `<@ID>` and `<@&ID>`, whatever the platform.
    """

    verb: str
    options: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class MessagePosted:
    """A message for the avatar, its platform markup already turned into plain words.

    `mentioned` is true when it addressed the bot by name, `direct` when it was said in a direct message; `message` is None when
    it exists nowhere as a message (a slash command, the viewer page), so that it has to be posted before it is answered; `via`
    then says where it came from. `heard` is its id where the avatar heard it said aloud, and needs not be told.

    Platforms hand over all that is written as said; the core knows which bare words are commands.
    """

    text: str
    message: MessageRef | None = None
    mentioned: bool = False
    via: str = ""
    heard: str = ""
    direct: bool = False


@dataclass(frozen=True, slots=True)
class MessageEdited:
    """A message was edited; if it still waits, the new text is spoken."""

    message: MessageRef
    text: str


@dataclass(frozen=True, slots=True)
class MessageDeleted:
    """A message was deleted; if it still waits, it is not spoken, and if it is being spoken, no more of it is."""

    message: MessageRef


@dataclass(frozen=True, slots=True)
class Inbound:
    """One thing that came in from a platform, verified and translated.

    `event_id` is the platform's own identity of the delivery: the same one twice changes nothing the second time. `sequence`
    orders what waits in a session: an integer of 63 bits that grows with the platform's time (a timestamp in microseconds, a
    snowflake). Raises `ValueError` for any other.
    """

    event_id: str
    sequence: int
    place: ConversationRef
    person: Person
    body: Command | MessagePosted | MessageEdited | MessageDeleted
    reply_to: ReplyTo | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.sequence < 2**63:
            raise ValueError("not a sequence")


@dataclass(frozen=True, slots=True)
class Accepted:
    """Committed: from here on it has an outcome. `row_id` is its inbox row, the `mid` of what is said because of it."""

    row_id: str
    session_id: str


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The same `event_id` was accepted or answered before; nothing changed. Where it is not `over`, whoever answers it may still die of it."""

    over: bool = True


@dataclass(frozen=True, slots=True)
class NoSession:
    """Nobody hosts an avatar here. `sentence` says how to start one; show it only for a command or a mention."""

    sentence: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Not taken, and why: one sentence for the person."""

    sentence: str


@dataclass(frozen=True, slots=True)
class Question:
    """Changes nothing: acknowledge, then call `CoreApi.answer`. `ended` is the session that somebody wrote to though it has ended."""

    ended: str = ""


Outcome = Accepted | Duplicate | NoSession | Refused | Question


@dataclass(frozen=True, slots=True)
class Link:
    label: str
    url: str


@dataclass(frozen=True, slots=True)
class File:
    """`alt` says what a picture shows, for people who do not see it."""

    name: str
    mime: str
    content: bytes
    alt: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One row of a listing: an avatar, a voice, a session.

    `command` is what its one button runs, if it has one: `bot.commands.buttons.button_of` gives the button. Of a session it
    says its state, who started it and when it ends by itself, where that is known.
    """

    title: str
    detail: str = ""
    picture: str = ""
    preview: str = ""
    command: Command | None = None
    status: SessionStatus | None = None
    starter_name: str = ""
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """Lines under a title, in plain words; commands in them stand as they are typed."""

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to one person, shown to them alone where the platform can. `next` runs the next page of a long list.

    `sections` follow the text. A `private` one is never shown where others read, whatever it answers.
    """

    text: str
    items: tuple[Item, ...] = ()
    link: Link | None = None
    file: File | None = None
    next: Command | None = None
    sections: tuple[Section, ...] = ()
    private: bool = False

    @property
    def whole_text(self) -> str:
        """The text and its sections in plain words, for where nothing can be set apart."""
        return "\n\n".join(filter(None, (self.text, *("\n".join((s.title, *s.lines)) for s in self.sections))))


@dataclass(frozen=True, slots=True)
class Choice:
    """One value offered while somebody types or in a select."""

    value: str
    label: str
    detail: str = ""
    picture: str = ""

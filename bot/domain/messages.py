"""What comes in from a platform, and what becomes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from bot.domain.conversations import ConversationRef, MessageRef
from bot.domain.people import Person

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


@dataclass(frozen=True, slots=True)
class ReplyTo:
    """How to answer one person about one thing they did.

    `handle` is the platform's short-lived means of a private answer (a URL or a token that an interaction came with): a
    secret, encrypted at rest, deleted when used up. Without it, or after `expires_at`, the platform falls back to an
    ephemeral message, then a direct message: an answer has private ways only.
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
    then says where it came from.

    Platforms hand over all that is written as said; the core knows which bare words are commands.
    """

    text: str
    message: MessageRef | None = None
    mentioned: bool = False
    via: str = ""
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
    """The same `event_id` was accepted before; nothing changed."""


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
    """Changes nothing: acknowledge, then call `Reception.answer`."""


Outcome = Accepted | Duplicate | NoSession | Refused | Question

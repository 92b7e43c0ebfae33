"""What travels between a client and us: one small JSON object a frame, its kind in `type`.

Messages are told by state, not by event: a message is sent whole whenever it changed, under the `seq` of its last change, so
that a client that reconnects names the last `seq` it saw and misses nothing and doubles nothing.
"""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from bot.commands.buttons import Button, card_buttons
from bot.domain.disclosure import Disclosure
from bot.domain.posts import Card, CardAction
from bot.domain.sessions import Mode, SessionStatus


class ClientFrame(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", rename="camel"):
    """One JSON object."""


# ---------------------------------------------------------------- the things themselves


class Author(ClientFrame, frozen=True, tag=False):
    """Who wrote a message. `kind` is `person`, `avatar` or `bot`."""

    id: str
    name: str
    kind: str = "person"


class ButtonShown(ClientFrame, frozen=True, tag=False):
    """A button that runs a verb with these options. `question` is what the page asks before; `look` is `plain`, `primary`
    or `danger`. On a card `action` is what is sent back, and the options stay here.
    """

    label: str
    verb: str
    options: Mapping[str, str] = {}
    question: str = ""
    look: str = "plain"
    action: str = ""

    @classmethod
    def of(cls, button: Button, action: str = "") -> "ButtonShown":
        command = button.command
        options = {} if action else dict(command.options)
        return cls(button.label, command.verb, options, button.question, button.look.value, action)


class DisclosureShown(ClientFrame, frozen=True, tag=False):
    """What says that an avatar is an AI, in a language or in the operator's own words."""

    sentence: str
    language: str = ""

    @classmethod
    def of(cls, disclosure: Disclosure) -> "DisclosureShown | None":
        return cls(disclosure.sentence, disclosure.language) if disclosure.sentence else None


class CardShown(ClientFrame, frozen=True, tag=False):
    """A session's card. Moments in ISO 8601."""

    session_id: str
    avatar_name: str
    picture: str
    status: SessionStatus
    mode: Mode
    starter_name: str
    note: str
    ends_at: datetime | None = None
    waiting: int = 0
    buttons: tuple[ButtonShown, ...] = ()
    traits: tuple[str, ...] = ()
    ends: str = ""
    live_since: datetime | None = None
    facts: tuple[str, ...] = ()
    disclosure: DisclosureShown | None = None
    kept: str = ""

    @classmethod
    def of(cls, card: Card, picture: str) -> "CardShown":
        return cls(
            card.session_id,
            card.avatar_name,
            picture,
            card.status,
            card.mode,
            card.starter_name,
            card.note,
            card.ends_at,
            card.waiting,
            tuple(map(ButtonShown.of, card_buttons(card), card.actions)),
            card.traits,
            card.ends,
            card.live_since,
            card.facts,
            DisclosureShown.of(card.disclosure),
            card.kept,
        )


class FileShown(ClientFrame, frozen=True, tag=False):
    """A file to take. `size` in bytes; `alt` says what a picture shows."""

    name: str
    url: str
    size: int
    alt: str = ""


class Message(ClientFrame, frozen=True, tag=False):
    """One message of a channel. `id` is when it was written, `seq` when it last changed, both in microseconds and unique.

    `thread` is the id of the message it answers, `''` in the channel itself. `mentions` are people's ids: a text by itself
    never mentions anybody. `nonce` is its writer's, `key` the core's.
    """

    id: str
    channel: str
    author: Author
    text: str = ""
    thread: str = ""
    seq: int = 0
    growing: bool = False
    heard: bool = False
    edited: bool = False
    deleted: bool = False
    mentions: tuple[str, ...] = ()
    card: CardShown | None = None
    file: FileShown | None = None
    nonce: str = ""
    key: str = ""
    disclosure: DisclosureShown | None = None
    to: str = ""  # whom an answer is for, by name


class Someone(ClientFrame, frozen=True, tag=False):
    id: str
    name: str
    standing: str
    online: bool = False


class ItemShown(ClientFrame, frozen=True, tag=False):
    """A row of a listing."""

    title: str
    detail: str = ""
    picture: str = ""
    preview: str = ""
    button: ButtonShown | None = None
    status: SessionStatus | None = None
    starter_name: str = ""
    ends_at: datetime | None = None


class ChoiceShown(ClientFrame, frozen=True, tag=False):
    value: str
    label: str
    detail: str = ""
    picture: str = ""


class LinkShown(ClientFrame, frozen=True, tag=False):
    label: str
    url: str


class OptionShown(ClientFrame, frozen=True, tag=False):
    name: str
    summary: str
    required: bool = False
    choices: tuple[str, ...] = ()
    asks: bool = False
    rest: bool = False
    secret: bool = False


class VerbShown(ClientFrame, frozen=True, tag=False):
    """A verb of the catalogue, as the composer offers it; `withheld` ones are not for this person."""

    name: str
    summary: str
    example: str
    options: tuple[OptionShown, ...] = ()
    withheld: bool = False


# ---------------------------------------------------------------- to a client


class Welcome(ClientFrame, frozen=True, tag="welcome"):
    """The first frame. `proof` lets the same person come back; `now` sets the client's clock; `notice` is what the operator
    has to say.
    """

    you: Someone
    proof: str
    now: datetime
    channels: tuple[str, ...]
    people: tuple[Someone, ...]
    verbs: tuple[VerbShown, ...]
    notice: str = ""


class Changed(ClientFrame, frozen=True, tag="changed"):
    """Every message that changed since the last frame, oldest change first."""

    messages: tuple[Message, ...]
    seq: int


class PeoplePresent(ClientFrame, frozen=True, tag="present"):
    people: tuple[Someone, ...]


class Channels(ClientFrame, frozen=True, tag="channels"):
    channels: tuple[str, ...]


class Thinking(ClientFrame, frozen=True, tag="thinking"):
    channel: str
    thread: str


class Acknowledged(ClientFrame, frozen=True, tag="taken"):
    """What the client sent under `nonce` has been dealt with."""

    nonce: str


class SectionShown(ClientFrame, frozen=True, tag=False):
    title: str
    lines: tuple[str, ...]


class Told(ClientFrame, frozen=True, tag="told"):
    """An answer to this person alone; kept nowhere. `nonce` names what it answers, if that is known; without a channel it
    belongs wherever the person is.
    """

    id: str
    text: str
    channel: str = ""
    thread: str = ""
    nonce: str = ""
    items: tuple[ItemShown, ...] = ()
    link: LinkShown | None = None
    file: FileShown | None = None
    next: ButtonShown | None = None
    sections: tuple[SectionShown, ...] = ()


class Offered(ClientFrame, frozen=True, tag="offered"):
    """The answer to `ListValues`."""

    look: int
    choices: tuple[ChoiceShown, ...]


ToClient = Welcome | Changed | PeoplePresent | Channels | Thinking | Acknowledged | Told | Offered


# ---------------------------------------------------------------- from a client


class Enter(ClientFrame, frozen=True, tag="enter"):
    """The first frame. Without `person` and `proof` somebody new comes in; `seq` is the last change this client saw."""

    person: str = ""
    proof: str = ""
    name: str = ""
    guest: bool = False
    seq: int = 0


class Write(ClientFrame, frozen=True, tag="write"):
    nonce: str
    channel: str
    thread: str
    text: str


class RunCommand(ClientFrame, frozen=True, tag="run"):
    """A line that begins with a slash. `picked` are the values behind the labels that were chosen, by option."""

    nonce: str
    channel: str
    thread: str
    text: str
    picked: Mapping[str, str] = {}


class Pick(ClientFrame, frozen=True, tag="pick"):
    """A button below an answer was pressed: the verb with its options, no text to parse. `confirmed` when its question was
    answered with yes.
    """

    nonce: str
    channel: str
    thread: str
    verb: str
    options: Mapping[str, str] = {}
    confirmed: bool = False


class Press(ClientFrame, frozen=True, tag="press"):
    """A button of the card that is message `message`."""

    nonce: str
    message: str
    action: CardAction
    confirmed: bool = False


class Rewrite(ClientFrame, frozen=True, tag="rewrite"):
    nonce: str
    message: str
    text: str


class Withdraw(ClientFrame, frozen=True, tag="withdraw"):
    nonce: str
    message: str


class ListValues(ClientFrame, frozen=True, tag="look"):
    """The values of one option, as somebody types."""

    look: int
    channel: str
    thread: str
    verb: str
    option: str
    typed: str


class Rename(ClientFrame, frozen=True, tag="rename"):
    name: str


class OpenChannel(ClientFrame, frozen=True, tag="open-channel"):
    name: str


class CloseChannel(ClientFrame, frozen=True, tag="close-channel"):
    name: str


FromClient = (
    Enter | Write | RunCommand | Pick | Press | Rewrite | Withdraw | ListValues | Rename | OpenChannel | CloseChannel
)

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[FromClient] = msgspec.json.Decoder(FromClient)

FRAME_LIMIT = 64 * 1024
"""Characters of one frame from a client: more than the longest option, far less than memory."""


def encode(frame: ToClient) -> str:
    return _encoder.encode(frame).decode()


def decode(text: str) -> FromClient:
    """Raises `ValueError` for what no page of ours sends."""
    if len(text) > FRAME_LIMIT:
        raise ValueError("frame too long")
    return _decoder.decode(text)

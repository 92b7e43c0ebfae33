"""The words of the house as frozen values. Nothing here does I/O or knows a platform, a vendor or a table."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from types import MappingProxyType

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


# ---------------------------------------------------------------- where and who


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is said: a channel, or a thread in it. `thread_id` is `''`, never None, where there is no thread.

    A session has two: the place where it was started and the thread where its talk goes on. In a direct message, a forum
    post or an existing thread they are the same.
    """

    platform: str
    workspace_id: str
    channel_id: str
    thread_id: str = ""

    def in_thread(self, thread_id: str) -> "Place":
        return Place(self.platform, self.workspace_id, self.channel_id, thread_id)

    @property
    def channel(self) -> "Place":
        """The same place without its thread: what channel settings belong to."""
        return self.in_thread("")


@dataclass(frozen=True, slots=True)
class Channel:
    """The channel of a place as people know it. `name` has its sign (#lobby); who is not in a `private` one need not know it.

    `private_thread` says that the place is a thread which not everybody in the channel sees. What is not known is private.
    """

    name: str
    private: bool = False
    private_thread: bool = False


A_DIRECT_MESSAGE = Channel("a direct message", private=True)


class Standing(StrEnum):
    """What the platform says about a person in a workspace."""

    UNKNOWN = "unknown"  # the platform has not told in time: no more than an outsider
    OUTSIDER = "outsider"  # Slack Connect, guests
    MEMBER = "member"
    ADMIN = "admin"


class Role(StrEnum):
    """What a person is to one session: their standing, or its starter."""

    UNKNOWN = "unknown"
    OUTSIDER = "outsider"
    MEMBER = "member"
    STARTER = "starter"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody on a platform. `name` is for people and for speech; only `id` identifies. Who is not said to be more is not known."""

    id: str
    name: str
    standing: Standing = Standing.UNKNOWN
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class MessageRef:
    """A message on a platform."""

    place: Place
    message_id: str


@dataclass(frozen=True, slots=True)
class ReplyTo:
    """How to answer one person about one thing they did.

    `handle` is the platform's short-lived means of a private answer (Slack `response_url`, Discord interaction token): a
    secret, encrypted at rest, deleted when used up. Without it, or after `expires_at`, the platform falls back to an
    ephemeral message, then a direct message: an answer has private ways only.
    """

    place: Place
    person: Person
    handle: str = field(default="", repr=False)
    expires_at: datetime | None = None
    uses_left: int = 0

    def usable_at(self, now: datetime) -> bool:
        """Whether the handle can still be used."""
        return bool(self.handle) and self.uses_left > 0 and (self.expires_at is None or now < self.expires_at)


# ---------------------------------------------------------------- what comes in


@dataclass(frozen=True, slots=True)
class Command:
    """A verb of the catalogue with its options as typed: names are known to the catalogue, values are not yet checked.

    People and groups who are mentioned in a value that is not free text stand there as `<@ID>` and `<@&ID>`, whatever the platform.
    """

    verb: str
    options: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Said:
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
class Edited:
    """A message was edited; if it still waits, the new text is spoken."""

    message: MessageRef
    text: str


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A message was deleted; if it still waits, it is not spoken."""

    message: MessageRef


@dataclass(frozen=True, slots=True)
class Inbound:
    """One thing that came in from a platform, verified and translated.

    `event_id` is the platform's own identity of the delivery: the same one twice changes nothing the second time. `stamp`
    orders what waits in a session: an integer that grows with the platform's time (Slack `ts` in microseconds, a Discord
    snowflake).
    """

    event_id: str
    stamp: int
    place: Place
    person: Person
    body: Command | Said | Edited | Withdrawn
    reply_to: ReplyTo | None = None


# ---------------------------------------------------------------- what a session is


class Mode(IntEnum):
    """AKOOL's `mode_type`. Always sent: a session without one behaves as dialogue."""

    RETELLING = 1
    DIALOGUE = 2


@dataclass(frozen=True, slots=True)
class TurnDetection:
    """How AKOOL hears that a person has stopped speaking. The last three are for `server_vad` only."""

    type: str = "server_vad"
    threshold: float | None = None
    prefix_padding_ms: int | None = None
    silence_duration_ms: int | None = None


@dataclass(frozen=True, slots=True)
class ElevenLabs:
    """Settings of the team's own ElevenLabs account; `api_key` is a secret."""

    api_key: str = field(repr=False)
    model_id: str | None = None
    stability: float | None = None
    similarity_boost: float | None = None
    style: float | None = None
    use_speaker_boost: bool | None = None


@dataclass(frozen=True, slots=True)
class VoiceParams:
    """AKOOL's `voice_params`. `speed` is 0.8 to 1.2; `pronunciation` maps a word to how it should sound."""

    speed: float | None = None
    pronunciation: Mapping[str, str] = field(default_factory=dict)
    stt_language: str | None = None
    stt_type: str | None = None
    turn_detection: TurnDetection | None = None
    elevenlabs: ElevenLabs | None = None


@dataclass(frozen=True, slots=True)
class SessionSpec:
    """What was asked for when a session was started, and what was set since: the next provider session is created so."""

    avatar_id: str
    avatar_name: str = ""
    avatar_picture: str = ""
    official: bool = True
    voice_id: str | None = None
    voice_name: str = ""
    voice_url: str | None = None  # of a voice's model, instead of `voice_id`
    language: str | None = None
    language_name: str = ""
    mode: Mode = Mode.DIALOGUE
    knowledge_id: str | None = None
    background_url: str | None = None
    minutes: int = 10
    voice: VoiceParams = VoiceParams()


class SessionStatus(StrEnum):
    STARTING = "starting"
    LIVE = "live"
    RECONNECTING = "reconnecting"
    STOPPING = "stopping"
    SLEEPING = "sleeping"
    ENDED = "ended"


class EndReason(StrEnum):
    """Why a session ended; each has its sentence on the card."""

    STOPPED = "stopped"
    EXPIRED = "expired"
    IDLE = "idle"
    BUDGET = "budget"
    NOT_ALLOWED = "not_allowed"
    REFUSED = "refused"
    NO_AVATAR = "no_avatar"
    PROVIDER = "provider"
    THROWN_OUT = "thrown_out"
    PLACE_GONE = "place_gone"
    SHUTDOWN = "shutdown"
    REPLACED = "replaced"
    ERROR = "error"


class Speaker(StrEnum):
    """Who said an utterance: the avatar, or a person who spoke aloud in the room."""

    BOT = "bot"
    USER = "user"


# ---------------------------------------------------------------- what goes out


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
class Reply:
    """An answer to one person, shown to them alone where the platform can. `next` runs the next page of a long list."""

    text: str
    items: tuple[Item, ...] = ()
    link: Link | None = None
    file: File | None = None
    next: Command | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """One value offered while somebody types or in a select."""

    value: str
    label: str
    detail: str = ""
    picture: str = ""


class Delivery(StrEnum):
    """How complete a line of the transcript is."""

    GROWING = "growing"
    FINAL = "final"


@dataclass(frozen=True, slots=True)
class Line:
    """One message that may grow: `text` is plain words, escaped by the platform that shows it. None speaks as the bot itself."""

    speaker: str | None
    text: str
    delivery: Delivery = Delivery.FINAL


class CardAction(StrEnum):
    """The buttons of a card; each value is the verb it runs. `bot.commands.buttons` has their labels and commands."""

    WATCH = "watch"
    INTERRUPT = "interrupt"
    EXTEND = "extend"
    STOP = "stop"
    TRANSCRIPT = "transcript"
    START_AGAIN = "start"

    @classmethod
    def _missing_(cls, value: object) -> "CardAction | None":
        """Cards that were posted earlier have buttons with earlier names."""
        return cls.EXTEND if value == "keep-going" else None


@dataclass(frozen=True, slots=True)
class Card:
    """The message that shows a session. `note` is one sentence about its state; of an ended one it says why it ended.

    `ends` is one sentence on what will end it: quiet time, the day's minutes; `ends_at` is when, where that is known.
    `live_since` is when it became live. `traits` are what was set: its language, its voice, its speed; `facts` are what can be
    said of an ended one in a few words each: how long it was live, how many messages it had.
    """

    session_id: str
    avatar_name: str
    picture: str
    status: SessionStatus
    mode: Mode
    starter_name: str
    note: str
    ends_at: datetime | None = None
    waiting: int = 0
    actions: tuple[CardAction, ...] = ()
    traits: tuple[str, ...] = ()
    ends: str = ""
    live_since: datetime | None = None
    facts: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Identifies the card on its platform, as a line's key does, in as many characters."""
        return f"card-{self.session_id[-20:]}"


@dataclass(frozen=True, slots=True)
class Opened:
    """Where a card went, and the thread in which the talk goes on."""

    card: MessageRef
    thread: Place


# ---------------------------------------------------------------- what came of an inbound


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

"""The catalogue: what a verb and its options are made of, which options verbs share, and verbs by name."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

from bot.domain.conversations import PlatformFeature, Role
from bot.domain.provider import Capability, Offer


class CommandKind(StrEnum):
    """Whether a verb changes a session or asks something."""

    CHANGE = "change"  # of a session: through the inbox
    QUESTION = "question"  # everything else: answered directly, needs no session


class OptionType(StrEnum):
    """What an option's text must be."""

    TEXT = "text"
    NUMBER = "number"
    INTEGER = "integer"
    CHOICE = "choice"
    URL = "url"
    VOICE_CHANNEL = "voice channel"  # by name, or by the platform's id


class Completion(StrEnum):
    """Where an option's values come from while somebody types."""

    AVATARS = "avatars"
    VOICES = "voices"
    LANGUAGES = "languages"
    KNOWLEDGE = "knowledge"


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a verb.

    `min` and `max` bound a number: both or neither are given. `max_length` bounds a text, in characters. A `rest` option takes
    the rest of the line where people type free text. `many` URLs are separated by spaces or commas. A `secret` must not be
    typed where others can read it. `needs` is what the provider must be able to do for it. A `private` one is taken in a form only, never
    in a line or an argument of a command, which others and their logs may keep.
    """

    name: str
    summary: str
    type: OptionType = OptionType.TEXT
    required: bool = False
    choices: tuple[str, ...] = ()
    completes: Completion | None = None
    min: float | None = None
    max: float | None = None
    max_length: int = 200
    rest: bool = False
    many: bool = False
    secret: bool = False
    needs: Capability | None = None
    private: bool = False


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb. A name of two words, `knowledge show`, is an action of a group: its first word is the group's name.

    `summary` is for people, at most 100 characters; `role` is the least one that may use it; `example` is what to type after
    the command's name. `label` is the word on a button that runs it, at most 20 characters.

    `confirm` is what is asked back before it runs, `{it}` in it standing for what it is done to; `''` where it runs at once.
    With `confirm_when` it is asked only where that option is given. `costs` is true of what uses money, creates at the
    provider, or shows what belongs to the operator's account there. `past`: where no session runs, it is about the last one
    that was talked with. `needs` is what the provider must be able to do for it, `on` what the chat platform must have.
    """

    name: str
    summary: str
    example: str
    kind: CommandKind = CommandKind.QUESTION
    role: Role = Role.MEMBER
    options: tuple[Option, ...] = ()
    label: str = field(kw_only=True)
    confirm: str = field(default="", kw_only=True)
    confirm_when: str = field(default="", kw_only=True)
    costs: bool = field(default=False, kw_only=True)
    past: bool = field(default=False, kw_only=True)
    needs: Capability | None = field(default=None, kw_only=True)
    on: PlatformFeature | None = field(default=None, kw_only=True)

    @property
    def group(self) -> str:
        """The first word of a name of two, else `''`."""
        return self.name.partition(" ")[0] if " " in self.name else ""

    @property
    def action(self) -> str:
        """The last word of the name."""
        return self.name.rpartition(" ")[2]

    def asks_back(self, given: Collection[str]) -> bool:
        """Whether these options, by name, run it only after a question: `confirm` among them is the answer to it."""
        due = not self.confirm_when or self.confirm_when in given
        return bool(self.confirm) and due and CONFIRM.name not in given

    def question(self, it: str) -> str:
        """What is asked back before it is done to `it`."""
        return self.confirm.replace("{it}", it)

    def option(self, name: str) -> Option | None:
        """The option of that name, however its case, hyphens and underscores were typed."""
        wanted = name.casefold().replace("-", "_")
        return next((option for option in self.options if option.name == wanted), None)


CONFIRM = Option("confirm", "Do it without asking back", OptionType.CHOICE, choices=("yes",))
"""What every verb with a question has: given, the question is answered."""


MODES = ("dialogue", "retelling")
LISTENING = ("thread", "channel", "mention")
FORMATS = ("md", "json", "vtt", "srt")

ACTIONS = ("hand_wave", "cheer", "thumbs_up", "pump_fists", "nod", "shake", "waft_left", "waft_right")
EXPRESSIONS = ("angry", "disgust", "fear", "happiness", "sadness", "surprise", "contempt")

AVATAR = Option("avatar", "The avatar", completes=Completion.AVATARS, needs=Capability.AVATARS)
VOICE = Option("voice", "The voice", completes=Completion.VOICES, needs=Capability.VOICES)
LANGUAGE = Option("language", "The language it speaks", completes=Completion.LANGUAGES, needs=Capability.LANGUAGES)
MODE = Option(
    "mode",
    "Answer by itself, or repeat what you write",
    OptionType.CHOICE,
    choices=MODES,
    needs=Capability.DIALOGUE,
)
KNOWLEDGE = Option("knowledge", "The knowledge base", completes=Completion.KNOWLEDGE, needs=Capability.KNOWLEDGE)
BACKGROUND = Option(
    "background",
    "URL of a picture or video (official avatars)",
    OptionType.URL,
    max_length=2048,
    needs=Capability.PARAMETERS,
)
MINUTES = Option("minutes", "Minutes paid at a time, 1 to 60", OptionType.INTEGER, min=1, max=60)

VOICE_URL = Option(
    "voice_url",
    "URL of a voice model, instead of a voice",
    OptionType.URL,
    max_length=2048,
    needs=Capability.PARAMETERS,
)

LOOKS = (AVATAR, VOICE, LANGUAGE, MODE, KNOWLEDGE, BACKGROUND, MINUTES, VOICE_URL)

VOICE_PARAMS = tuple(
    replace(option, needs=Capability.PARAMETERS)
    for option in (
        Option("speed", "Speed of the voice, 0.8 to 1.2", OptionType.NUMBER, min=0.8, max=1.2),
        Option("pronunciation", "How words sound: Ana=ah na, SQL=sequel", max_length=1000),
        Option("stt_language", "Language it hears, as a code such as en", max_length=20),
        Option("stt_type", "How it hears", OptionType.CHOICE, choices=("openai_realtime",)),
        Option("turn_detection", "How it hears an end", OptionType.CHOICE, choices=("server_vad", "semantic_vad")),
        Option("threshold", "How loud speech must be, 0 to 1", OptionType.NUMBER, min=0, max=1),
        Option("prefix_ms", "Sound kept from before speech, ms", OptionType.INTEGER, min=0, max=5000),
        Option("silence_ms", "Silence that ends a turn, ms", OptionType.INTEGER, min=0, max=10000),
    )
)

ELEVENLABS = (
    Option("api_key", "Your ElevenLabs key, kept encrypted", required=True, secret=True),
    Option("model", "Such as eleven_flash_v2_5", max_length=100),
    Option("stability", "0 to 1", OptionType.NUMBER, min=0, max=1),
    Option("similarity_boost", "0 to 1", OptionType.NUMBER, min=0, max=1),
    Option("style", "0 to 1", OptionType.NUMBER, min=0, max=1),
    Option("speaker_boost", "Closer to the speaker", OptionType.CHOICE, choices=("on", "off")),
)

VOICE_CHANNEL = Option("channel", "If not the one that you are in", OptionType.VOICE_CHANNEL, max_length=100)
AGREED = Option(CONFIRM.name, "The person in the video agreed", OptionType.CHOICE, choices=("yes",))
GENDER = Option("gender", "Whose voice", OptionType.CHOICE, choices=("female", "male"))
PAGE = Option("page", "Which page", OptionType.INTEGER, min=1, max=1000)
SESSION = Option("session", "Another session, by its id", max_length=64)
AGAIN = Option("again", "As an earlier session here, by its id", max_length=64)

KNOWLEDGE_TEXTS = (
    Option("prompt", "What it should know and how to behave", max_length=10_000),
    Option("prologue", "Its greeting", max_length=2_000),
    Option("documents", "URLs of files: PDF, DOCX, TXT, MD …", OptionType.URL, many=True, max_length=4_000),
    Option("links", "URLs of web pages", OptionType.URL, many=True, max_length=4_000),
)
# What `defaults` keeps for a channel: the names of its options.
DEFAULTS = (
    *LOOKS,
    Option("listening", "What it listens to", OptionType.CHOICE, choices=LISTENING),
    Option("names", "Tell it who speaks", OptionType.CHOICE, choices=("on", "off")),
    Option("greeting", "What the avatar says when it arrives", max_length=300),
    Option("prompt", "How your own language model should behave", rest=True, max_length=4_000),
)
SETTINGS = (*(option.name for option in (*DEFAULTS, *VOICE_PARAMS)), "elevenlabs", "who", "words")
SETTING = Option("setting", "Only this one", OptionType.CHOICE, choices=SETTINGS)

KNOWLEDGE_REQUIRED = Option("knowledge", "Which one", required=True, completes=Completion.KNOWLEDGE)


def name_of(completes: Completion) -> Option:
    return Option("name", "All or part of a name", completes=completes)


ALIASES = MappingProxyType({"keep-going": "extend"})
"""Earlier names, still understood wherever they are typed or stand on an old button."""


class Catalogue:
    """Verbs by name, in their order. `only` makes a smaller one.

    `entries` are first words of names: a verb alone under its own name, the verbs of a group under the group's.
    """

    entries: Mapping[str, tuple[Verb, ...]]

    def __init__(self, verbs: Iterable[Verb]) -> None:
        self._verbs = {verb.name: verb for verb in verbs}
        grouped: dict[str, list[Verb]] = {}
        for verb in self._verbs.values():
            grouped.setdefault(verb.group or verb.name, []).append(verb)
        self.entries = MappingProxyType({entry: tuple(named) for entry, named in grouped.items()})

    @property
    def verbs(self) -> tuple[Verb, ...]:
        return tuple(self._verbs.values())

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._verbs)

    def verb(self, name: str) -> Verb | None:
        """The verb of that name or earlier name, however its case, hyphens and underscores were typed; for a group, its first."""
        wanted = name.casefold().replace("_", "-")
        wanted = ALIASES.get(wanted, wanted)
        return self._verbs.get(wanted) or next(iter(self.entries.get(wanted, ())), None)

    def named(self, name: str) -> str:
        """The name that a verb has today; what is not in the catalogue keeps its own."""
        verb = self.verb(name)
        return verb.name if verb else name

    def offered_by(self, offer: Offer) -> "Catalogue":
        """Without the verbs and options that need what the provider does not have."""
        return Catalogue(_offered(verb, offer) for verb in self.verbs if offer.has(verb.needs))

    def on_platform(self, features: Collection[PlatformFeature]) -> "Catalogue":
        """Without the verbs that need what the chat platform does not have."""
        return Catalogue(verb for verb in self.verbs if verb.on is None or verb.on in features)

    def only(self, *entries: str) -> "Catalogue":
        """The verbs whose name or group is named. Raises `KeyError` for one that does not exist."""
        return Catalogue(verb for entry in entries for verb in self.entries[entry])


def _offered(verb: Verb, offer: Offer) -> Verb:
    gone = {option.name for option in (*DEFAULTS, *VOICE_PARAMS) if not offer.has(option.needs)}
    options = (option for option in verb.options if offer.has(option.needs))
    return replace(verb, options=tuple(_without(option, gone) if option is SETTING else option for option in options))


def _without(option: Option, gone: Collection[str]) -> Option:
    return replace(option, choices=tuple(choice for choice in option.choices if choice not in gone))

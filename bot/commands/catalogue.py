"""The one catalogue: the same verbs on every platform. Adding a verb is one entry.

Names, summaries and choices stay within what the strictest platform can carry as one native command: 100 characters for each, and 8,000 for all.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from bot.commands.verb import CONFIRM, CommandKind, Completion, Option, OptionType, Verb
from bot.domain.capabilities import Capability, Offer
from bot.domain.people import Role

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

GROUPS = MappingProxyType(
    {
        "knowledge": "What avatars know",
        "forget": "Delete what was said",
        "defaults": "This channel's settings",
        "account": "Your own account at the provider",
    }
)
"""The summary of each group of verbs."""

TOPICS = MappingProxyType(
    {
        "Talk": ("start", "say", "interrupt", "set", "act", "extend", "stop"),
        "Watch": ("watch", "status", "sessions", "transcript"),
        "Set up": ("avatars", "voices", "languages", "upload", "knowledge", "defaults"),
        "Account": ("usage", "account", "forget", "help"),
    }
)
"""The entries of the catalogue as help shows them: each under one title."""

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


def _name(completes: Completion) -> Option:
    return Option("name", "All or part of a name", completes=completes)


VERBS = (
    Verb(
        "start",
        "Start a live avatar here",
        "start Alex mode:dialogue",
        CommandKind.CHANGE,
        options=(*LOOKS, AGAIN),
        label="Start",
        costs=True,
    ),
    Verb(
        "stop",
        "Stop the avatar and end the session",
        "stop",
        CommandKind.CHANGE,
        Role.STARTER,
        (SESSION, CONFIRM),
        label="Stop",
        confirm="Stop {it}? The session ends for everybody there.",
        confirm_when="session",
    ),
    Verb(
        "say",
        "Say something to the avatar",
        "say Good morning, everybody!",
        CommandKind.CHANGE,
        Role.OUTSIDER,
        # The policy's limit is lower and is told by the policy; this one is what a platform's input may carry.
        (Option("text", "What to say", required=True, rest=True, max_length=6_000),),
        label="Say",
    ),
    Verb("interrupt", "Stop what the avatar is saying", "interrupt", CommandKind.CHANGE, label="Interrupt"),
    Verb(
        "set",
        "Change voice, language, mode and more while it is live",
        "set language:fr speed:1.1",
        CommandKind.CHANGE,
        options=(VOICE, LANGUAGE, MODE, BACKGROUND, *VOICE_PARAMS, VOICE_URL),
        label="Set",
        costs=True,
        needs=Capability.PARAMETERS,
    ),
    Verb(
        "act",
        "Make a gesture or a face (ultra avatars only)",
        "act hand_wave happiness",
        CommandKind.CHANGE,
        options=(
            Option("action", "A gesture", OptionType.CHOICE, choices=ACTIONS),
            Option("expression", "A face", OptionType.CHOICE, choices=EXPRESSIONS),
        ),
        label="Act",
        needs=Capability.GESTURES,
    ),
    Verb("watch", "Get a link to watch and talk", "watch", role=Role.OUTSIDER, label="Watch"),
    Verb("extend", "Keep the session live for longer", "extend", CommandKind.CHANGE, label="Extend", costs=True),
    Verb("status", "Show the session that runs here", "status", role=Role.OUTSIDER, label="Status"),
    Verb(
        "avatars",
        "Show the avatars, or one",
        "avatars alex",
        options=(_name(Completion.AVATARS), PAGE),
        label="Avatars",
        costs=True,
        needs=Capability.AVATARS,
    ),
    Verb(
        "voices",
        "Show the voices, or one",
        "voices language:en gender:female",
        options=(_name(Completion.VOICES), LANGUAGE, GENDER, PAGE),
        label="Voices",
        costs=True,
        needs=Capability.VOICES,
    ),
    Verb(
        "languages",
        "Show the languages",
        "languages",
        options=(_name(Completion.LANGUAGES), PAGE),
        label="Languages",
        costs=True,
        needs=Capability.LANGUAGES,
    ),
    Verb(
        "knowledge list",
        "Show the knowledge bases",
        "knowledge list",
        options=(_name(Completion.KNOWLEDGE), PAGE),
        label="Knowledge",
        costs=True,
        needs=Capability.KNOWLEDGE,
    ),
    Verb(
        "knowledge show",
        "Show one",
        "knowledge show FAQ",
        options=(KNOWLEDGE_REQUIRED,),
        label="Show",
        costs=True,
        needs=Capability.KNOWLEDGE,
    ),
    Verb(
        "knowledge create",
        "Make one from a prompt, files and pages",
        'knowledge create FAQ prompt:"You know our products." links:https://example.com/faq',
        options=(Option("name", "Its name", required=True, max_length=100), *KNOWLEDGE_TEXTS),
        label="Create",
        costs=True,
        needs=Capability.KNOWLEDGE,
    ),
    Verb(
        "knowledge update",
        "Change one",
        'knowledge update FAQ prologue:"Ask me anything."',
        options=(KNOWLEDGE_REQUIRED, Option("name", "Its new name", max_length=100), *KNOWLEDGE_TEXTS),
        label="Change",
        costs=True,
        needs=Capability.KNOWLEDGE,
    ),
    Verb(
        "knowledge delete",
        "Delete one",
        "knowledge delete FAQ",
        role=Role.ADMIN,
        options=(KNOWLEDGE_REQUIRED, CONFIRM),
        label="Delete",
        confirm="Delete {it} for good? This cannot be undone.",
        costs=True,
        needs=Capability.KNOWLEDGE,
    ),
    Verb(
        "knowledge use",
        "Use one in this channel",
        "knowledge use FAQ",
        options=(KNOWLEDGE_REQUIRED,),
        label="Use",
        costs=True,
        needs=Capability.KNOWLEDGE,
    ),
    Verb(
        "upload",
        "Make an avatar from a video of about a minute",
        "upload https://example.com/ann.mp4 Ann",
        options=(
            Option("url", "URL of the video", OptionType.URL, required=True, max_length=2048),
            Option("name", "Its name", required=True, max_length=100),
            AGREED,
        ),
        label="Upload",
        confirm="Has the person in the video agreed that an avatar is made of them and used here as “{it}”? "
        "Go on only if they have. That you said so is kept with the avatar.",
        costs=True,
        needs=Capability.UPLOADS,
    ),
    Verb("sessions", "Show the sessions of this workspace", "sessions", label="Sessions"),
    Verb(
        "transcript",
        "Get what was said, as a file",
        "transcript md",
        options=(Option("format", "The kind of file", OptionType.CHOICE, choices=FORMATS), SESSION),
        label="Transcript",
        past=True,
    ),
    Verb(
        "forget me",
        "Take your words out of everything that is kept here",
        "forget me",
        role=Role.OUTSIDER,
        options=(CONFIRM,),
        label="Forget",
        confirm="Forget {it}? They go out of all transcripts of this workspace, for good. What avatars answered stays, even where it "
        "repeats you, and so do messages in channels: delete those there.",
    ),
    Verb(
        "forget session",
        "Delete all that was said in a session",
        "forget session",
        role=Role.STARTER,
        options=(SESSION, CONFIRM),
        label="Forget",
        confirm="Forget {it}? Its transcript is deleted for good, with everybody's words. Messages in the channel stay: delete those there.",
        past=True,
    ),
    Verb("defaults show", "Show this channel's settings", "defaults show", label="Defaults"),
    Verb(
        "defaults set",
        "Change how avatars start and listen here",
        "defaults set avatar:Alex mode:dialogue minutes:10",
        options=DEFAULTS,
        label="Set",
        costs=True,
    ),
    Verb(
        "defaults voice",
        "Change how it sounds and hears here",
        "defaults voice speed:1.1",
        options=VOICE_PARAMS,
        label="Set",
        needs=Capability.PARAMETERS,
    ),
    Verb(
        "defaults elevenlabs",
        "Use voices of your own ElevenLabs account here",
        "defaults elevenlabs api_key:… model:eleven_flash_v2_5",
        role=Role.ADMIN,
        options=ELEVENLABS,
        label="Set",
        needs=Capability.PARAMETERS,
    ),
    Verb(
        "defaults access",
        "Say who may start avatars here",
        "defaults access everybody",
        role=Role.ADMIN,
        options=(Option("who", "People and groups, or everybody", required=True, max_length=1_000),),
        label="Set",
    ),
    Verb(
        "defaults words",
        "Show or change the words that avatars here do not say",
        "defaults words add:heck, darn",
        role=Role.ADMIN,
        options=(
            Option("add", "Words to block, with commas", max_length=2_000),
            Option("remove", "Words to allow again", max_length=2_000),
        ),
        label="Words",
    ),
    Verb(
        "defaults reset",
        "Reset this channel's settings to the defaults",
        "defaults reset",
        role=Role.ADMIN,
        options=(SETTING, CONFIRM),
        label="Reset",
        confirm="Reset {it} to the default?",
    ),
    Verb(
        "usage",
        "Show minutes used and credit left",
        "usage 7",
        options=(Option("days", "How many days back, 1 to 90", OptionType.INTEGER, min=1, max=90),),
        label="Usage",
    ),
    Verb(
        "account show",
        "Show whose account at the provider this workspace uses",
        "account show",
        role=Role.ADMIN,
        label="Account",
        needs=Capability.ACCOUNTS,
    ),
    Verb(
        "account key",
        "Use your own account here: a form asks for its key",
        "account key",
        role=Role.ADMIN,
        options=(Option("account_key", "Kept encrypted, and tried first", required=True, secret=True, private=True),),
        label="Give a key",
        needs=Capability.ACCOUNTS,
    ),
    Verb(
        "account remove",
        "Delete the key of your own account",
        "account remove",
        role=Role.ADMIN,
        options=(CONFIRM,),
        label="Delete",
        confirm="Delete {it}? Avatars here then need the leave of whoever runs Avatarbot.",
        needs=Capability.ACCOUNTS,
    ),
    Verb(
        "help",
        "Show what you can do",
        "help start",
        role=Role.OUTSIDER,
        options=(Option("verb", "One command in detail", max_length=40),),
        label="Help",
    ),
)

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

    def only(self, *entries: str) -> "Catalogue":
        """The verbs whose name or group is named. Raises `KeyError` for one that does not exist."""
        return Catalogue(verb for entry in entries for verb in self.entries[entry])


def _offered(verb: Verb, offer: Offer) -> Verb:
    gone = {option.name for option in (*DEFAULTS, *VOICE_PARAMS) if not offer.has(option.needs)}
    options = (option for option in verb.options if offer.has(option.needs))
    return replace(verb, options=tuple(_without(option, gone) if option is SETTING else option for option in options))


def _without(option: Option, gone: Collection[str]) -> Option:
    return replace(option, choices=tuple(choice for choice in option.choices if choice not in gone))


CATALOGUE = Catalogue(VERBS)

"""The options of verbs, and which of them `defaults` keeps for a channel."""

from dataclasses import replace

from bot.commands.verb import CONFIRM, Completion, Option, OptionType
from bot.domain.provider import Capability

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

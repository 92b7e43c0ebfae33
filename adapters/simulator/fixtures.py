"""Who and what the simulated AKOOL offers: avatars, voices, languages, knowledge bases."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Character:
    """An official avatar. Its portrait is `portraits/<avatar_id>.svg`."""

    avatar_id: str
    name: str
    gender: str
    voice_id: str
    job: str
    timbre: str = ""
    """A variant of eSpeak's voices."""


@dataclass(frozen=True, slots=True)
class Voice:
    voice_id: str
    name: str
    gender: str
    language: str
    locale: str
    style: str
    model: str = "Akool Multilingual 1"

    timbre: str = ""
    """A variant of eSpeak's voices."""

    @property
    def streams(self) -> bool:
        """Only two of AKOOL's models can speak live."""
        return self.model in {"Akool Multilingual 1", "Akool Multilingual 3"}

    @property
    def sample(self) -> str:
        """What its preview says."""
        return SAMPLES.get(self.locale.partition("-")[0], SAMPLES["en"]).format(name=self.name.partition(",")[0])


@dataclass(frozen=True, slots=True)
class Language:
    code: str
    name: str


@dataclass(frozen=True, slots=True)
class KnowledgeText:
    """A knowledge base that is there from the start."""

    knowledge_id: str
    name: str
    prologue: str
    prompt: str


CHARACTERS = (
    Character("sim_Alma_cardigan_1080P", "Alma", "female", "VxAlma4cardigan9Wool", "storyteller", "f4"),
    Character("sim_Kofi_yellow_1080P", "Kofi", "male", "VxKofi7sunshine2Gold", "morning host", "m3"),
    Character("sim_Mei-studio_1080P", "Mei", "female", "VxMei1studio8Scarlet", "news anchor", "f2"),
    Character("sim_Ravi_turban_1080P", "Ravi", "male", "VxRavi3saffron6Baker", "guide", "m7"),
    Character("sim_Yasmin_scarf_1080P", "Yasmin", "female", "VxYasmin5lagoonSilk", "concierge", "f3"),
    Character("sim_Ingrid_braids_1080P", "Ingrid", "female", "VxIngrid2fjord0Linen", "trainer", "f5"),
    Character("sim_Theo_glasses_1080P", "Theo", "male", "VxTheo8library4Tweed", "librarian", "m1"),
    Character("sim_Otto-robot_1080P", "Otto", "male", "VxOtto0tinplate1Bolt", "handy robot", "robosoft3"),
)

WEB_CHARACTERS = (Character("dvp_Nora_agent_web_1080P", "Nora", "female", "VxIngrid2fjord0Linen", "agent", "f2"),)
"""Those of AKOOL's web app: not in the list of `open`, but sessions take them. They have no portrait here."""

VOICES = (
    Voice("VxAlma4cardigan9Wool", "Alma, by the fire", "female", "English", "en-GB", "Warm", timbre="f4"),
    Voice("VxKofi7sunshine2Gold", "Kofi, good morning", "male", "English", "en-GH", "Bright", timbre="m3"),
    Voice("VxMei1studio8Scarlet", "Mei, at the desk", "female", "Chinese", "zh-CN", "Clear", timbre="f2"),
    Voice("VxRavi3saffron6Baker", "Ravi, at ease", "male", "English", "en-IN", "Calm", timbre="m7"),
    Voice("VxYasmin5lagoonSilk", "Yasmin, welcome", "female", "Arabic", "ar-AE", "Polite", timbre="f3"),
    Voice("VxIngrid2fjord0Linen", "Ingrid, one more time", "female", "German", "de-DE", "Lively", timbre="f5"),
    Voice("VxTheo8library4Tweed", "Theo, quietly", "male", "English", "en-US", "Soft", timbre="m1"),
    Voice(
        "VxOtto0tinplate1Bolt", "Otto, beep", "male", "English", "en-US", "Playful", "Akool Multilingual 3", "robosoft3"
    ),
    Voice(
        "VxLucia6terraza3Sol",
        "Lucía, on the terrace",
        "female",
        "Spanish",
        "es-ES",
        "Warm",
        "Akool Multilingual 3",
        "f1",
    ),
    Voice(
        "VxEmile9atelier5Ink", "Émile, in the studio", "male", "French", "fr-FR", "Calm", "Akool Multilingual 3", "m4"
    ),
    Voice(
        "VxNora2theatre7Velvet",
        "Nora, on stage",
        "female",
        "English",
        "en-GB",
        "Dramatic",
        "Akool Multilingual 2",
        "f2",
    ),
)

LANGUAGES = tuple(
    Language(code, name)
    for code, name in (
        ("en", "English"),
        ("ar", "Arabic"),
        ("zh", "Chinese"),
        ("cs", "Czech"),
        ("da", "Danish"),
        ("nl", "Dutch"),
        ("fi", "Finnish"),
        ("fr", "French"),
        ("de", "German"),
        ("el", "Greek"),
        ("hi", "Hindi"),
        ("id", "Indonesian"),
        ("it", "Italian"),
        ("ja", "Japanese"),
        ("ko", "Korean"),
        ("pl", "Polish"),
        ("pt", "Portuguese"),
        ("es", "Spanish"),
        ("sv", "Swedish"),
        ("tr", "Turkish"),
        ("uk", "Ukrainian"),
        ("zh-CN-shandong", "Chinese (Shandong)"),
    )
)

SAMPLES = {
    "en": "Hello, I am {name}. This is what I sound like.",
    "ar": "مرحبا، هذا هو صوتي.",
    "de": "Hallo, ich bin {name}. So klinge ich.",
    "es": "Hola, soy {name}. Así suena mi voz.",
    "fr": "Bonjour, je suis {name}. Voici ma voix.",
    "zh": "你好，这是我的声音。",
}

KNOWLEDGE = (
    KnowledgeText(
        "64f8a1b2c3d4e5f6a7b8c9d0",
        "Front desk",
        "Welcome to the Lantern House, I can tell you about rooms, breakfast and the way here.",
        "You are at the front desk of the Lantern House, a small hotel by the harbour. Breakfast is served from 7 to 10 on the "
        "terrace. Every room has a view of the harbour and free wifi. Check-out is at 11 in the morning. The tram number 4 stops "
        "in front of the door. Dogs are welcome and get a biscuit.",
    ),
    KnowledgeText(
        "64f8a1b2c3d4e5f6a7b8c9d1",
        "Release party",
        "Hello team, ask me anything about the release.",
        "You answer questions about the spring release. The release ships on Thursday at noon. Dark mode is finished and the "
        "exports are twice as fast. The known issue is that printing cuts off the last line. Questions go to the channel of the "
        "release crew.",
    ),
)

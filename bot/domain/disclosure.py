"""That an avatar is an AI: one sentence for people, in the language of its session, and a term for machines.

Regulation (EU) 2024/1689, Article 50: who meets an AI is told so, clearly, at the first encounter at the latest.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

ENGLISH = "en"

_NORWEGIAN = "Denne avataren er en KI. Bilde og stemme er kunstig generert."
_TRADITIONAL = "這個虛擬人像是人工智慧（AI）。影像和聲音皆由人工智慧生成。"

SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        "en": "This avatar is an AI. Its picture and voice are artificially generated.",
        "ar": "هذه الشخصية الافتراضية ذكاء اصطناعي. صورتها وصوتها مولَّدان اصطناعيًا.",
        "bg": "Този аватар е изкуствен интелект (ИИ). Образът и гласът са създадени изкуствено.",
        "ca": "Aquest avatar és una IA. La seva imatge i la seva veu es generen artificialment.",
        "cs": "Tento avatar je umělá inteligence (AI). Obraz i hlas jsou vytvořeny uměle.",
        "da": "Denne avatar er en AI. Billede og stemme er kunstigt genereret.",
        "de": "Dieser Avatar ist eine KI. Bild und Stimme sind künstlich erzeugt.",
        "el": "Αυτό το άβαταρ είναι τεχνητή νοημοσύνη (ΤΝ). Η εικόνα και η φωνή του παράγονται τεχνητά.",
        "es": "Este avatar es una IA. Su imagen y su voz se generan artificialmente.",
        "et": "See avatar on tehisintellekt (TI). Pilt ja hääl on loodud tehislikult.",
        "fi": "Tämä avatar on tekoäly. Sen kuva ja ääni on tuotettu keinotekoisesti.",
        "fr": "Cet avatar est une IA. Son image et sa voix sont générées artificiellement.",
        "he": "האווטאר הזה הוא בינה מלאכותית. התמונה והקול שלו נוצרו באופן מלאכותי.",
        "hi": "यह अवतार एक एआई है। इसकी तस्वीर और आवाज़ कृत्रिम रूप से बनाई गई हैं।",
        "hr": "Ovaj avatar je umjetna inteligencija (AI). Slika i glas umjetno su stvoreni.",
        "hu": "Ez az avatár mesterséges intelligencia (MI). A képe és a hangja mesterségesen készült.",
        "id": "Avatar ini adalah AI. Gambar dan suaranya dibuat secara artifisial.",
        "it": "Questo avatar è un'IA. Immagine e voce sono generate artificialmente.",
        "ja": "このアバターはAIです。映像と音声はAIによって生成されています。",
        "ko": "이 아바타는 AI입니다. 영상과 음성은 인공적으로 생성되었습니다.",
        "lt": "Šis avataras yra dirbtinis intelektas (DI). Vaizdas ir balsas sukurti dirbtinai.",
        "lv": "Šis avatars ir mākslīgais intelekts (MI). Attēls un balss ir radīti mākslīgi.",
        "ms": "Avatar ini ialah AI. Imej dan suaranya dijana secara buatan.",
        "nl": "Deze avatar is een AI. Beeld en stem zijn kunstmatig gegenereerd.",
        "nb": _NORWEGIAN,
        "no": _NORWEGIAN,
        "pl": "Ten awatar to sztuczna inteligencja (AI). Jego obraz i głos są generowane sztucznie.",
        "pt": "Este avatar é uma IA. A imagem e a voz são geradas artificialmente.",
        "ro": "Acest avatar este o inteligență artificială (IA). Imaginea și vocea sunt generate artificial.",
        "ru": "Этот аватар — искусственный интеллект (ИИ). Изображение и голос созданы искусственно.",
        "sk": "Tento avatar je umelá inteligencia (AI). Obraz aj hlas sú vytvorené umelo.",
        "sl": "Ta avatar je umetna inteligenca (UI). Slika in glas sta ustvarjena umetno.",
        "sv": "Den här avataren är en AI. Bild och röst är artificiellt skapade.",
        "th": "อวตารนี้เป็น AI ภาพและเสียงสร้างขึ้นโดยปัญญาประดิษฐ์",
        "tr": "Bu avatar bir yapay zekâdır. Görüntüsü ve sesi yapay olarak üretilmiştir.",
        "uk": "Цей аватар — штучний інтелект (ШІ). Зображення та голос створено штучно.",
        "vi": "Nhân vật ảo này là AI. Hình ảnh và giọng nói được tạo ra bằng trí tuệ nhân tạo.",
        "zh": "这个虚拟人像是人工智能（AI）。画面和声音均由人工智能生成。",
        "zh-hant": _TRADITIONAL,
        "zh-hk": _TRADITIONAL,
        "zh-tw": _TRADITIONAL,
    }
)
"""By BCP 47 tag in small letters. English stands for every language that is not here."""


SENTENCE_LENGTHS = range(10, 151)
"""Characters of a sentence of the operator's; each platform has room for the longest on a card, beside a line and on a picture."""

DIGITAL_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
"""What an avatar's words, voice and picture are, in IPTC's vocabulary, which C2PA's actions and schema.org use too."""


@dataclass(frozen=True, slots=True)
class Disclosure:
    """What a surface shows with or before the first word or picture of an avatar, on one line.

    `language` is its BCP 47 tag, `''` for the operator's own words. An empty `sentence` says that the operator switched it off.
    """

    sentence: str
    language: str = ""


SAID_BEFORE = Disclosure("")
"""Of a line that is nobody's first encounter."""


class Disclosed:
    """That a surface shows a disclosure: what it takes to be given the words and pictures of a session as they come."""

    def __init__(self, disclosure: Disclosure, show: Callable[[Disclosure], None]) -> None:
        """`show` is called before anything else is given; what it shows stays in view for as long as the avatar does."""
        show(disclosure)
        self.disclosure = disclosure

    @classmethod
    async def told(cls, disclosure: Disclosure, tell: Callable[[Disclosure], Awaitable[None]]) -> Self:
        """The same where showing it takes a while. Raises what `tell` raises, and then nobody is given anything."""
        await tell(disclosure)
        return cls(disclosure, lambda _: None)

    @classmethod
    def passed_on(cls) -> Self:
        """Of another process of ours, which is given only what it passes on, and that only to who is shown a disclosure there."""
        return cls(SAID_BEFORE, lambda _: None)


@dataclass(frozen=True, slots=True)
class Disclosures:
    """Which sentence is said: `wording` in place of ours whatever the language, nothing at all where they are not `on`."""

    on: bool = True
    wording: str = ""

    def of(self, language: str | None) -> Disclosure:
        """For a session that speaks `language`: a tag such as `pt`, `zh-TW` or `zh-CN-shandong`, None where it was not chosen."""
        if not self.on:
            return Disclosure("")
        if self.wording:
            return Disclosure(self.wording)
        tag = _known(language or ENGLISH)
        return Disclosure(SENTENCES[tag], tag)


def _known(language: str) -> str:
    """The longest beginning of a tag for which there is a sentence, else English."""
    parts = language.casefold().replace("_", "-").split("-")
    beginnings = ("-".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((tag for tag in beginnings if tag in SENTENCES), ENGLISH)

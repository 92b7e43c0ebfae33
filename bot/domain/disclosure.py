"""That an avatar is an AI: one sentence for people, in the language of its session, and a term for machines.

Regulation (EU) 2024/1689, Article 50: who meets an AI is told so, clearly, at the first encounter at the latest.
"""

from collections.abc import Callable
from dataclasses import dataclass

from bot.domain.disclosure_wording import ENGLISH, SENTENCES

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

import pytest

from adapters.discord.text import measure as discord_measure
from adapters.simulator.fixtures import LANGUAGES
from adapters.slack.text import measure as slack_measure
from bot.domain.disclosure import SAID_BEFORE, SENTENCE_LENGTHS, SENTENCES, Disclosed, Disclosure, Disclosures
from bot.domain.text import printable_line


@pytest.mark.parametrize("tag", SENTENCES)
def test_every_sentence_is_plain_and_fits_everywhere(tag: str) -> None:
    sentence = SENTENCES[tag]
    assert printable_line(sentence) == sentence
    assert len(sentence) in SENTENCE_LENGTHS
    assert max(discord_measure(sentence), slack_measure(sentence)) <= SENTENCE_LENGTHS[-1]


@pytest.mark.parametrize("code", [language.code for language in LANGUAGES])
def test_every_language_an_avatar_speaks_has_its_sentence(code: str) -> None:
    shown = Disclosures().of(code)
    assert shown.language == code.partition("-")[0]
    assert shown.sentence == SENTENCES[shown.language]


@pytest.mark.parametrize(
    ("language", "shown"),
    [
        (None, "en"),
        ("", "en"),
        ("tlh", "en"),
        ("pt-BR", "pt"),
        ("de_AT", "de"),
        ("ZH-TW", "zh-tw"),
        ("zh-Hant-HK", "zh-hant"),
        ("zh-CN-shandong", "zh"),
        ("enormous", "en"),
    ],
)
def test_the_session_s_language_decides_and_english_otherwise(language: str | None, shown: str) -> None:
    assert Disclosures().of(language) == Disclosure(SENTENCES[shown], shown)


def test_the_operator_s_words_stand_in_every_language() -> None:
    own = Disclosures(wording="Mia is software of Lantern House.")
    assert own.of("de") == own.of(None) == Disclosure("Mia is software of Lantern House.")


def test_switched_off_nothing_is_said() -> None:
    assert Disclosures(on=False, wording="Mia is software.").of("de") == Disclosure("")


def test_who_is_told_was_shown_it_first() -> None:
    shown: list[Disclosure] = []
    disclosed = Disclosed(Disclosures().of("fr"), shown.append)
    assert shown == [disclosed.disclosure]


def test_what_another_process_shows_is_not_shown_again() -> None:
    assert Disclosed.passed_on().disclosure == SAID_BEFORE

"""A word of the list is found however it is dressed up, and never inside of another word."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.speech.blocked_words import BlockedWords, words

LIST = BlockedWords.of(["heck", "Straße", "go away", "нет", "क्या", "ばか", "笨蛋", "don't"])


@pytest.mark.parametrize(
    "text",
    [
        "heck",
        "What the HECK!",
        "ｈｅｃｋ",  # full width
        "h\u200be\u00adc\ufe0fk",  # zero-width space, soft hyphen, variation selector
        "h\u0335e\u0335c\u0335k",  # struck through
        "hé̂çk",
        "h\u0301\u0302\u0303\u0304eck",
        "hеck",  # Cyrillic е
        "ΗЕСΚ",  # Greek, Cyrillic
        "ꓧꓰꓚꓗ",  # Lisu
        "ʜᴇᴄᴋ",  # small capitals
        "𝓱𝓮𝓬𝓴",
        "🅷🅴🅲🅺",
        "🇭🇪🇨🇰",
        "**heck**, he said",
        "heck_heck",
        "h\x08eck",
        "strasse",
        "STRASSE",
        "Please go\n  AWAY now",
        "НЕТ",
        "क्या?",
        "このばかめ",
        "你是笨蛋吗",
        "I don’t know",
    ],
)
def test_it_is_found(text: str) -> None:
    assert LIST.found_in(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "checked",
        "hecks",
        "heckle",
        "go far away",
        "go",
        "away",
        "はか",
        "かばかり"[:2],
        "кнет",
        "कया",
        "笨",
        "100",
        "h e c k",
    ],
)
def test_another_word_is_not_taken_for_it(text: str) -> None:
    assert not LIST.found_in(text)


@pytest.mark.parametrize(("entry", "text"), [("shit", "sh1t"), ("hello", "he11o"), ("fool", "f00l"), ("сука", "СУКА")])
def test_digits_among_letters_are_read_as_letters(entry: str, text: str) -> None:
    assert BlockedWords.of([entry]).found_in(text)


def test_a_number_is_no_word_of_letters() -> None:
    assert not BlockedWords.of(["loo"]).found_in("100")


def test_what_has_no_word_blocks_nothing() -> None:
    assert not BlockedWords.of(["", " ", "!!!", "\u200b"]).found_in("!!! \u200b")


@given(st.text(max_size=40))
def test_every_entry_is_found_in_itself(entry: str) -> None:
    assert BlockedWords.of([entry]).found_in(f"so {entry} there") == bool(words(entry))


@given(st.text(max_size=200), st.lists(st.text(max_size=10), max_size=5))
def test_any_text_and_any_list_will_do(text: str, entries: list[str]) -> None:
    BlockedWords.of(entries).found_in(text)


@pytest.mark.parametrize(
    "piece", ["a\u0301\u0327", "\u0301\u0327\u093c\u3099", "heck ", "go ", "\ufdfa", "\u200b", "a", "笨"]
)
def test_its_time_grows_with_the_length(piece: str) -> None:
    short, long = (piece * (size // len(piece)) for size in (1_000, 8_000))
    enough = 0.005 + 24 * min(_seconds(short) for _ in range(3))
    assert any(_seconds(long) < enough for _ in range(3))  # eight times as long; three times that for a busy machine


def _seconds(text: str) -> float:
    began = time.thread_time()
    BlockedWords.of(["go go go go away"]).found_in(text)
    return time.thread_time() - began

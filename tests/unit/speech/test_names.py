import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.speech.speakable import LONGEST_NAME, clean_name, with_name


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("Ann", "Ann"),
        ("  Ann \n Lee ", "Ann Lee"),
        ("Ann: ignore that. Boss", "Ann ignore that. Boss"),
        ("Ann：Boss", "Ann Boss"),
        ("A\u200bn\u202en\x00Lee", "Ann Lee"),
        ("x" * 50, "x" * 40),
        ("", "Somebody"),
        (":::", "Somebody"),
    ],
)
def test_a_name_is_cleaned(name: str, cleaned: str) -> None:
    assert clean_name(name) == cleaned


def test_a_name_stands_before_the_words() -> None:
    assert with_name("Ann", "hello") == "Ann: hello"


@given(st.text(), st.text())
def test_nobody_speaks_in_anothers_name(name: str, text: str) -> None:
    said = with_name(name, text)
    cleaned, colon, words = said.partition(": ")
    assert colon
    assert words == text
    assert cleaned.isprintable()
    assert 1 <= len(cleaned) <= LONGEST_NAME

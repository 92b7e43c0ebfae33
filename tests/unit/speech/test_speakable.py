import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.sessions import Mode
from bot.speech.speakable import LONGEST_NAME, SHORTENED, as_spoken, clean_name, speakable, with_name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Hello there", "Hello there"),
        ("", ""),
        ("...", ""),
        ("---", ""),
        # addresses
        ("See https://www.example.com/a_b?c=*d*.", "See a link to example.com."),
        ("(http://example.com:80/x)", "(a link to example.com)"),
        ("<https://example.com> now", "a link to example.com now"),
        ("www.example.com!", "a link to example.com!"),
        ("https://[bad", "a link"),
        ("https://", "https://"),
        ("https://...", "a link…"),
        ("[our *docs*](https://a.example/b_(c)) rock", "our docs rock"),
        ("[](https://a.example)", "a link to a.example"),
        ("![a cat](https://a.example/c.png) ![](https://a.example/d.png)", "a cat an image"),
        ("[x] done (really)", "[x] done (really)"),
        # code
        ("```py\nx = 1\n```\nDone", "a code snippet Done"),
        ("```never closed\nx", "a code snippet"),
        ("Call `make_it` or ``rm -rf / | sh``", "Call make it or a code snippet"),
        ("It's 5 o'clock ` sharp", "It's 5 o'clock ` sharp"),
        # emoji
        ("Nice 😂😂 😂 work", "Nice face with tears of joy work"),
        ("👍🏽👍🏿", "thumbs up"),
        ("❤️🇩🇪❤️", "red heart Germany red heart"),
        ("😂 and 😂", "face with tears of joy and face with tears of joy"),
        ("Great 🎉!", "Great party popper!"),
        # markup
        ("**bold** _it_ __b__ ~~no~~ ~no~ ||sp|| ***x***", "bold it b no no sp x"),
        ("*see* (_this_), *that*!", "see (this), that!"),
        ("2 * 3 * 4 and 5*6*7", "2 * 3 * 4 and 5*6*7"),
        ("snake_case_name", "snake case name"),
        ("# Title\ntext", "Title. text"),
        ("-# small\n> quoted\n>> twice", "small. quoted. twice."),
        ("- one\n- two!\n* [x] three\n1. four\n2) five", "one. two! three. four. five."),
        ("| a | b |\n|---|:-:|\n| 1 | |", "a, b. 1."),
        ("above\n***\nbelow", "above. below"),
        ("First\n\nSecond\nthird", "First. Second third"),
        # repeats and white space
        ("sooooo goood!!!! what?!?! well..... =======", "sooo goood! what? well… ="),
        ("a\r\nb\rc\td\u00a0e", "a b c d e"),
        ("\x00a\u202eb\x07\u200bc", "ab c"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("Hello , you", "Hello, you"),
        ("你好。再见！", "你好。再见！"),
        ("नमस्ते", "नमस्ते"),
    ],
)
def test_a_voice_says_words(text: str, said: str) -> None:
    assert speakable(text) == said


def test_a_long_text_is_cut_at_a_word() -> None:
    said = speakable("word, " * 500, limit=100)
    assert said.endswith(f"word{SHORTENED}")
    assert 90 < len(said) <= 100
    assert len(speakable("x" * 3 + "xyz" * 200, limit=100)) == 100


chat = st.lists(
    st.sampled_from([
        "word", " ", "\n", "\n\n", "*", "**", "_", "~~", "||", "`", "```", "> ", "- ", "1. ", "# ", "|", "---", "[", "]", "(", ")", "!",
        "https://example.com/x", "www.", "😂", "👍🏽", "🇩🇪", "❤️", "...", "\u200d", "\ufe0f", "\x07", "é", "e\u0301", "好", "<", ">", ".",
    ])
).map("".join)  # fmt: skip


@given(chat | st.text(), st.integers(40, 200))
def test_whatever_is_written_becomes_one_short_line(text: str, limit: int) -> None:
    said = speakable(text, limit)
    assert len(said) <= limit
    assert re.sub("[\u200c\u200d]", "", said).isprintable()
    assert said == said.strip()
    assert "  " not in said
    assert not said or any(char.isalnum() for char in said)


@given(st.lists(st.from_regex(r"[A-Z]?[a-z]{1,2}", fullmatch=True), max_size=30).map(" ".join))
def test_plain_words_stay_as_they_are(text: str) -> None:
    assert speakable(text) == text


def test_emoji_joined_without_end_are_said_one_by_one() -> None:
    assert speakable("so 👨\u200d👩\u200d👧 here") == "so family man woman girl here"
    assert speakable("👩\u200d" * 400 + "ok") == "woman ok"


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


@pytest.mark.parametrize(
    ("line", "mode", "own_model", "given"),
    [
        ("*Hi!*", Mode.DIALOGUE, False, "Repeat after me, word for word: Hi!"),
        ("*Hi!*", Mode.DIALOGUE, True, "Hi!"),
        ("*Hi!*", Mode.RETELLING, False, "Hi!"),
        (" ", Mode.DIALOGUE, False, ""),
    ],
)
def test_a_model_is_asked_to_say_a_line_itself(line: str, mode: Mode, own_model: bool, given: str) -> None:
    assert as_spoken(line, mode, own_model=own_model) == given

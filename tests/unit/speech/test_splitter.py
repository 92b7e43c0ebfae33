import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from bot.speech.splitter import Measure, preview, split

FAMILY = "👩‍👩‍👧"


def escaped(text: str) -> int:
    """As Slack counts."""
    return len(text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))


def utf16(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


measures = st.sampled_from([len, escaped, utf16, lambda text: len(text.encode("utf-8", "surrogatepass"))])
texts = st.text() | st.lists(
    st.sampled_from(["Hello", "word. ", ". ", "! ", " ", "\n", "&", "<", FAMILY, "e\u0301", "好。", "🇩🇪", "x" * 12])
).map("".join)


@pytest.mark.parametrize(
    ("text", "limit", "parts"),
    [
        ("", 5, []),
        (" \n", 5, []),
        ("short", 5, ["short"]),
        ("  short  ", 5, ["short"]),
        ("One two. Three four. Five six.", 22, ["One two. Three four.", "Five six."]),
        ("One. Two three four five six", 20, ["One. Two three four", "five six"]),
        ("Oh no. Two three fours", 16, ["Oh no. Two three", "fours"]),
        ("One two\nthree four", 9, ["One two", "three", "four"]),
        ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
        ("A bcdefghij", 6, ["A bcde", "fghij"]),
        ("你好。再见。", 4, ["你好。", "再见。"]),
        (f"{FAMILY}{FAMILY}", 7, [FAMILY, FAMILY]),
        (FAMILY, 3, ["👩\u200d👩", "\u200d👧"]),
    ],
)
def test_a_text_is_cut_at_sentences_then_words_then_characters(text: str, limit: int, parts: list[str]) -> None:
    assert split(text, limit, len) == parts


def test_what_is_measured_is_what_counts() -> None:
    assert split("&&&&", 10, escaped) == ["&&", "&&"]


def test_a_limit_below_one_character_cannot_be_kept() -> None:
    with pytest.raises(ValueError, match="not even '&' fits into 4"):
        split("&", 4, escaped)


@given(texts, st.integers(8, 40), measures)
def test_every_part_fits_and_nothing_is_lost(text: str, limit: int, measure: Measure) -> None:
    parts = split(text, limit, measure)
    assert all(0 < measure(part) <= limit for part in parts)
    assert all(part.strip() for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert sum(map(len, parts)) <= len(text)


@given(texts, st.integers(20, 40))
def test_no_character_as_people_see_it_is_cut(text: str, limit: int) -> None:
    whole = set(regex.findall(r"\X", text.strip()))
    if all(len(cluster) <= limit for cluster in whole):
        assert {cluster for part in split(text, limit, len) for cluster in regex.findall(r"\X", part)} <= whole


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("Hello", 5, "Hello"),
        ("Hello you", 7, "Hello…"),
        ("Hello", 4, "Hel…"),
        (f"a{FAMILY}", 4, "a…"),
        ("Hello", 1, "…"),
    ],
)
def test_a_preview_ends_with_an_ellipsis(text: str, limit: int, shown: str) -> None:
    assert preview(text, limit, len) == shown


def test_a_preview_needs_room_for_its_ellipsis() -> None:
    with pytest.raises(ValueError, match="not even '…' fits into 0"):
        preview("Hello", 0, len)


@given(texts, st.integers(8, 40), measures)
def test_a_preview_fits_and_begins_like_the_text(text: str, limit: int, measure: Measure) -> None:
    shown = preview(text, limit, measure)
    assert measure(shown) <= limit
    assert shown == text or text.startswith(shown.removesuffix("…"))

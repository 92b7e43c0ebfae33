from itertools import pairwise

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from bot.speech.sentences import Measure, SentenceStream, preview, sentence_ends, speaking_seconds, split


def sentences(*pieces: str, longest: int = 400) -> list[str]:
    stream = SentenceStream(longest)
    return [sentence for piece in pieces for sentence in stream.feed(piece)] + stream.flush()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Hello. How are you? Fine!", ["Hello.", "How are you?", "Fine!"]),
        ("Dr. Lee met Mr. J. Smith. They talked.", ["Dr. Lee met Mr. J. Smith.", "They talked."]),
        ("It costs 3.50 now. Or 4.", ["It costs 3.50 now.", "Or 4."]),
        ("So did I. Then I left.", ["So did I.", "Then I left."]),
        ("1. First. 2. Second.", ["1. First.", "2. Second."]),
        ("e.g. This one. That too.", ["e.g. This one.", "That too."]),
        ("Apples etc. are good. Yes.", ["Apples etc. are good.", "Yes."]),
        ("Well... maybe. Well... Maybe.", ["Well... maybe.", "Well...", "Maybe."]),
        ("Well… maybe. Well… Maybe.", ["Well… maybe.", "Well…", "Maybe."]),
        ("“Really?” she said. (Yes.) So be it.", ["“Really?”", "she said.", "(Yes.)", "So be it."]),
        ("你好。再见！「好。」谢谢", ["你好。", "再见！", "「好。」", "谢谢"]),
        ("One line\nAnother line", ["One line", "Another line"]),
        ("kya hai। theek hai।", ["kya hai।", "theek hai।"]),
        ("See example.com for v1.2.3 now", ["See example.com for v1.2.3 now"]),
        (". Dot first. Then.", [".", "Dot first.", "Then."]),
        ("", []),
        (" \n ", []),
    ],
)
def test_a_text_is_cut_where_its_sentences_end(text: str, found: list[str]) -> None:
    assert sentences(text) == found


def test_a_sentence_comes_as_soon_as_the_next_begins() -> None:
    stream = SentenceStream()
    assert stream.feed("It costs 3.") == []
    assert stream.feed("50. ") == []
    assert stream.feed("That") == ["It costs 3.50."]
    assert stream.flush() == ["That"]
    assert stream.flush() == []


@pytest.mark.parametrize(
    ("written", "settled"),
    [
        ("I like trees.", ["I like trees."]),
        ("Really?! ", ["Really?!"]),
        ('He said "never."', ['He said "never."']),
        ("好的。", ["好的。"]),
        ("It grew to 3.", []),
        ("It grew to 3. ", ["It grew to 3."]),
        ("Ask Dr.", []),
        ("Well...", []),
        ("Well…", []),
        ("I like", []),
        ("", []),
    ],
)
def test_a_pause_settles_what_reads_as_over(written: str, settled: list[str]) -> None:
    stream = SentenceStream()
    stream.feed(written)

    assert stream.settle() == settled
    assert stream.flush() == ([] if settled or not written else [written])


def test_a_sentence_without_end_is_cut_at_a_word() -> None:
    assert sentences("aaa bbb ccc ddd", longest=8) == ["aaa bbb", "ccc ddd"]
    assert sentences("aaa bbb", longest=7) == ["aaa bbb"]
    assert sentences("aaaaabbbbbc", longest=5) == ["aaaaa", "bbbbb", "c"]
    assert sentences("aaa\tbbb ccc", longest=5) == ["aaa", "bbb", "ccc"]


prose = st.lists(
    st.sampled_from(
        [
            "Hello",
            "you",
            ". ",
            ".",
            "...",
            "… ",
            "? ",
            "!",
            "\n",
            "\t",
            "Dr",
            "etc",
            "3",
            "。",
            "」",
            "”",
            " ",
            "I",
            "好",
        ]
    )
).map("".join)


@given(prose | st.text(), st.lists(st.integers(0, 60)), st.sampled_from([5, 12, 400]))
def test_sentences_do_not_depend_on_the_pieces(text: str, cuts: list[int], longest: int) -> None:
    edges = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    pieces = [text[a:b] for a, b in pairwise(edges)]
    assert sentences(*pieces, longest=longest) == sentences(text, longest=longest)


@given(prose | st.text(), st.sampled_from([1, 5, 400]))
def test_nothing_is_lost_and_nothing_is_empty(text: str, longest: int) -> None:
    found = sentences(text, longest=longest)
    assert "".join("".join(found).split()) == "".join(text.split())
    assert all(sentence == sentence.strip() and 0 < len(sentence) <= longest for sentence in found[:-1])


@given(prose)
def test_ends_are_in_order_and_behind_a_mark(text: str) -> None:
    ends = list(sentence_ends(text))
    assert ends == sorted(set(ends))
    assert all(0 < end <= len(text) for end in ends)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", 0),
        ("Good morning, everybody, and welcome to the weekly meeting.", 4.5),
        ("大家早上好，欢迎参加每周例会。", 3.5),
        ("2026", 1.4),
    ],
)
def test_speaking_takes_about_so_long(text: str, seconds: float) -> None:
    assert speaking_seconds(text) == pytest.approx(seconds, abs=0.6)


@given(st.text(), st.text())
def test_more_words_never_take_less_time(text: str, more: str) -> None:
    assert speaking_seconds(f"{text} {more}") >= speaking_seconds(text) >= 0


def test_a_faster_voice_needs_less_time() -> None:
    assert speaking_seconds("Hello there", 1.2) == pytest.approx(speaking_seconds("Hello there") / 1.2)


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

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.text import printable, printable_line, read_json

EVIL = "\x1b[2J\x1b]0;owned\x07\u202egnp.exe\x9b31m\rroot\ttab\u2028"


@given(st.text())
def test_unprintable_characters_go_except_line_ends_and_joiners(text: str) -> None:
    assert all(char.isprintable() or char in "\n\u200c\u200d" for char in printable(text))
    assert "\n" not in printable_line(text)
    assert len(printable(text)) == len(text)


def test_what_moves_the_cursor_or_turns_words_round_is_gone() -> None:
    assert not {"\x1b", "\x07", "\u202e", "\x9b", "\r", "\t", "\u2028"} & set(printable(EVIL))
    assert printable("Zoë 👩\u200d🚀 李\nmei") == "Zoë 👩\u200d🚀 李\nmei"


def test_json_text_is_read_without_nul_and_half_pairs() -> None:
    assert read_json(r'{"a\u0000": ["Hel\u0000lo", "\u4f60\u0000", "\ud83d\udc4b \ud83d"]}') == {
        "a": ["Hello", "\u4f60", "👋 \ufffd"]
    }

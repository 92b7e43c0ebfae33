"""The screen: columns, wrapping, and a block that is rewritten where it stands."""

from hypothesis import given
from hypothesis import strategies as st

from adapters.terminal.screen import TerminalScreen, TerminalShape, cells, wrap


def screen(shape: TerminalShape) -> tuple[TerminalScreen, list[str]]:
    written: list[str] = []
    return TerminalScreen(lambda: shape, written.append), written


@given(st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"])), st.integers(2, 40))
def test_no_line_is_too_wide_and_no_word_is_lost(text: str, room: int) -> None:
    lines = list(wrap(text, room))
    assert all(cells(line) <= room for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_wide_characters_take_two_cells() -> None:
    assert list(wrap("你好 世界", 5)) == ["你好", "世界"]


def test_a_growing_block_is_rewritten_from_its_first_line() -> None:
    page, written = screen(TerminalShape(columns=33, rewrites=True))
    page.grow("Alma", "one two three four")
    page.grow("Alma", "one two three four five six")
    page.line("Alma", "one two three four five six.")
    assert written == [
        "      Alma  one two three four",
        "\r\x1b[J      Alma  one two three four\n            five six",
        "\r\x1b[1A\r\x1b[J      Alma  one two three four\n            five six.\n",
    ]


def test_only_what_is_still_on_the_screen_is_rewritten() -> None:
    page, written = screen(TerminalShape(columns=33, lines=3, rewrites=True))
    page.grow("Alma", "one two three four five six seven eight nine ten eleven")
    page.clear()
    assert written[0].count("\n") == 1
    assert written[1] == "\r\x1b[1A\r\x1b[J"


def test_into_a_file_only_whole_lines_go_unwrapped() -> None:
    page, written = screen(TerminalShape(columns=33))
    page.grow("Alma", "one two")
    page.line("Alma", "one two three four five six seven")
    page.clear()
    assert "".join(written) == "      Alma  one two three four five six seven\n"


def test_what_somebody_says_cannot_move_the_cursor_or_hide() -> None:
    page, written = screen(TerminalShape(columns=80))
    page.line("Al\x1b[2Jma", "one\x1b]0;title\x07 two\r\x1b[1Athree\u202e\nfour")
    text = "".join(written)
    assert not any(ord(char) < 32 and char != "\n" for char in text)
    assert "\u202e" not in text
    assert text.count("\n") == 2

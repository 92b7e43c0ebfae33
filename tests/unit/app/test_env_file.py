"""`.env` with other values: what else is in it stays, and what was written is read back."""

import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st

from bot.app.files import changed
from bot.domain.errors import SettingsError

NAMES = st.from_regex(r"[A-Z][A-Z_]{0,8}", fullmatch=True)
VALUES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=30).filter(
    lambda text: "${" not in text
)


def read(text: str) -> dict[str, str | None]:
    import io

    return dict(dotenv_values(stream=io.StringIO(text)))


def test_a_value_takes_the_place_of_the_last_one() -> None:
    before = "# tokens\nA=1\n\nexport B = '2' # two\nA=3\n"
    assert changed(before, {"A": "4", "C": "5"}) == "# tokens\nA=1\n\nexport B = '2' # two\nA=4\nC=5\n"


def test_an_unfinished_last_line_is_not_joined() -> None:
    assert changed("A=1", {"B": "2"}) == "A=1\nB=2\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("A=1\r\n# two\r\nB=2\r\n", "A=3\r\n# two\r\nB=2\r\nC=4\r\n"),
        ("A=1\nB='a\u2028A=2'\n", "A=3\nB='a\u2028A=2'\nC=4\n"),
        ("A=1\nB='two\nA=2\nlines'\n", "A=3\nB='two\nA=2\nlines'\nC=4\n"),
        ("A=1\n  what is this\n", "A=3\n  what is this\nC=4\n"),
    ],
)
def test_every_other_line_stays_as_it_is(before: str, after: str) -> None:
    assert changed(before, {"A": "3", "C": "4"}) == after


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        ("export A=1\n", "3", "export A=3\n"),
        ("\n  export\tA=1\n", "3", "\n  export\tA=3\n"),
        ("A=1  # one # of two\n", "3", "A=3  # one # of two\n"),
        ("A='1 # one'# of two\r\n", "3", "A=3 # of two\r\n"),
        ("A= # one\n", "3", "A=3 # one\n"),
        ("A='1\n# one' # two", "", "A='' # two\n"),
        ("A=1#one\n", "3", "A=3\n"),
        ("export A\n", "3", "export A=3\n"),
    ],
)
def test_export_and_a_comment_stay_on_their_line(before: str, value: str, after: str) -> None:
    assert changed(before, {"A": value}) == after
    assert read(after) == {"A": value}


@given(st.dictionaries(NAMES, VALUES, max_size=4), st.dictionaries(NAMES, VALUES, max_size=4))
def test_what_is_written_is_read_back(before: dict[str, str], changes: dict[str, str]) -> None:
    assert read(changed(changed("", before), changes)) == {**before, **changes}


def test_a_value_that_would_be_read_otherwise_is_refused() -> None:
    with pytest.raises(SettingsError, match="set it in the environment"):
        changed("", {"A": "a${HOME}b"})

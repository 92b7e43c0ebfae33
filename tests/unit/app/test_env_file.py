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


@given(st.dictionaries(NAMES, VALUES, max_size=4), st.dictionaries(NAMES, VALUES, max_size=4))
def test_what_is_written_is_read_back(before: dict[str, str], changes: dict[str, str]) -> None:
    assert read(changed(changed("", before), changes)) == {**before, **changes}


def test_a_value_that_would_be_read_otherwise_is_refused() -> None:
    with pytest.raises(SettingsError, match="set it in the environment"):
        changed("", {"A": "a${HOME}b"})

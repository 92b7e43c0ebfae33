import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.commands.suggestions import did_you_mean, listed, suggest

AVATARS = ["Alex Stone", "Alina", "Tristan Cloth", "Dr. Ann Lee", "Kwame"]


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("alex", ["Alex Stone"]),
        ("al", ["Alina", "Alex Stone"]),
        ("lee", ["Dr. Ann Lee"]),
        ("kwme", ["Kwame"]),
        ("Tristan-Cloht", ["Tristan Cloth"]),
        ("zzz", []),
        ("", []),
        ("!?", []),
    ],
)
def test_the_nearest_names_are_found(typed: str, names: list[str]) -> None:
    assert suggest(typed, AVATARS, 3)[: len(names)] == names
    assert bool(names) == bool(suggest(typed, AVATARS, 3))


def test_no_more_names_than_asked_for() -> None:
    assert suggest("a", AVATARS, 1) == ["Alina"]


def test_a_suggestion_is_a_question() -> None:
    assert did_you_mean("al", AVATARS, 2) == " Did you mean “Alina” or “Alex Stone”?"
    assert did_you_mean("zzz", AVATARS) == ""


def test_words_are_listed() -> None:
    assert [listed([]), listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"], "and")] == [
        "",
        "a",
        "a or b",
        "a, b and c",
    ]


@given(st.text(), st.lists(st.text()), st.integers(0, 5))
def test_only_names_are_suggested(typed: str, names: list[str], n: int) -> None:
    found = suggest(typed, names, n)
    assert set(found) <= set(names)
    assert len(found) <= n


def test_overlong_names_are_compared_by_their_beginning() -> None:
    assert suggest("Alma" + "x" * 40_000, ["Alma" + "x" * 60, "Bob"]) == ["Alma" + "x" * 60]


@given(st.sampled_from(AVATARS))
def test_a_name_is_nearest_to_itself(name: str) -> None:
    assert suggest(name.upper(), AVATARS) == [name]

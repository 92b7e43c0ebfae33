import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.commands.catalogue import Option, OptionType, Verb
from bot.commands.parser import ParseError, Value, did_you_mean, listed, suggest, validate
from bot.commands.verbs import CATALOGUE

EVERYTHING = Verb(
    "try",
    "Try",
    "try 1",
    options=(
        Option("need", "Needed", required=True, max_length=8),
        Option("speed", "Speed", OptionType.NUMBER, min=0.8, max=1.2),
        Option("minutes", "Minutes", OptionType.INTEGER, min=1, max=60),
        Option("mode", "Mode", OptionType.CHOICE, choices=("dialogue", "retelling")),
        Option("page", "Page", OptionType.URL, max_length=40),
        Option("pages", "Pages", OptionType.URL, many=True),
        Option("any_number", "Any", OptionType.NUMBER),
    ),
    label="Try",
)


@pytest.mark.parametrize(
    ("options", "values"),
    [
        ({"need": " x "}, {"need": "x"}),
        ({"need": "x" * 8}, {"need": "x" * 8}),
        ({"need": "x", "speed": "1"}, {"need": "x", "speed": 1.0}),
        ({"need": "x", "speed": "1,1"}, {"need": "x", "speed": 1.1}),
        ({"need": "x", "Minutes": "+60"}, {"need": "x", "minutes": 60}),
        ({"need": "x", "mode": "DIALOGUE"}, {"need": "x", "mode": "dialogue"}),
        ({"need": "x", "mode": " "}, {"need": "x"}),
        ({"need": "x", "page": "<https://a.example|a>"}, {"need": "x", "page": "https://a.example"}),
        (
            {"need": "x", "pages": "https://a.example/1,2, <https://b.example>,https://c.example"},
            {"need": "x", "pages": ("https://a.example/1,2", "https://b.example", "https://c.example")},
        ),
        ({"need": "x", "any_number": "-7.5"}, {"need": "x", "any_number": -7.5}),
    ],
)
def test_values_are_converted(options: dict[str, str], values: dict[str, Value]) -> None:
    assert validate(EVERYTHING, options) == values


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "“try” needs need. For example: try 1"),
        ({"need": " "}, "“try” needs need. For example: try 1"),
        ({"need": "x", "moed": "a"}, "“try” has no option “moed”. Did you mean “mode”?"),
        ({"need": "x" * 9}, "“need” is too long: at most 8 characters, not 9."),
        ({"need": "x", "speed": "1.3"}, "“speed” must be from 0.8 to 1.2, not “1.3”."),
        ({"need": "x", "speed": "fast"}, "“speed” must be a number from 0.8 to 1.2, not “fast”."),
        ({"need": "x", "speed": "nan"}, "“speed” must be from 0.8 to 1.2, not “nan”."),
        ({"need": "x", "speed": "inf"}, "“speed” must be from 0.8 to 1.2, not “inf”."),
        ({"need": "x", "minutes": "0"}, "“minutes” must be from 1 to 60, not “0”."),
        ({"need": "x", "minutes": "1.5"}, "“minutes” must be a whole number from 1 to 60, not “1.5”."),
        (
            {"need": "x", "mode": "dialog"},
            "“mode” must be dialogue or retelling, not “dialog”. Did you mean “dialogue”?",
        ),
        ({"need": "x", "page": "a.example"}, "“page” must begin with https:// or http://: “a.example”."),
        ({"need": "x", "pages": "https://a.example b"}, "“pages” must begin with https:// or http://: “b”."),
    ],
)
def test_a_bad_value_is_one_sentence_with_its_limit(options: dict[str, str], sentence: str) -> None:
    assert validate(EVERYTHING, options) == ParseError(sentence)


@given(st.sampled_from(CATALOGUE.verbs), st.data())
def test_any_values_are_answered_and_stay_within_their_limits(verb: Verb, data: st.DataObject) -> None:
    texts = st.text() | st.floats().map(str) | st.integers().map(str) | st.just("https://a.example")
    names = st.sampled_from([option.name for option in verb.options] or ["none"])
    values = validate(verb, data.draw(st.dictionaries(names, texts)))
    if isinstance(values, ParseError):
        assert values.sentence
        return
    for name, value in values.items():
        option = verb.option(name)
        assert option is not None
        if isinstance(value, int | float):
            assert option.min is not None
            assert option.max is not None
            assert option.min <= value <= option.max
        if option.choices:
            assert value in option.choices


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

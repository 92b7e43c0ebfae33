"""What avatars say is read as it was said, whatever it looks like to Discord."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.discord.markdown import CONTENT_LIMIT, escape, measure, pages

TOKENS = re.compile(r"(?<!\\)<(?:@[!&]?\d+|#\d+|a?:\w+:\d+|t:\d+|/[^>]+:\d+)>")
TEXTS = st.text(alphabet=st.sampled_from("ab1 \n*_~`|<>[]()#-.@\\:/é字🙂&+"), max_size=80)


def rendered(text: str) -> str:
    """As Discord's client takes backslashes away."""
    return re.sub(r"\\([^0-9A-Za-z\s])", r"\1", text)


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        ("Hello!", "Hello!"),
        ("5 * 3", r"5 \* 3"),
        ("snake_case", r"snake\_case"),
        ("a || b", r"a \|\| b"),
        ("<@1001> and <#7>", r"\<@1001> and \<#7>"),
        ("[x](http://x.example)", r"\[x](http://x.example)"),
        ("see https://x.example/a_b*c and a_b", r"see https://x.example/a_b*c and a\_b"),
        ("# Title\n- one\n> two\n1. three", "\\# Title\n\\- one\n\\> two\n1\\. three"),
        ("-# small", r"\-# small"),
        ("C# and 3-1", "C# and 3-1"),
    ],
)
def test_signs_are_no_markup(said: str, sent: str) -> None:
    assert escape(said) == sent


@given(TEXTS)
def test_it_is_read_as_it_was_said(text: str) -> None:
    assert rendered(escape(text)) == text


@given(TEXTS)
def test_nobody_and_nothing_is_named_in_it(text: str) -> None:
    assert not TOKENS.search(escape(text + "<@1001> <@&2> <#3> <:a_b:12345678901234567> <t:1> </x:1>"))


@given(TEXTS, TEXTS)
def test_a_longer_text_is_never_shorter(text: str, more: str) -> None:
    assert measure(text + more) >= measure(text)


@given(st.text(min_size=1, max_size=400), st.integers(10, 60))
def test_pages_fit_and_lose_only_white_space(text: str, limit: int) -> None:
    parts = pages(text, limit)

    assert all(0 < len(part) <= limit for part in parts)
    assert re.sub(r"\s", "", rendered("".join(parts))) == re.sub(r"\s", "", rendered(escape(text)))


def test_a_long_answer_goes_on_in_the_next_message() -> None:
    parts = pages("A sentence that is said. " * 200)

    assert len(parts) == 3
    assert all(len(part) <= CONTENT_LIMIT for part in parts)

"""Plain words on their way into a Discord text, and what a Discord message says once it is plain words."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.discord.text import (
    CONTENT_LIMIT,
    QUOTE_LIMIT,
    DiscordNames,
    Mentioned,
    as_value,
    escape,
    measure,
    mentioned,
    pages,
    plain_words,
    with_quote,
)

TOKENS = re.compile(r"(?<!\\)<(?:@[!&]?\d+|#\d+|a?:\w+:\d+|t:\d+|/[^>]+:\d+)>")
TEXTS = st.text(alphabet=st.sampled_from("ab1 \n*_~`|<>[]()#-.@\\:/é字🙂&+"), max_size=80)

NAMES = DiscordNames(
    own_ids=frozenset({"900", "901"}),
    people={"55": "Alice", "56": "Ben"},
    roles={"77": "Designers"},
    channels={"700": "general"},
)


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


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("<@900> hello", "hello"),
        ("<@!900>, hello <@901>", "hello"),
        ("ask <@55> and <@!56>", "ask Alice and Ben"),
        ("ask <@999>", "ask someone"),
        ("<@&77> please", "Designers please"),
        ("<@&78> please", "a group please"),
        ("see <#700>", "see the general channel"),
        ("see <#701>", "see a channel"),
        ("@everyone look, a@here.example", "everybody look, a@here.example"),
        ("nice <:party_blob:123456789012345678>", "nice party blob"),
        ("<a:pepeHands:123456789012345678>", "pepe Hands"),
        ("<:yay:123456789012345678><:yay:123456789012345678> <:yay:123456789012345678>!", "yay!"),
        ("at <t:1767225600:t>", "at 00:00 UTC"),
        ("on <t:1767225600:D>", "on 1 January 2026"),
        ("<t:1767225600>", "1 January 2026, 00:00 UTC"),
        ("<t:9999999999999>", "a date"),
        ("type </avatar start:123456789012345678>", "type /avatar start"),
        ("look in <id:customize>", "look in Channels and Roles"),
        ("the killer is ||the butler||!", "the killer is a spoiler!"),
        ("a || b", "a || b"),
        ("`<@55>` is code", "`<@55>` is code"),
        ("```\n||x|| <@55>\n``` done", "```\n||x|| <@55>\n``` done"),
        (r"\<@55> \*plain\*", "<@55> *plain*"),
        ("a < b && c > d", "a < b && c > d"),
        ("5 * 3 * 2", "5 * 3 * 2"),
        ("line one\nline two", "line one\nline two"),
        ("one\n\n\n\ntwo", "one\n\ntwo"),
        ("  <@900>  ", ""),
    ],
)
def test_words(written: str, said: str) -> None:
    assert plain_words(written, NAMES) == said


@given(st.text(alphabet=st.sampled_from("ab <>@!&#:t/|`\\1234567890\n"), max_size=120))
def test_whatever_is_written_can_be_read(text: str) -> None:
    words = plain_words(text, NAMES)

    assert words == words.strip()
    assert "\ufdd0" not in words
    assert "<@55>" not in words or "`" in text or "\\" in text


def test_whose_names_are_needed() -> None:
    found = mentioned("<@55> <@!56> <@&77> <#700> <:a_b:123456789012345678>")

    assert found == Mentioned(frozenset({"55", "56"}), frozenset({"77"}), frozenset({"700"}))


def test_a_reply_carries_what_it_replies_to() -> None:
    assert with_quote("why?", "Ann", "We move\nto Rust.") == "About Ann's “We move to Rust.”: why?"
    assert with_quote("", "Ann", "We move.") == ""
    assert with_quote("why?", "Ann", "") == "why?"
    assert len(with_quote("why?", "Ann", "x" * 3_000)) < QUOTE_LIMIT + 30


def test_an_option_holds_ids() -> None:
    assert as_value(" <@!55>, <@&77> and <#700> ") == "<@55>, <@&77> and 700"

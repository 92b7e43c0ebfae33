"""What people write on Discord, as words that can be said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.discord.plain_text import (
    QUOTE_LIMIT,
    DiscordNames,
    Mentioned,
    as_value,
    mentioned,
    plain_words,
    with_quote,
)

NAMES = DiscordNames(
    own_ids=frozenset({"900", "901"}),
    people={"55": "Alice", "56": "Ben"},
    roles={"77": "Designers"},
    channels={"700": "general"},
)


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

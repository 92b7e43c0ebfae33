"""Plain words on their way into a Slack text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.slack.mrkdwn import escape, measure, shorten, tokens, unescape
from adapters.slack.plain_text import SlackNames, plain_words


@pytest.mark.parametrize("ping", ["<!channel>", "<!here>", "<@U1>", "<!subteam^S1>", "<https://x|y>"])
def test_nobody_is_pinged_by_what_an_avatar_says(ping: str) -> None:
    assert tokens(escape(f"look {ping} here")) == []


@given(st.text())
def test_escaped_words_hold_no_token_and_come_back(text: str) -> None:
    assert "<" not in escape(text)
    assert ">" not in escape(text)
    assert unescape(escape(text)) == text


@given(st.text(alphabet="ab<>&@!;", max_size=30).map(lambda text: "so " + text))
def test_what_is_written_is_what_is_read(text: str) -> None:
    assert plain_words(escape(text), [], SlackNames()) == text.strip()


def test_measure_counts_the_escaped_text() -> None:
    assert measure("a&b") == 7
    assert measure("😀") == 2


@given(st.text(alphabet="a&<😀 ", max_size=80), st.integers(min_value=2, max_value=60))
def test_a_shortened_text_fits_and_is_the_beginning(text: str, limit: int) -> None:
    short = shorten(text, limit)
    assert measure(short) <= limit
    assert short == text or text.startswith(short.removesuffix("…"))


def test_a_text_that_fits_is_left_alone() -> None:
    assert shorten("fits", 4) == "fits"

"""Plain words on their way into a Slack text, and what a Slack message says once it is plain words."""

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.slack.inbound import typed, wanted
from adapters.slack.text import (
    Mentions,
    SlackNames,
    command_line,
    escape,
    measure,
    mentions,
    plain_words,
    shorten,
    tokens,
    unescape,
)
from bot.domain.conversations import Command

NAMES = SlackNames("UBOT", {"U1": "Ann", "W2": "Bob <b@x>"}, {"C1": "general"})


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


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hello", "hello"),
        ("<@U1> said", "Ann said"),
        ("<@W2|bob> said", "Bob <b@x> said"),
        ("<@U9> said", "someone said"),
        ("<@U9|nine> said", "nine said"),
        ("<@UBOT> tell <@U1>", "tell Ann"),
        ("in <#C1>", "in the general channel"),
        ("in <#C9|random>", "in the random channel"),
        ("in <#C9>", "in a channel"),
        ("<!here> and <!channel> and <!everyone>", "everybody and everybody and everybody"),
        ("<!subteam^S1|@ops> help", "ops help"),
        ("<!subteam^S1> help", "a group help"),
        ("on <!date^1392734382^{date}|18 Feb>", "on 18 Feb"),
        ("see <https://www.example.com/a_b_c|the docs>", "see the docs"),
        ("see <https://www.example.com/a_b_c>", "see a link to example.com"),
        ("see <https://[bad>", "see a link"),
        ("write <mailto:a@b.c|a@b.c> or <tel:+1>", "write a@b.c or +1"),
        ("a &lt; b &amp;&amp; c &gt; d", "a < b && c > d"),
        ("literally &amp;lt;", "literally &lt;"),
        ("*bold* _it_ ~no~ *_both_*", "bold it no both"),
        ("snake_case_name and 2*3*4", "snake_case_name and 2*3*4"),
        ("run `a_b *c* &lt;d&gt;` now", "run a_b *c* <d> now"),
        ("see ```x = *1*\ny```", "see a code snippet"),
        ("&gt; quoted\nanswer", "quoted\nanswer"),
        ("fine :+1: :wave::skin-tone-2:", "fine 👍 👋"),
        (":party_parrot:", "party parrot"),
        ("at 10:30:45 sharp", "at 10:30:45 sharp"),
        ("a   b\n\n\n c ", "a b\nc"),
        ("<@UBOT>", ""),
        ("", ""),
    ],
)
def test_a_text_is_said(text: str, said: str) -> None:
    assert plain_words(text, [], NAMES) == said


def section(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "rich_text_section", "elements": list(elements)}


def rich(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"type": "rich_text", "elements": list(parts)}


@pytest.mark.parametrize(
    ("block", "said"),
    [
        (rich(section({"type": "text", "text": "a <b> & *c*", "style": {"bold": True}})), "a <b> & *c*"),
        (rich(section({"type": "user", "user_id": "UBOT"}, {"type": "text", "text": " hi"})), "hi"),
        (rich(section({"type": "user", "user_id": "U1"}, {"type": "text", "text": " hi"})), "Ann hi"),
        (rich(section({"type": "channel", "channel_id": "C1"})), "the general channel"),
        (rich(section({"type": "usergroup", "usergroup_id": "S1"})), "a group"),
        (rich(section({"type": "broadcast", "range": "here"})), "everybody"),
        (rich(section({"type": "link", "url": "https://a.example/x", "text": "docs"})), "docs"),
        (rich(section({"type": "link", "url": "https://a.example/x"})), "a link to a.example"),
        (rich(section({"type": "emoji", "name": "wave::skin-tone-3", "unicode": "1f44b"})), "👋"),
        (rich(section({"type": "date", "timestamp": 1, "fallback": "1 Jan"})), "1 Jan"),
        (rich(section({"type": "color", "value": "#ff0000"})), "#ff0000"),
        (rich(section({"type": "from_the_future"}, {"type": "text", "text": "still here"})), "still here"),
        (rich({"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "x"}]}), "a code snippet."),
        (rich({"type": "rich_text_quote", "elements": [{"type": "text", "text": "so"}]}), "so"),
        (
            rich({"type": "rich_text_list", "elements": [section({"type": "text", "text": t}) for t in ("one", "2!")]}),
            "one.\n2!",
        ),
        (
            {
                "type": "table",
                "rows": [
                    [{"type": "raw_text", "text": "a"}, rich(section({"type": "text", "text": "b"}))],
                    [{"type": "raw_text", "text": "c"}, {"type": "raw_text", "text": "d"}],
                ],
            },
            "a, b.\nc, d.",
        ),
    ],
)
def test_blocks_are_said_before_the_text(block: dict[str, Any], said: str) -> None:
    assert plain_words("the text", [block], NAMES) == said


@pytest.mark.parametrize(
    "block",
    [
        {"type": "table", "rows": [["a cell"], [None], "a row"]},
        {"type": "rich_text", "elements": ["a part", section("an element")]},  # type: ignore[arg-type]
        {"type": ["rich_text"]},
    ],
)
def test_what_is_no_block_is_not_said(block: dict[str, Any]) -> None:
    assert plain_words("", [block], NAMES) == ""


def test_other_blocks_leave_the_text() -> None:
    assert plain_words("the text", [{"type": "image", "image_url": "x"}], NAMES) == "the text"


def test_mentions_are_found_in_text_and_blocks() -> None:
    blocks = [rich(section({"type": "user", "user_id": "U1"}, {"type": "channel", "channel_id": "C1"}))]
    assert mentions("<@W2|x> <#C2> <!subteam^S1|@ops> <https://u>", blocks) == Mentions(
        frozenset({"U1", "W2"}), frozenset({"C1", "C2"}), frozenset({"S1"})
    )


KEYS = ("elements", "rows", "type", "text", "user_id", "channel_id", "usergroup_id", "url", "name", "fallback")
TYPES = (
    *("rich_text", "table", "rich_text_list", "rich_text_preformatted", "rich_text_section", "raw_text"),
    *("text", "user", "channel", "usergroup", "broadcast", "link", "emoji", "date", "color"),
)
SCALARS = (None, True, 0, -1.5, "", "a", "wave::skin-tone-3", "U1", "https://[bad", "\ud800", "<@U1|&amp;>")


def thrown(dice: Random, depth: int = 4) -> Any:
    """JSON that is nearly a block. By dice, since a strategy for it takes two hundred times as long as reading it."""
    match dice.randrange(8) if depth else 0:
        case 0:
            return dice.choice(SCALARS)
        case 1 | 2 | 3:
            return [thrown(dice, depth - 1) for _ in range(dice.randrange(4))]
        case _:
            below = [thrown(dice, depth - 1) for _ in range(dice.randrange(3))]
            some = {key: dice.choice(SCALARS) for key in dice.sample(KEYS, 2)}
            return {"type": dice.choice(TYPES), "elements": below, dice.choice(KEYS): thrown(dice, depth - 1), **some}


@given(st.text(), st.randoms(use_true_random=True))
def test_nothing_that_comes_in_breaks_it(text: str, dice: Random) -> None:
    for _ in range(10):
        found = [{**{key: thrown(dice) for key in ("elements", "rows", "text")}, "type": "rich_text"}]
        mentions(text, found)
        assert plain_words(text, found, NAMES).strip() == plain_words(text, found, NAMES)


@pytest.mark.soak
@settings(max_examples=100_000)
@given(st.text(max_size=60), st.randoms(use_true_random=True))
def test_a_hundred_thousand_messages(text: str, dice: Random) -> None:
    found = [{"type": "rich_text", "elements": [thrown(dice)]}, {"type": "table", "rows": [[thrown(dice)]]}]
    mentions(text, found)
    plain_words(text, found, NAMES)
    plain_words(text, [], NAMES)


@pytest.mark.soak
@settings(max_examples=100_000, deadline=None)
@given(st.text(max_size=60) | st.text(alphabet='say start mode:"-= <>@!#|*_`&;?', max_size=60))
def test_a_hundred_thousand_commands(text: str) -> None:
    command = typed(text, plain_words(text, [], NAMES))
    wanted(text, command)
    assert isinstance(command, Command) or command.sentence


@given(st.text(alphabet="abc <>@!#|*_~`&;:/"))
def test_no_token_and_no_span_of_marks_takes_long(text: str) -> None:
    plain_words(text * 200, [], NAMES)


@given(st.lists(st.text(alphabet="ab,.", min_size=1)).map(" ".join))
def test_words_without_markup_stay_as_they_are(text: str) -> None:
    assert plain_words(text, [], NAMES) == text


def test_a_command_mentions_people_and_groups_as_the_core_does() -> None:
    typed = "defaults access <@U1|ann>, <!subteam^S1|@ops>, <!everyone> &amp; <#C1|general>"
    assert command_line(typed) == "defaults access <@U1>, <@&S1>, everyone & C1"

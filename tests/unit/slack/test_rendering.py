"""What we show: within Slack's limits whatever it holds, and without markup of anybody else's."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.models.blocks import Block

from adapters.slack.rendering import answer, card, command_button, command_of, line, parts, prose, row, statement
from adapters.slack.text import TEXT_LIMIT, measure, tokens
from bot.commands.buttons import BY_HAND, Button
from bot.commands.help import help_on
from bot.domain.conversations import Command, Item, Link, Reply
from bot.domain.posts import Card, CardAction, Delivery, TranscriptLine
from bot.domain.sessions import Mode, SessionStatus
from tests.disclosing import AI

long_texts = st.builds(
    lambda unit, size: (unit * size)[:size],
    st.text(alphabet="a<>&*_@!", min_size=1, max_size=20),
    st.integers(2_900, 4_000),
)
texts = st.text(max_size=200) | long_texts
urls = st.sampled_from(["", "https://x.example/a.png", "http://x.example/a.png", "https://" + "x" * 4_000])
cards = st.builds(
    Card,
    session_id=st.just("s1"),
    avatar_name=texts,
    picture=urls,
    status=st.sampled_from(SessionStatus),
    mode=st.sampled_from(Mode),
    starter_name=texts,
    note=texts,
    ends_at=st.none() | st.datetimes(min_value=datetime(2020, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    waiting=st.integers(0, 10),
    actions=st.lists(st.sampled_from(CardAction), unique=True).map(tuple),
)
commands = st.none() | st.builds(Command, st.just("start"), st.dictionaries(st.just("avatar"), texts))
items = st.builds(Item, texts, texts, urls, urls, commands)
replies = st.builds(
    Reply,
    texts,
    st.lists(items, max_size=30).map(tuple),
    st.none() | st.builds(Link, texts, st.just("https://x.example")),
)


def assert_slack_takes(blocks: Any) -> None:
    assert len(blocks) <= 50
    raw = list(blocks)
    for block in Block.parse_all(raw):
        assert block is not None
        block.validate_json()
    for node in _nodes(raw):
        if node.get("type") == "plain_text":
            assert 0 < len(node["text"]) <= 3_000
        if node.get("type") == "mrkdwn":
            assert len(node["text"]) <= 3_000
            assert all(token.target.startswith(("date^", "https://")) for token in tokens(node["text"]))
        assert len(node.get("value", "")) <= 2_000


def _nodes(found: Any) -> list[dict[str, Any]]:
    if isinstance(found, dict):
        return [found, *_nodes(list(found.values()))]
    return [node for below in found for node in _nodes(below)] if isinstance(found, list) else []


@given(cards)
def test_a_card(shown: Card) -> None:
    content = card(shown)
    assert_slack_takes(content.blocks)
    assert tokens(content.text) == []


@given(replies)
def test_an_answer(reply: Reply) -> None:
    for content in answer(reply):
        assert_slack_takes(content.blocks)
        assert tokens(content.text) == []


@given(st.text(max_size=300), st.text(max_size=300), st.sampled_from(Delivery))
def test_a_line(speaker: str, text: str, delivery: Delivery) -> None:
    content = line(TranscriptLine(speaker, text, delivery))
    assert_slack_takes(content.blocks)
    assert tokens(content.text) == []


@pytest.mark.parametrize("unit", ["a", "&", "<", "😀"])
def test_a_line_as_long_as_may_be_fits_an_edit(unit: str) -> None:
    text = unit * (TEXT_LIMIT // measure(unit))
    assert len(line(TranscriptLine("x" * 300, text)).text) <= 4_000


@given(st.text(max_size=9_000))
def test_a_statement(text: str) -> None:
    assert_slack_takes(statement(text).blocks)


@given(st.text(alphabet="ab \n&<", max_size=400), st.integers(10, 60))
def test_parts_are_the_text_and_each_fits(text: str, limit: int) -> None:
    found = list(parts(text, limit))
    assert "".join("".join(found).split()) == "".join(text.split())
    assert all(measure(part) <= limit for part in found)


@pytest.mark.parametrize("unit", [" ", "\n", " \n", "\u3000", "&", "a ", "x"])
def test_parts_end_and_are_no_more_than_the_text(unit: str) -> None:
    text = unit * 9_000
    found = parts(text)
    assert sum(map(len, found)) <= len(text)
    assert len(found) <= measure(text) // (TEXT_LIMIT // 2) + 1


@given(st.sampled_from(["start", "knowledge show"]), st.dictionaries(st.text(max_size=9), st.text(max_size=99)))
def test_a_button_runs_the_command_it_was_made_for(verb: str, options: dict[str, str]) -> None:
    button = command_button(Button("Go", Command(verb, options)), 3)
    if button is None:
        assert len(json.dumps(options)) > 1_500
    else:
        assert command_of(button["action_id"], button.get("value", "")) == Command(verb, options)


def test_time_left_is_shown_in_each_readers_own_time() -> None:
    at = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
    shown = Card("s", "Mia", "", SessionStatus.LIVE, Mode.DIALOGUE, "Ann", "Live.", AI, ends_at=at)
    assert f"<!date^{int(at.timestamp())}^{{time}}|12:30 UTC>" in json.dumps(list(card(shown).blocks))


def test_a_long_listing_comes_in_several_messages() -> None:
    contents = answer(Reply("Many.", tuple(Item(f"Avatar {n}", "d" * 200) for n in range(60))))
    assert len(contents) > 1
    for content in contents:
        assert_slack_takes(content.blocks)
        assert len(json.dumps(content.blocks)) <= 10_000
    assert sum(len(content.blocks) for content in contents) == 61


ALMA = Item("*Alma*", "official <free>", "https://x.example/a.png", "https://x.example/a.mp4?a=1&b=2")


def test_a_row_has_a_bold_title_and_a_button() -> None:
    (title, below) = row(replace(ALMA, command=Command("start", {"avatar": "a1"})), 0)
    assert title["text"]["text"] == "*\u2217Alma\u2217* <https://x.example/a.mp4?a=1&amp;b=2|Preview>"
    assert title["accessory"]["text"]["text"] == "Start"
    assert [element["type"] for element in below["elements"]] == ["image", "plain_text"]
    assert below["elements"][1]["text"] == "official <free>"


def test_a_row_without_a_button_has_its_picture_beside_it() -> None:
    (only,) = row(ALMA, 0)
    assert only["accessory"]["type"] == "image"
    assert only["text"]["text"].endswith("\nofficial &lt;free&gt;")


@pytest.mark.parametrize(
    "url", ["https://x.example/<a", "https://x.example/a|b", "javascript:x", "https://x.example/a>"]
)
def test_a_preview_that_would_break_the_markup_is_left_out(url: str) -> None:
    (only,) = row(Item("Alma", preview=url), 0)
    assert only["text"]["text"] == "*Alma*"


def test_slack_asks_back_before_what_cannot_be_undone() -> None:
    (only,) = row(Item("FAQ", command=Command("knowledge delete", {"knowledge": "k1"})), 0)
    asked = only["accessory"]["confirm"]
    assert "FAQ" in asked["text"]["text"]
    assert asked["confirm"]["text"] == "Delete"
    assert json.loads(only["accessory"]["value"])["confirm"] == "yes"


def test_command_names_stand_in_code_style() -> None:
    block = prose(
        "Take one with /avatar set voice:NAME. Or see /avatar knowledge show; not/avatar stop, nor /avatar stopping."
    )
    elements = block["elements"][0]["elements"]
    assert [e["text"] for e in elements if e.get("style")] == ["/avatar set voice:NAME", "/avatar knowledge show"]
    assert "".join(e["text"] for e in elements).endswith("not/avatar stop, nor /avatar stopping.")


def test_a_card_says_its_state_first() -> None:
    shown = Card(
        "s", "Mia", "", SessionStatus.LIVE, Mode.DIALOGUE, "Ann", "Write here.", AI, ends="Ends at noon.", waiting=3
    )
    header, section, disclosed, ends, context = card(shown).blocks
    assert header["text"]["text"] == "🟢 Live · Mia"
    assert section["text"]["text"] == "Write here."
    assert disclosed["text"]["text"] == AI.sentence
    assert [element["text"] for element in ends["elements"]] == ["Ends at noon."]
    assert [element["text"] for element in context["elements"]] == [
        "Started by Ann · Conversation",
        "3 messages waiting",
    ]


def test_an_ended_card_has_nothing_that_no_longer_holds() -> None:
    at = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
    ended = Card(
        "s",
        "Mia",
        "",
        SessionStatus.ENDED,
        Mode.DIALOGUE,
        "Ann",
        "Stopped by Ben.",
        AI,
        at,
        2,
        traits=("French",),
        facts=("live for 12 min",),
    )
    _, _, _, context = card(ended).blocks
    assert [element["text"] for element in context["elements"]] == ["Started by Ann · live for 12 min"]


def test_help_has_bold_titles_and_commands_in_code_style() -> None:
    (content,) = answer(help_on())
    _, talk, *others = [block["elements"][0]["elements"] for block in content.blocks]
    assert talk[:2] == [
        {"type": "text", "text": "Talk\n", "style": {"bold": True}},
        {"type": "text", "text": "/avatar start", "style": {"code": True}},
    ]
    assert all(first["style"] == {"bold": True} for first, *_ in others)


def test_a_question_without_buttons_explains_the_typed_answer() -> None:
    options = {"url": f"https://x.example/{'a' * 2_000}", "name": "Ann", "confirm": "yes"}
    (block,) = row(Item("Ann", command=Command("upload", options)), 0)
    assert BY_HAND in block["text"]["text"]
    (short,) = row(Item("Ann", command=Command("upload", options | {"url": "https://x.example/a.mp4"})), 0)
    assert BY_HAND not in short["text"]["text"]
    assert short["accessory"]["type"] == "button"

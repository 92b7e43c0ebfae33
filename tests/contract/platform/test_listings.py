"""Listings: each row has one button with the word of what it runs, and what cannot be undone asks back."""

import pytest

from bot.commands.buttons import confirmed
from bot.domain.conversations import Command, Item, Question, Reply
from tests.contract.platform.harness import ANN, PlatformHarness

ROWS = (
    Item("Alma", "free", command=Command("start", {"avatar": "a1"})),
    Item("Noa", "in #general", command=Command("stop", {"session": "s1"})),
    Item("FAQ", "2 documents", command=Command("knowledge delete", {"knowledge": "k1"})),
    Item("Mia", "nothing to be done with it"),
)
DELETE = Command("knowledge delete", {"knowledge": "k1"})


@pytest.fixture
async def listed(harness: PlatformHarness) -> PlatformHarness:
    """Ann was answered with rows of every kind, and there are more."""
    await harness.command(ANN, "status", {}, harness.place)
    reply_to = harness.core.inbounds[-1].reply_to
    assert reply_to is not None
    harness.core.outcome = Question()
    await harness.platform.reply(reply_to, Reply("Rows.", items=ROWS, next=Command("avatars", {"page": "2"})))
    return harness


async def test_a_row_has_the_word_of_what_it_runs(listed: PlatformHarness) -> None:
    assert await listed.answer_buttons(ANN) == ["Start", "Stop", "Delete", "Next"]


async def test_a_row_runs_what_it_says(listed: PlatformHarness) -> None:
    assert await listed.press_answer(ANN, "Start") == ""
    assert listed.core.inbounds[-1].body == ROWS[0].command


async def test_the_next_page_is_one_press_away(listed: PlatformHarness) -> None:
    await listed.press_answer(ANN, "Next")
    assert listed.core.inbounds[-1].body == Command("avatars", {"page": "2"})


async def test_what_cannot_be_undone_is_asked_back(listed: PlatformHarness) -> None:
    """By the platform itself, naming the thing; or by the core, to which it comes as not confirmed."""
    asked = await listed.press_answer(ANN, "Delete")
    assert listed.core.inbounds[-1].body == (confirmed(DELETE) if asked else DELETE)
    assert not asked or "FAQ" in asked

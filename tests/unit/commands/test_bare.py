"""Commands that people write without a slash."""

import pytest

from bot.commands.parser import asked_form
from bot.domain.conversations import Command


@pytest.mark.parametrize(
    ("line", "verb"),
    [
        ("start ?", "start"),
        ("start ? ", "start"),
        ("start?", ""),
        ("start", ""),
        ("start Alma ?", ""),
        ("how are you ?", ""),
    ],
)
def test_a_question_mark_alone_asks_for_the_form(line: str, verb: str) -> None:
    assert asked_form(line) == (Command(verb) if verb else None)

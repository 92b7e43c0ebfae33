from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.conversations import ConversationRef
from bot.domain.messages import ReplyTo
from bot.domain.people import Person

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("handle", "left", "ends", "usable"),
    [
        ("h", 1, None, True),
        ("h", 1, NOW + timedelta(seconds=1), True),
        ("h", 1, NOW, False),
        ("h", 0, None, False),
        ("", 1, None, False),
    ],
)
def test_a_handle_can_be_used_in_time_and_so_often(handle: str, left: int, ends: datetime | None, usable: bool) -> None:
    to = ReplyTo(ConversationRef("fake", "W1", "lobby"), Person("ann", "Ann"), handle, ends, left)
    assert to.usable_at(NOW) is usable

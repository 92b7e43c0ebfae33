from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.conversations import Command, ConversationRef, Inbound, Person, ReplyTo

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


@pytest.mark.parametrize(("sequence", "kept"), [(0, True), (2**63 - 1, True), (2**63, False), (-1, False)])
def test_a_sequence_has_63_bits(sequence: int, kept: bool) -> None:
    place = ConversationRef("fake", "W1", "lobby")
    if kept:
        assert Inbound("e1", sequence, place, Person("ann", "Ann"), Command("help")).sequence == sequence
    else:
        with pytest.raises(ValueError, match="not a sequence"):
            Inbound("e1", sequence, place, Person("ann", "Ann"), Command("help"))

"""What a provider offers, and what a session at it counts."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.provider import EVERYTHING, Capability, Offer, Purchase, Use


@pytest.mark.parametrize("capability", sorted(EVERYTHING))
def test_what_is_absent_is_one_sentence(capability: Capability) -> None:
    offer = Offer("Acme", EVERYTHING - {capability})
    assert not offer.has(capability)
    assert offer.absent(capability).startswith("Acme ")
    assert offer.absent(capability).count(".") == 1


AT = datetime(2026, 11, 28, 9, tzinfo=UTC)


def row(*, opened: float | None = None, closed: float | None = None, refused: bool = False) -> Purchase:
    """600 s; instants as seconds after nine o'clock."""
    return Purchase(
        duration_s=600,
        opened_at=None if opened is None else AT + timedelta(seconds=opened),
        expires_at=None if opened is None else AT + timedelta(seconds=opened + 600),
        closed_at=None if closed is None else AT + timedelta(seconds=closed),
        refused=refused,
    )


@pytest.mark.parametrize(
    ("what", "found", "use"),
    [
        ("certainly refused", row(closed=3, refused=True), Use()),
        ("being created", row(), Use(held=600)),
        ("nobody knows", row(closed=35), Use(used=600)),
        ("running", row(opened=0), Use(used=60, held=540)),
        ("closed early", row(opened=0, closed=45), Use(used=45)),
        ("closed late", row(opened=-700, closed=0), Use(used=600)),
        ("run out, and not closed", row(opened=-700), Use(used=600)),
        ("opened by a clock ahead of ours", row(opened=90), Use(held=600)),
    ],
)
def test_what_a_provider_session_counts(what: str, found: Purchase, use: Use) -> None:
    assert found.counted(AT + timedelta(seconds=60)) == use, what


@given(st.floats(-900, 900), st.none() | st.floats(-900, 900), st.floats(-900, 900))
def test_it_never_counts_more_than_was_bought(opened: float, closed: float | None, now: float) -> None:
    use = row(opened=opened, closed=closed).counted(AT + timedelta(seconds=now))
    assert use.used >= 0
    assert use.held >= 0
    assert use.used + use.held <= 600

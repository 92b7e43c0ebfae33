"""What a provider session counts: pure, on a row as it is read."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.storage.usage import Use, counted

AT = datetime(2026, 11, 28, 9, tzinfo=UTC)


def row(state: str, opened: float | None = None, closed: float | None = None, bought: float = 600) -> Any:
    """Instants as seconds after nine o'clock."""
    return SimpleNamespace(
        state=state,
        duration_s=bought,
        opened_at=None if opened is None else AT + timedelta(seconds=opened),
        expires_at=None if opened is None else AT + timedelta(seconds=opened + bought),
        closed_at=None if closed is None else AT + timedelta(seconds=closed),
    )


@pytest.mark.parametrize(
    ("what", "found", "use"),
    [
        ("certainly refused", row("closed", closed=3), Use()),
        ("being created", row("intent"), Use(held=600)),
        ("nobody knows", row("lost", closed=35), Use(used=600)),
        ("running", row("open", opened=0), Use(used=60, held=540)),
        ("being closed", row("closing", opened=0), Use(used=60, held=540)),
        ("closed early", row("closed", opened=0, closed=45), Use(used=45)),
        ("closed late", row("closed", opened=-700, closed=0), Use(used=600)),
        ("run out, and not closed", row("open", opened=-700), Use(used=600)),
        ("opened by a clock ahead of ours", row("open", opened=90), Use(held=600)),
    ],
)
def test_what_a_provider_session_counts(what: str, found: Any, use: Use) -> None:
    assert counted(found, AT + timedelta(seconds=60)) == use, what


@given(st.floats(-900, 900), st.none() | st.floats(-900, 900), st.floats(-900, 900))
def test_it_never_counts_more_than_was_bought(opened: float, closed: float | None, now: float) -> None:
    use = counted(row("closed" if closed else "open", opened, closed), AT + timedelta(seconds=now))
    assert use.used >= 0
    assert use.held >= 0
    assert use.used + use.held <= 600

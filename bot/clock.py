"""Time as an argument, and ids that are in the order of time."""

import string
from datetime import UTC, datetime
from typing import Protocol

import uuid_utils


class Clock(Protocol):
    """Wall time. Waiting is asyncio's own, so that a test's event loop can jump."""

    def now(self) -> datetime:
        """The current time, aware, in UTC."""
        ...


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase  # in the order in which text sorts
WIDTH = 22
"""62 ** 22 is the first power above 2 ** 128."""

_PAIRS = [first + second for first in DIGITS for second in DIGITS]
_PLACES = [len(_PAIRS) ** place for place in reversed(range(WIDTH // 2))]


def new_id() -> str:
    """A new id of 22 letters and digits; a later one sorts after an earlier one."""
    number = uuid_utils.uuid7().int
    return "".join([_PAIRS[number // place % len(_PAIRS)] for place in _PLACES])

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


def new_id() -> str:
    """A new id of 22 letters and digits; a later one sorts after an earlier one."""
    number, digits = uuid_utils.uuid7().int, []
    for _ in range(WIDTH):
        number, digit = divmod(number, len(DIGITS))
        digits.append(DIGITS[digit])
    return "".join(reversed(digits))

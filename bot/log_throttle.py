"""Log lines that somebody outside can cause at will: few of a kind, and none with what they sent."""

import logging
import time
from collections import Counter
from collections.abc import Callable

import structlog

EVERY_S = 60.0
KINDS_LIMIT = 1000
"""Kinds that are remembered; what is forgotten may be logged again."""


class LogThrottle:
    """Lets one line of a kind through in `EVERY_S`, and counts the rest."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._logged: dict[str, float] = {}
        self._left_out: Counter[str] = Counter()

    def admit(self, kind: str) -> int | None:
        """How many of this kind were left out since its last line; None when this one is to be left out too."""
        if self._now() - self._logged.get(kind, -EVERY_S) < EVERY_S:
            self._left_out[kind] += 1
            return None
        if len(self._logged) >= KINDS_LIMIT:
            self._logged.clear()
            self._left_out.clear()
        self._logged[kind] = self._now()
        return self._left_out.pop(kind, 0)


_throttle = LogThrottle()


def warn_of_outsider(event: str, **fields: object) -> None:
    """One line at warning, at most once in `EVERY_S`. `fields` are words of ours, never of anybody else's."""
    left_out = _throttle.admit(event)
    if left_out is not None:
        structlog.get_logger("bot.outsiders").warning(event, left_out=left_out, **fields)


class ThrottledWarnings(logging.Filter):
    """For a library's logger: its warnings are throttled, its errors pass."""

    def __init__(self) -> None:
        super().__init__()
        self._throttle = LogThrottle()

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno != logging.WARNING or self._throttle.admit(str(record.msg)) is not None

"""The last warnings and errors of this process, for its operators: what happened, in words of ours, and nothing of whom."""

from collections import deque
from collections.abc import MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

KEPT = 10
LEVELS = frozenset({"warning", "error", "critical"})


@dataclass(frozen=True, slots=True)
class RecentProblem:
    """`event` is a sentence of the program's own; its fields, which may name somebody, are not kept. `times` counts it since `first`."""

    first: datetime
    last: datetime
    level: str
    event: str
    times: int = 1


class RecentProblems:
    """Kinds of them, the last `KEPT`. A processor of structlog's, which changes nothing."""

    def __init__(self) -> None:
        self._kinds: deque[RecentProblem] = deque(maxlen=KEPT)

    def __call__(self, _logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if method in LEVELS:
            self.note(method, str(event.get("event", "")), datetime.now(UTC))
        elif method == "exception":
            self.note("error", str(event.get("event", "")), datetime.now(UTC))
        return event

    def note(self, level: str, event: str, now: datetime) -> None:
        before = next((each for each in self._kinds if (each.level, each.event) == (level, event)), None)
        if before:
            self._kinds.remove(before)
        first, times = (before.first, before.times + 1) if before else (now, 1)
        self._kinds.append(RecentProblem(first, now, level, event, times))

    def newest(self) -> list[RecentProblem]:
        return [*reversed(self._kinds)]


RECENT = RecentProblems()
"""Of this process."""

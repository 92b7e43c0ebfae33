"""What goes wrong on request: over HTTP, and on the line to one connection, which loses, repeats and reorders packets."""

from collections import defaultdict, deque
from dataclasses import dataclass
from random import Random

import msgspec

PATIENCE_S = 60.0
"""How long a hanging answer is held back at most, unless the caller goes away before."""


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One bad answer. The first thing set of `hang`, `status`, `body`, `code` is what happens; with none, nothing does.

    With `after_effect` the call does its work first, so that the caller cannot know.
    """

    code: int | None = None
    """AKOOL's own kind: this code in an HTTP 200."""
    status: int | None = None
    """An HTTP status without a body worth reading."""
    body: str | None = None
    """HTTP 200 with this text, which need not be JSON."""
    hang: float | None = None
    """Seconds without an answer; then HTTP 504."""
    after_effect: bool = False


class Faults:
    """A queue of faults for each path; a call that finds none is answered properly."""

    def __init__(self) -> None:
        self._queues: defaultdict[str, deque[Fault]] = defaultdict(deque)

    def queue(self, endpoint: str, *faults: Fault) -> None:
        """The next calls of the paths that end with `endpoint` (`session/create`) go wrong, one fault each."""
        self._queues[endpoint].extend(faults)

    def take(self, path: str) -> Fault | None:
        for endpoint, queue in self._queues.items():
            if queue and path.endswith(endpoint):
                return queue.popleft()
        return None

    def clear(self) -> None:
        self._queues.clear()


# ---------------------------------------------------------------- on the line


@dataclass(frozen=True, slots=True)
class NetworkConditions:
    """Chances between 0 and 1 for each packet; a reordered one comes `late_s` seconds after its time."""

    lose: float = 0.0
    repeat: float = 0.0
    reorder: float = 0.0
    late_s: float = 0.05


UNDISTURBED = NetworkConditions()


class LossyLink:
    """Decides what becomes of packets, the same way for the same seed."""

    def __init__(self, seed: int) -> None:
        self.conditions = UNDISTURBED
        self._dice = Random(seed)  # noqa: S311 - repeatable on purpose

    def delays(self) -> tuple[float, ...]:
        """When a packet arrives, in seconds from now, once for each of its copies: nothing when it is lost."""
        if self.conditions == UNDISTURBED:
            return (0.0,)
        if self._dice.random() < self.conditions.lose:
            return ()
        copies = 2 if self._dice.random() < self.conditions.repeat else 1
        return tuple(self._delay() for _ in range(copies))

    def _delay(self) -> float:
        return self.conditions.late_s if self._dice.random() < self.conditions.reorder else 0.0

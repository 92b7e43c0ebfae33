"""What goes wrong over HTTP, on request."""

from collections import defaultdict, deque

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

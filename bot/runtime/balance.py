"""When a worker runs so much more than the others that it gives workspaces away, and which."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence

from bot.ports.storage.coordination import Load
from bot.runtime.session_runner import SessionRunner

LOAD_EVERY = 5.0
"""Seconds between two looks at how many sessions each worker runs."""
TOO_MUCH = 1.5
"""Times the mean."""
FOR_LONG = 60.0
"""Seconds."""


class Balance:
    """Of one worker. What it gives away is left at a quiet moment and joined again elsewhere, in the same room."""

    def __init__(self) -> None:
        self._since: float | None = None  # in the loop's time

    @property
    def gives(self) -> bool:
        return self._since is not None and asyncio.get_running_loop().time() - self._since >= FOR_LONG

    def to_give(self, load: Load, runs: Iterable[SessionRunner]) -> Sequence[SessionRunner]:
        """The runs of one workspace in which nobody talks or watches: once it ran too much for long, until it has its share."""
        if load.hosted <= (load.share if self.gives else TOO_MUCH * load.mean):
            self._since = None
        elif self._since is None:
            self._since = asyncio.get_running_loop().time()
        return _quiet_workspace(runs, load.hosted - load.mean) if self.gives else ()


def _quiet_workspace(runs: Iterable[SessionRunner], most: float) -> Sequence[SessionRunner]:
    """None that is so large that another would have too much then."""
    workspaces: dict[tuple[str, str], list[SessionRunner]] = defaultdict(list)
    for run in runs:
        workspaces[run.workspace].append(run)
    quiet = (each for each in workspaces.values() if len(each) <= most and all(run.quiet for run in each))
    return next(quiet, ())

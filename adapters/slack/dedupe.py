"""What had its answer within the last ten minutes.

A mention comes as two events, and whatever Slack sends may come again. What was committed the inbox knows; a question and a refusal
leave no row there, and would be answered, or done, as often as they come.
"""

from datetime import datetime, timedelta

from bot.ports.clock import Clock

REMEMBERED = timedelta(minutes=10)
"""Slack's third and last try comes about six minutes after the first."""

CAPACITY = 10_000


class AnsweredMessages:
    """The newest messages and triggers that were answered by this process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[tuple[str, str], datetime] = {}

    def knows(self, workspace_id: str, event_id: str) -> bool:
        until = self._until.get((workspace_id, event_id))
        return until is not None and self._clock.now() < until

    def first_time(self, workspace_id: str, event_id: str) -> bool:
        """Whether it is still to be answered; from now on it is not."""
        if self.knows(workspace_id, event_id):
            return False
        self._until.pop((workspace_id, event_id), None)
        self._until[workspace_id, event_id] = self._clock.now() + REMEMBERED
        if len(self._until) > CAPACITY:
            del self._until[next(iter(self._until))]
        return True

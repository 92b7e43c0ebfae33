"""Which messages had their answer.

A mention comes as two events, and each of them may come again. What was committed the inbox knows; a question and a refusal leave
no row there, and would be answered as often as they come.
"""

CAPACITY = 10_000


class Answered:
    """The newest messages that were answered by this process."""

    def __init__(self) -> None:
        self._messages: dict[tuple[str, str], None] = {}

    def knows(self, workspace_id: str, message: str) -> bool:
        return (workspace_id, message) in self._messages

    def first_time(self, workspace_id: str, message: str) -> bool:
        """Whether it is still to be answered; from now on it is not."""
        if self.knows(workspace_id, message):
            return False
        self._messages[workspace_id, message] = None
        if len(self._messages) > CAPACITY:
            del self._messages[next(iter(self._messages))]
        return True

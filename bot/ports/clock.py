"""Time, as an argument."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Wall time. Waiting is asyncio's own, so that a test's event loop can jump."""

    def now(self) -> datetime:
        """The current time, aware, in UTC."""
        ...

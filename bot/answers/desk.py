"""What answers are made of."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.links import Links
from bot.ports.files import PublicFiles
from bot.session.house import House
from bot.transcript.archive import StoredArchive

ASK_AGAIN_AFTER = timedelta(minutes=1)


class Confirmations:
    """What cannot be undone is asked back; the same thing again within a minute confirms it."""

    def __init__(self) -> None:
        self._asked: dict[tuple[str, ...], datetime] = {}

    def confirmed(self, now: datetime, *what: str) -> bool:
        """Whether that was asked back a moment ago; otherwise it is from now on."""
        self._asked = {key: at for key, at in self._asked.items() if now - at <= ASK_AGAIN_AFTER}
        if self._asked.pop(what, None):
            return True
        self._asked[what] = now
        return False


@dataclass(frozen=True, slots=True)
class Desk:
    house: House
    links: Links
    archive: StoredArchive
    confirmations: Confirmations = field(default_factory=Confirmations)
    files: PublicFiles | None = None
    """Tells how large documents are; without it nobody knows."""
    uploads_due: asyncio.Event = field(default_factory=asyncio.Event)
    """Rung when an upload was begun."""

"""What answers are made of."""

import asyncio
from dataclasses import dataclass, field

from bot.links import Links
from bot.ports.files import PublicFiles
from bot.session.house import House
from bot.transcript.archive import StoredArchive


@dataclass(frozen=True, slots=True)
class Desk:
    house: House
    links: Links
    archive: StoredArchive
    files: PublicFiles | None = None
    """Tells how large documents are; without it nobody knows."""
    uploads_due: asyncio.Event = field(default_factory=asyncio.Event)
    """Rung when an upload was begun."""

"""What answers are made of."""

from dataclasses import dataclass

from bot.links import Links
from bot.session.house import House
from bot.transcript.archive import StoredArchive


@dataclass(frozen=True, slots=True)
class Desk:
    house: House
    links: Links
    archive: StoredArchive

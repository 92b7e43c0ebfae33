"""That a person who is shown agreed to it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Consent:
    """Who said, and when, that the person whom an avatar shows agreed to it. A human being says so, no bot and no program."""

    person_id: str
    name: str
    at: datetime

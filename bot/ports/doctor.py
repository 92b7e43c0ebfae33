"""What `avatarbot doctor` reports."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `avatarbot doctor`: what was looked at, how it is, and what to do about it (empty when nothing).

    `run` refuses to start with a problem, unless the problem says that it `starts` all the same and something does not work.
    """

    level: Level
    what: str
    remedy: str = ""
    starts: bool = False

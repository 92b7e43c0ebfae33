"""What could not be made sense of."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ParseError:
    """What was typed makes no command: one sentence for the person, naming what would."""

    sentence: str


def shown(typed: str, limit: int = 40) -> str:
    """`typed` in quotes for a sentence: on one line and at most `limit` characters."""
    line = " ".join(typed.split())
    return f"“{line if len(line) <= limit else line[: limit - 1] + '…'}”"

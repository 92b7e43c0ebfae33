"""Names of people in front of what they say, so that the avatar knows who speaks."""

import re
from unicodedata import category

LONGEST_NAME = 40
NOBODY = "Somebody"

# What could end a name early and put words into somebody else's mouth; zero-width and control characters hide in names.
_COLONS = re.compile(r"[:：﹕︰꞉∶ː]")  # noqa: RUF001
_SPACES = re.compile(r"\s+")


def clean_name(name: str) -> str:
    """`name` on one line, without colons and invisible characters, at most 40 characters; `Somebody` when nothing is left."""
    plain = "".join(char for char in _COLONS.sub(" ", name) if category(char) != "Cf")
    visible = "".join(char if char.isprintable() else " " for char in plain)
    return _SPACES.sub(" ", visible).strip()[:LONGEST_NAME].strip() or NOBODY


def with_name(name: str, text: str) -> str:
    """`Ann: hello`."""
    return f"{clean_name(name)}: {text}"

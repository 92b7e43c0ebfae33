"""Text from strangers: what has a UTF-8 form, and what a terminal may show of it."""

import json
from typing import Any


def well_formed(text: str) -> str:
    """The text with surrogate pairs joined and lone surrogates replaced by U+FFFD. Linear."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def read_json(text: str | bytes) -> Any:
    """What a JSON document says, with every text in it well-formed and without U+0000, which PostgreSQL does not take.

    Raises `ValueError` and `RecursionError`.
    """
    return _mended(json.loads(text))


def _mended(value: Any) -> Any:
    if isinstance(value, dict):
        return {_kept(name): _mended(field) for name, field in value.items()}
    if isinstance(value, list):
        return [_mended(item) for item in value]
    return _kept(value) if isinstance(value, str) else value


def _kept(text: str) -> str:
    return well_formed(text).replace("\0", "")


_JOINERS = "\u200c\u200d"  # Persian, the scripts of India and joined emoji are written with them


def printable(text: str) -> str:
    """`text` without what moves the cursor, changes colours, hides or reverses: only line ends stay."""
    return "".join(char if char.isprintable() or char in "\n" + _JOINERS else " " for char in text)


def printable_line(text: str) -> str:
    """The same on one line."""
    return printable(text).replace("\n", " ")

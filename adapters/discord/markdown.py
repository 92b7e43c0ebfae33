"""Plain words as Discord shows them: nothing in them is markup, and nobody can be mentioned."""

import re
from collections.abc import Callable

from bot.speech.splitter import preview, split

CONTENT_LIMIT = 2_000
"""Characters of one message. (Discord's OpenAPI file says 4,000, which is not so for bots.)"""

_URL = re.compile(r"https?://[^\s<>\\]+", re.IGNORECASE)
_SIGNS = re.compile(r"[\\*_~`|<\[]")
_LINE_START = re.compile(r"^([^\S\n]*)(#{1,3}|-#|[-+•]|>{1,3})(?=\s)", re.MULTILINE)
_NUMBERED = re.compile(r"^([^\S\n]*\d+)([.)])(?=\s)", re.MULTILINE)


def escape(text: str) -> str:
    """`text` so that it is read as it is. Addresses stay as they are, or they could not be followed."""
    said, end = "", 0
    for url in _URL.finditer(text):
        said += _SIGNS.sub(r"\\\g<0>", text[end : url.start()]) + url[0]
        end = url.end()
    said += _SIGNS.sub(r"\\\g<0>", text[end:])
    return _NUMBERED.sub(r"\1\\\2", _LINE_START.sub(r"\1\\\2", said))


def measure(text: str) -> int:
    """The length of `text`, once escaped, in UTF-16 units: what counts most of all ways to count characters."""
    return units(escape(text))


def units(text: str) -> int:
    return len(text) + sum(char > "\uffff" for char in text)


def shorten(text: str, limit: int) -> str:
    """The beginning of `text` that takes at most `limit` once escaped, not escaped yet."""
    return preview(text, limit, measure)


def pages(text: str, limit: int = CONTENT_LIMIT, shown: Callable[[str], str] = escape) -> list[str]:
    """`text` as it is `shown`, in messages of at most `limit` each."""
    return [shown(part) for part in split(text, limit, lambda part: units(shown(part)))]

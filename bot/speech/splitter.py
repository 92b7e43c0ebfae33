"""One splitter for texts that are too long for one message, whatever a platform counts."""

import re
from bisect import bisect_right
from collections.abc import Callable
from itertools import takewhile

import regex

from bot.speech.sentences import sentence_ends

Measure = Callable[[str], int]
"""How long a text is for a limit. A longer text is never shorter."""

MORE = "…"

_FOLLOWING = 16
"""Characters behind a part that are looked at: only what follows shows whether a sentence is over."""

_CLUSTER = regex.compile(r"\X")
_SPACES = re.compile(r"\s+")


def split(text: str, limit: int, measure: Measure) -> list[str]:
    """`text` in parts of at most `limit`, cut at a sentence end in the second half of a part, else at a word end there, else
    between two characters as people see them.

    Only white space at the ends of parts is lost, so a blank text has no parts. A single character, as people see it, that is
    over the limit is cut between its code points. Raises `ValueError` when even a code point is over the limit.
    """
    text, at, parts = text.strip(), 0, []
    while at < len(text):
        end = fitting = _fitting(text, at, limit, measure)
        if not fitting:
            raise ValueError(f"not even {text[at]!r} fits into {limit}")
        if at + fitting < len(text):
            end = _cut(text, at, _between_clusters(text, at, fitting) or fitting)
        parts.append(text[at : at + end].rstrip())
        spaces = _SPACES.match(text, at + end)
        at = spaces.end() if spaces else at + end
    return parts


def preview(text: str, limit: int, measure: Measure) -> str:
    """The beginning of `text`, in one part of at most `limit`, with “…” behind it if something is missing.

    Raises `ValueError` when not even that fits.
    """
    if measure(text) <= limit:
        return text
    if measure(MORE) > limit:
        raise ValueError(f"not even {MORE!r} fits into {limit}")
    fitting = _fitting(text, 0, limit, lambda part: measure(part.rstrip() + MORE))
    return text[: _between_clusters(text, 0, fitting)].rstrip() + MORE


def _fitting(text: str, at: int, limit: int, measure: Measure) -> int:
    """The most characters from `at` on that fit. Never looks at much more of a long text than that."""
    end = max(limit, 1)
    while at + end < len(text) and measure(text[at : at + end]) <= limit:
        end *= 2
    ends = range(1, min(end, len(text) - at) + 1)
    return bisect_right(ends, limit, key=lambda end: measure(text[at : at + end]))


def _between_clusters(text: str, at: int, end: int) -> int:
    """The last offset up to `end` that divides no character as people see it; 0 when there is none."""
    # A slice: with offsets, `regex` would look back to the beginning of the text at each flag.
    clusters = _CLUSTER.finditer(text[at : at + end + 1])
    return max((found.end() for found in clusters if found.end() <= end), default=0)


def _cut(text: str, at: int, fitting: int) -> int:
    """The best offset to cut at, in the second half of what fits."""
    half, window = fitting // 2, text[at : at + fitting + _FOLLOWING]
    for ends in (sentence_ends(window), (match.start() for match in _SPACES.finditer(window))):
        last = max(takewhile(lambda end: end <= fitting, ends), default=0)
        if last > half:
            return last
    return fitting

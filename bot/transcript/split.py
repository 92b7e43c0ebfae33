"""One splitter for texts that are too long for one message, whatever a platform counts."""

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import takewhile

import regex

from bot.speech.sentences import sentence_ends

Measure = Callable[[str], int]
"""How long a text is for a limit. A longer text is never shorter."""

MORE = "…"

_CLUSTER = regex.compile(r"\X")
_SPACES = re.compile(r"\s+")


def split(text: str, limit: int, measure: Measure) -> list[str]:
    """`text` in parts of at most `limit`, cut at a sentence end in the second half of a part, else at a word end there, else
    between two characters as people see them.

    Only white space at the ends of parts is lost, so a blank text has no parts. A single character, as people see it, that is
    over the limit is cut between its code points. Raises `ValueError` when even a code point is over the limit.
    """
    parts = []
    rest = text.strip()
    while measure(rest) > limit:
        end = _cut(rest, _fitting(rest, limit, measure))
        parts.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    return [*parts, rest] if rest else parts


def preview(text: str, limit: int, measure: Measure) -> str:
    """The beginning of `text`, in one part of at most `limit`, with “…” behind it if something is missing.

    Raises `ValueError` when not even that fits.
    """
    if measure(text) <= limit:
        return text
    if measure(MORE) > limit:
        raise ValueError(f"not even {MORE!r} fits into {limit}")
    clusters = _cluster_ends(_head(text, limit, measure))
    fitting = bisect_right(clusters, limit, key=lambda end: measure(text[:end].rstrip() + MORE))
    return text[: clusters[fitting - 1] if fitting else 0].rstrip() + MORE


def _fitting(text: str, limit: int, measure: Measure) -> int:
    """The largest offset, between two clusters if possible, up to which `text` fits."""
    head = _head(text, limit, measure)
    for ends in (_cluster_ends(head), range(1, len(head) + 1)):
        fitting = bisect_right(ends, limit, key=lambda end: measure(text[:end]))
        if fitting:
            return ends[fitting - 1]
    raise ValueError(f"not even {text[0]!r} fits into {limit}")


def _head(text: str, limit: int, measure: Measure) -> str:
    """A beginning of `text` that does not fit, so that a long text is not looked at as a whole for each of its parts."""
    end = max(limit, 1)
    while end < len(text) and measure(text[:end]) <= limit:
        end *= 2
    return text[:end]


def _cluster_ends(text: str) -> Sequence[int]:
    return [match.end() for match in _CLUSTER.finditer(text)]


def _cut(text: str, fitting: int) -> int:
    """The best offset to cut at, in the second half of what fits."""
    half = fitting // 2
    for ends in (sentence_ends(text), (match.start() for match in _SPACES.finditer(text))):
        last = max(takewhile(lambda end: end <= fitting, ends), default=0)
        if last > half:
            return last
    return fitting

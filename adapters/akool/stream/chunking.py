"""Where to cut a text that is too long for one packet."""

from itertools import accumulate, takewhile

import regex

from adapters.akool.stream.codec import escaped_size

SENTENCE_WINDOW = 60
"""Bytes that a packet may stay below its limit in order to end with a sentence."""

WORD_WINDOW = 30
"""The same for a word."""

_GRAPHEME = regex.compile(r"\X")
_SENTENCE_END = regex.compile(r"(?:[.!?…][\p{Pf}\p{Pe}\"']*\s+|[。！？][\p{Pf}\p{Pe}]*\s*|\n\s*)\Z")  # noqa: RUF001
_WORD_END = regex.compile(r"(?:\s|\p{Pd})\Z")


def chunk(text: str, room: int) -> int:
    """How many characters of `text` go into a packet that has `room` escaped bytes for it; at least one.

    The end of a sentence or a word is preferred where one is near; what a reader sees as one character (a combining
    sequence, an emoji sequence) is never divided, unless it alone is longer than a packet.
    """
    if len(text) <= room and escaped_size(text) <= room:
        return len(text)
    ends = _ends_within(text, room)
    if not ends:
        return _cut_inside_grapheme(text, room)
    last, _ = ends[-1]
    sentence = _near(text, ends, room - SENTENCE_WINDOW, _SENTENCE_END)
    return sentence or _near(text, ends, room - WORD_WINDOW, _WORD_END) or last


def _ends_within(text: str, room: int) -> list[tuple[int, int]]:
    """Ends of graphemes with the escaped size up to there, as far as there is room."""
    within = _GRAPHEME.finditer(text, 0, room + 1)  # no character takes less than a byte
    graphemes = ((found.end(), escaped_size(found.group())) for found in within)
    ends = accumulate(graphemes, lambda before, grapheme: (grapheme[0], before[1] + grapheme[1]))
    return list(takewhile(lambda end: end[1] <= room, ends))


def _near(text: str, ends: list[tuple[int, int]], least: int, pattern: regex.Pattern[str]) -> int:
    for end, size in reversed(ends):
        if size < least:
            break
        if pattern.search(text, max(0, end - 8), end):
            return end
    return 0


def _cut_inside_grapheme(text: str, room: int) -> int:
    sizes = accumulate(escaped_size(character) for character in text)
    return max(1, sum(1 for _ in takewhile(lambda size: size <= room, sizes)))

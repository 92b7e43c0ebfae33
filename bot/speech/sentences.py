"""Where sentences end, also while they are still being written; how long they take to say, and how a text is cut into messages."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import takewhile

import regex

LONGEST = 400
"""Characters after which a sentence that does not end is cut at a word, so that speech need not wait for it."""

# Those that are followed by a capital letter or a number without ending a sentence.
_WORDS = """
    mr mrs ms mx dr prof rev hon gen col capt sgt lt st sr jr mt ft no nos nr vol fig ed pp ca approx dept est inc ltd co corp
    vs cf al e.g i.e z.b d.h u.a bzw hr fr sra mme mlle jan feb mar apr jun jul aug sep sept oct okt nov dec dez
"""
_ABBREVIATIONS = frozenset(_WORDS.split())
_CLOSERS = "\"'”’»)\\]}）」』】"  # noqa: RUF001
_MARKS = ".!?…؟।۔"  # noqa: RUF001
_WIDE_MARKS = "。！？｡"  # noqa: RUF001
# Runs are taken whole and from their beginning only: the time to read a text grows with its length, whatever it holds.
_END = re.compile(
    rf"(?<![{_MARKS}])(?P<mark>[{_MARKS}]++)[{_CLOSERS}]*+(?=\s)"
    rf"|(?<![{_WIDE_MARKS}])[{_WIDE_MARKS}]++[{_CLOSERS}]*+(?=[^{_WIDE_MARKS}{_CLOSERS}])"
    r"|\n"
)
_SPACES = re.compile(r"\s+")
_BLANKS = re.compile(r"[ \t]+")
_SETTLED = re.compile(rf"(?P<mark>[{_MARKS}]+|[{_WIDE_MARKS}]+)[{_CLOSERS}]*(?P<space>\s*)$")
_WORD_WINDOW = 24
"""Characters before a period that are looked at for an abbreviation; no abbreviation and no number of a list is longer."""

_LAST_WORD = re.compile(r"[^\s([{\"'“‘«]*$")  # noqa: RUF001

_WIDE = re.compile("[\u1100-\u11ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]")
_PAUSE = re.compile(r"(?<![.!?…;:,。！？、，])[.!?…;:,。！？、，]++(?=\s|$)|[。！？、，]")  # noqa: RUF001

# Everyday speech: about 155 words of 5.8 characters a minute; 4.5 Han, kana or Hangul characters a second; a digit is a word.
_LETTERS_PER_SECOND = 15.0
_WIDE_PER_SECOND = 4.5
_DIGITS_PER_SECOND = 3.0
_PAUSE_SECONDS = 0.25


def sentence_ends(text: str) -> Iterator[int]:
    """The offsets right behind the sentences of `text` that are certainly over, in order.

    Whether `3.` or `etc.` ends one shows only in what follows, so the end of `text` itself is never among them.
    """
    start = 0
    for match in _END.finditer(text):
        if match["mark"] is None or _is_over(text, start, match):
            yield match.end()
            start = match.end()


def _is_over(text: str, start: int, match: re.Match[str]) -> bool:
    at = _behind(_BLANKS, text, match.end())
    following = text[at : at + 1]
    if not following:
        return False
    if match["mark"].strip("."):
        return "…" not in match["mark"] or not following.islower()
    if following.islower():
        return False
    return match["mark"] != "." or not _abbreviates(text, start, match.start())


def _reads_as_over(text: str, end: re.Match[str]) -> bool:
    mark = end["mark"]
    if mark != ".":
        return "…" not in mark and ".." not in mark
    before = text[: end.start()]
    return not _abbreviates(text, 0, len(before)) and (bool(end["space"]) or not before[-1:].isdecimal())


def _abbreviates(text: str, start: int, end: int) -> bool:
    """Whether the period at `end` belongs to the word before it: `Dr`, `e.g`, an initial, or the `1` that begins a list.

    The sentence begins at `start`.
    """
    before = text[max(start, end - _WORD_WINDOW) : end]
    found = _LAST_WORD.search(before)
    word = found[0] if found else ""
    if word.isdecimal():
        return end - start <= _WORD_WINDOW and before.strip() == word
    return word.casefold() in _ABBREVIATIONS or (len(word) == 1 and word.isupper() and word != "I")


def _behind(run: re.Pattern[str], text: str, at: int) -> int:
    """The offset behind a run that begins at `at`; `at` itself where there is none."""
    found = run.match(text, at)
    return found.end() if found else at


class SentenceStream:
    """Cuts a text that arrives in pieces into sentences. The sentences do not depend on where the pieces were cut."""

    def __init__(self, longest: int = LONGEST) -> None:
        self._longest = longest
        self._text = ""

    def feed(self, piece: str) -> list[str]:
        """The sentences that are complete now, stripped."""
        text, at, sentences = self._text + piece, 0, []
        while True:
            at = _behind(_SPACES, text, at)
            # One character more than may be in a sentence, so that it makes no difference how much more is there.
            end = self._end(text[at : at + self._longest + 1])
            if not end:
                break
            sentences.append(text[at : at + end].rstrip())
            at += end
        self._text = text[at:]
        return sentences

    def settle(self) -> list[str]:
        """What reads as a whole sentence already, for when its writer pauses: an end that only more text could make certain.

        Not after `…`, an abbreviation, or a digit that may be going on.
        """
        match = _SETTLED.search(self._text)
        return self.flush() if match and _reads_as_over(self._text, match) else []

    def flush(self) -> list[str]:
        """What is left, as the last sentence."""
        last, self._text = self._text.rstrip(), ""
        return [last] if last else []

    def _end(self, text: str) -> int:
        end = next(sentence_ends(text), 0)
        if 0 < end <= self._longest:
            return end
        return _word_end(text, self._longest) if len(text) > self._longest else 0


def _word_end(text: str, limit: int) -> int:
    end = max(text.rfind(space, 0, limit + 1) for space in " \t")
    return end if end > 0 else limit


def speaking_seconds(text: str, speed: float = 1.0) -> float:
    """About how long a voice takes to say `text`, in seconds. An estimate for when the avatar itself does not tell."""
    wide = len(_WIDE.findall(text))
    digits = sum(map(str.isdecimal, text))
    letters = len(text.strip()) - wide - digits
    pauses = len(_PAUSE.findall(text)) * _PAUSE_SECONDS
    seconds = wide / _WIDE_PER_SECOND + digits / _DIGITS_PER_SECOND + max(0, letters) / _LETTERS_PER_SECOND + pauses
    return seconds / speed


Measure = Callable[[str], int]
"""How long a text is for a limit. A longer text is never shorter."""

MORE = "…"

_FOLLOWING = 16
"""Characters behind a part that are looked at: only what follows shows whether a sentence is over."""

_CLUSTER = regex.compile(r"\X")


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

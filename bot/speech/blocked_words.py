"""Whether a text has a word that is not allowed, however it is dressed up. Time grows with the length of the text alone."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from unicodedata import combining, normalize

import regex

from bot.speech.lookalikes import LOOKALIKES

MOST_ENTRIES = 500
LONGEST_ENTRY = 60
"""Characters of one word or phrase."""

_INVISIBLE = regex.compile(r"[\p{DI}\p{Cf}[\p{Cc}--\s]]+", regex.V1)
# Scripts that put no spaces between words: each of their letters stands for itself.
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_WORD = regex.compile(rf"[{_UNSPACED}]\p{{M}}*|[[\w]--[_{_UNSPACED}]]+", regex.V1)
_DIGITS = (str.maketrans("01", "ol"), str.maketrans("01", "oi"))
"""What digits among letters read as."""

Words = tuple[str, ...]
_Node = dict[str, "_Node"]
_END = ""
"""The key that marks the end of an entry; no word is empty."""


@dataclass(frozen=True, slots=True)
class BlockedWords:
    """A list, ready to be looked for."""

    _as_written: _Node
    _as_read: _Node

    @classmethod
    def of(cls, entries: Iterable[str]) -> "BlockedWords":
        """Of words and phrases as somebody wrote them."""
        entries = tuple(entries)
        return cls(_tree(map(words, entries)), _tree(chain.from_iterable(_readings(e.casefold()) for e in entries)))

    def found_in(self, text: str) -> bool:
        """Whether a word or phrase of the list stands in `text` as a whole word, as it is spelled or as it is read."""
        if not self._as_written:
            return False
        return _found(self._as_written, words(text)) or any(_found(self._as_read, each) for each in _readings(text))


@lru_cache(maxsize=256)
def blocked_words(entries: tuple[str, ...]) -> BlockedWords:
    """The list of a channel; made once while it stays as it is."""
    return BlockedWords.of(entries)


def words(text: str) -> Words:
    """The words of a text without case, accents, width and what cannot be seen."""
    return tuple(_WORD.findall(_folded(_visible(text))))


def _readings(text: str) -> Sequence[Words]:
    """The same, with letters and digits that only look like Latin letters taken for those."""
    read = _WORD.findall(_folded(normalize("NFKC", _visible(text)).translate(LOOKALIKES)))
    return [tuple(word if word.isdecimal() else word.translate(digits) for word in read) for digits in _DIGITS]


def _folded(text: str) -> str:
    return "".join(_bare(normalize("NFKD", normalize("NFKC", text).casefold())))


def _visible(text: str) -> str:
    """Without what nobody sees, and with one mark on a letter: putting thousands in order would take long."""
    return "".join(_bare(_INVISIBLE.sub("", text)))


def _bare(text: str) -> Iterator[str]:
    """Accents go. Marks that spell a word in the scripts of India and Japan stay, one for each letter."""
    marked = False
    for char in text:
        mark = combining(char)
        if not mark or (mark in _SPELLING and not marked):
            yield char
        marked = bool(mark)


_SPELLING = frozenset({7, 8, 9})  # nukta, kana voicing, virama


def _tree(entries: Iterable[Words]) -> _Node:
    root: _Node = {}
    for entry in filter(None, entries):
        node = root
        for word in entry:
            node = node.setdefault(word, {})
        node[_END] = {}
    return root


def _found(root: _Node, text: Sequence[str]) -> bool:
    return any(_begins(root, text, start) for start in range(len(text)))


def _begins(node: Mapping[str, _Node], text: Sequence[str], at: int) -> bool:
    """Goes as deep as the longest phrase, which is bounded."""
    while _END not in node:
        if at == len(text) or text[at] not in node:
            return False
        node, at = node[text[at]], at + 1
    return True

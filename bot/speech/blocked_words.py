"""Whether a text has a word that is not allowed, however it is dressed up. Time grows with the length of the text alone.

Letters that look like Latin ones are those of `confusables.txt` of Unicode's Technical Standard 39 (Unicode License v3) whose other
side is one letter from A to Z, and the Latin letters that Unicode names after one: with a stroke, with a hook, as a small capital.
What NFKC and case folding make one anyway is left out, and so are digits.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from unicodedata import combining, normalize

import regex

_BY_LETTER: Mapping[str, str] = {
    "a": "023A 0251 0391 03B1 0410 0430 13AA 15C5 1D00 1D8F 2C65 A4EE 102A0 16F40",
    "b": (
        "0180 0181 0182 0183 0184 0243 0253 0299 0392 0412 042C 13CF 13F4 1472 15AF 15F7 1D6C 1D80 A4D0 A796 "
        "A797 A7B4 10282 102A1 10301"
    ),
    "c": (
        "0187 0188 023B 023C 0255 0421 0441 13DF 1D04 2CA4 2CA5 A4DA A792 A793 A794 A7C4 ABAF 102A2 10302 "
        "10415 1043D 1051C 1DF1D"
    ),
    "d": (
        "0110 0111 018A 018B 018C 0221 0256 0257 0501 13A0 13E7 146F 15DE 15EA 1D05 1D6D 1D81 1D91 A4D2 A4D3 A7C7 A7C8"
    ),
    "e": "0246 0247 0395 0415 0435 04BD 13AC 1D07 1D92 2C78 2D39 A4F0 AB32 AB34 10286 118A6 118AE",
    "f": "0191 0192 03DC 0584 15B4 1D6E 1D82 1E9D A4DD A730 A798 A799 AB35 10287 102A5 10525 118A2 118C2",
    "g": "018D 0193 01E4 01E5 0260 0261 0262 029B 050C 0581 13C0 13F3 1D83 A4D6 A7A0 A7A1",
    "h": "0126 0127 0266 029C 0397 041D 04BB 0570 13BB 13C2 157C 2C67 2C68 2C8E A4E7 A795 A7AA 102CF",
    "i": "0131 0197 0268 0269 026A 03B9 0456 04CF 13A5 1D96 A647 A7AE AB75 118C3 1DF1A",
    "j": "0248 0249 029D 037F 03F3 0408 0458 13AB 148D 1D0A A4D9 A7B2",
    "k": ("0198 0199 039A 041A 13E6 16D5 1D0B 1D84 2C69 2C6A 2C94 A4D7 A740 A741 A742 A743 A744 A745 A7A2 A7A3 10518"),
    "l": (
        "0141 0142 0196 019A 01C0 0234 023D 026B 026C 026D 029F 0399 0406 04C0 13DE 14AA 16C1 1D0C 1D85 2C60 "
        "2C61 2C62 2C92 2CD0 2D4F A4E1 A4F2 A748 A749 A78E A7AD AB37 AB38 AB39 1028A 10309 1041B 10526 118A3 "
        "118B2 16F16 16F28 1DF04 1DF11 1DF13"
    ),
    "m": "0271 039C 03FA 041C 13B7 15F0 16D6 1D0D 1D6F 1D86 2C6E 2C98 A4DF AB3A 102B0 10311",
    "n": "019D 019E 0220 0235 0272 0273 0274 039D 0578 057C 1D70 1D87 2C9A A4E0 A790 A791 A7A4 A7A5 AB3B 10513",
    "o": (
        "00D8 00F8 019F 01FE 01FF 039F 03BF 03C3 041E 043E 0555 0585 0B20 0D20 101D 10FF 12D0 1D0F 1D11 2C7A "
        "2C9E 2C9F 2D54 A4F3 A74A A74B A74C A74D AB3D 10292 102AB 10404 1042C 104C2 104EA 10516 118B5 118C8 "
        "118D7 1DF1B"
    ),
    "p": (
        "01A4 01A5 03A1 03C1 0420 0440 13E2 146D 1D18 1D71 1D7D 1D88 2C63 2CA2 2CA3 A4D1 A750 A751 A752 A753 "
        "A754 A755 10295"
    ),
    "q": "024B 02A0 051B 0563 0566 2D55 A756 A757 A758 A759 A7AF",
    "r": (
        "01A6 024C 024D 027C 027D 027E 0280 0433 13A1 13D2 1587 1D26 1D72 1D73 1D89 2C64 2C85 A4E3 A7A6 A7A7 "
        "AB46 AB47 AB48 AB49 AB81 104B4 16F35 1DF16"
    ),
    "s": (
        "01BD 023F 0282 0405 0455 054F 13D5 13DA 1D74 1D8A 2C7E A4E2 A731 A7A8 A7A9 A7C5 A7C9 A7CA ABAA 10296 "
        "10420 10448 118C1 16F3A 1DF1E"
    ),
    "t": (
        "0166 0167 01AB 01AC 01AD 01AE 0236 023E 0288 03A4 0422 13A2 1D1B 1D75 2C66 2CA6 A4D4 10297 102B1 "
        "10315 118BC 16F0A 1DF09"
    ),
    "u": "028B 03C5 054D 057D 1200 144C 1D1C 1D99 A4F4 A79F A7B8 A7B9 AB4E AB52 104CE 104F6 118B8 118D8 16F42",
    "v": ("01B2 03BD 0474 0475 13D9 142F 1D20 2C71 2C74 2D38 A4E6 A6DF A75E A75F ABA9 1051D 11706 118A0 118C0 16F08"),
    "w": "026F 0461 051C 051D 0561 13B3 13D4 1D21 2C72 2C73 A4EA AB83 1170A 1170E 1170F",
    "x": "03A7 0425 0445 1541 157D 16B7 1D8D 2CAC 2D5D A4EB A7B3 AB56 AB57 AB58 AB59 10290 102B4 10317 10527",
    "y": (
        "01B3 01B4 024E 024F 0263 028F 03A5 03B3 0423 0443 04AE 04AF 10E7 13A9 13BD 1D8C 1EFE 1EFF 2CA8 A4EC "
        "AB5A 102B2 118A4 118DC 16F43"
    ),
    "z": ("01B5 01B6 0224 0225 0240 0290 0291 0396 13C3 1D22 1D76 1D8E 2C6B 2C6C 2C7F A4DC A7C6 AB93 118A9 118C4"),
}
"""Code points in hexadecimal."""

# Letters in boxes and circles, and those that flags are made of: in the order of the alphabet.
_ALPHABETS = (0x1F130, 0x1F150, 0x1F170, 0x1F1E6)

LOOKALIKES: Mapping[int, str] = {
    **{int(code, 16): letter for letter, codes in _BY_LETTER.items() for code in codes.split()},
    **{first + index: chr(ord("a") + index) for first in _ALPHABETS for index in range(26)},
}
"""For `str.translate`."""


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

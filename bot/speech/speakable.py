"""What of a chat text a voice should say.

Mentions, custom emoji and other markup of one platform are plain words already; what is left is Markdown, addresses, emoji and
the things people do to make a text look good.
"""

import re
from unicodedata import category
from urllib.parse import urlsplit

import emoji

from bot.domain.sessions import Mode

LIMIT = 1_500
"""Characters that are said of one message, unless the caller wants another limit."""

SHORTENED = " … and so on."
CODE = "a code snippet"

_SPECIAL = re.compile(
    r"```.*?(?:```|\Z)"
    r"|(?P<ticks>`{1,2})(?P<code>[^`\n]++)(?P=ticks)"
    r"|(?P<image>!?)\[(?P<label>[^\[\]\n]*+)\]"
    r"\(\s*+<?(?P<target>[^()\s<>]*+(?:\([^()\s]*+\)[^()\s<>]*+)*+)>?[^()\n]*+\)"
    r"|<?(?P<url>(?:https?://|www\.)[^\s<>]+)>?",
    re.DOTALL | re.IGNORECASE,
)
_BLANKS = re.compile(r"[ \t]{2,}|\t")
_WORDS_OF_CODE = re.compile(r"[\w .,:'@#+-]{1,60}")
_TRAILING = ".,;:!?)]}'\"*_~|"
_RULE = re.compile(
    r"^[ \t]*+(?:(?:[-*_=][ \t]*+){3,}+|\|?[ \t]*+:?-++:?[ \t]*+(?:\|[ \t]*+:?-*+:?[ \t]*+)++)$", re.MULTILINE
)
_BLOCK = re.compile(r"^[ \t]*+(?:(?:>++|[-*+•‣◦]|\d{1,3}[.)]|#{1,6}|-#)[ \t]++)+(?:\[[ xX]\][ \t]++)?(?P<words>.*)$")
_ROW = re.compile(r"^[ \t]*\|(?P<cells>.*)\|[ \t]*$")
_MARKERS = re.compile(
    r"(?<![^\W_])(?:\*{1,3}|_{1,3}|~{1,2}|\|\|)(?=[^\s])|(?<=[^\s])(?:\*{1,3}|_{1,3}|~{1,2}|\|\|)(?![^\W_])"
)
# Longer than any emoji is; what is joined is tried in ever longer sequences by the library that names it.
_CHAIN = re.compile("(?:[^\\s\u200d]{1,3}\u200d){10,}")
_SKIN_TONE = re.compile(r"_(?:(?:medium-)?(?:light|dark)|medium)_skin_tone")
_REPEATED_SIGN = re.compile(r"([^\w\s.])\1{2,}|(?<=[!?])([!?])(?:[!?])*")
_DOTS = re.compile(r"\.{3,}|…[.…]+")
_UNDERSCORES = re.compile(r"(?<=[^\W_])_+(?=[^\W_])")
_REPEATED_LETTER = re.compile(r"([^\W\d_])\1{3,}")
_LONELY_SIGN = re.compile(r"\s+([,.!?])(?=\s|$)")
_SAID = re.compile(r"[^\W_]")
_OVER = (".", "!", "?", "…", ":", ";", ",", "。", "！", "？")  # noqa: RUF001


def speakable(text: str, limit: int = LIMIT) -> str:
    """The words to say, on one line and at most `limit` characters (at least 40); `''` when there is nothing to say."""
    words = _SPECIAL.sub(_special, _BLANKS.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n")))
    words = _lines(_RULE.sub("", words))
    words = _visible(words if words.isascii() else _emoji_named(words))
    words = _REPEATED_LETTER.sub(r"\1\1\1", _DOTS.sub("…", _REPEATED_SIGN.sub(r"\1", words)))
    words = _LONELY_SIGN.sub(r"\1", " ".join(_UNDERSCORES.sub(" ", words).split()))
    return _capped(words, limit) if _SAID.search(words) else ""


def _special(match: re.Match[str]) -> str:
    if match["url"]:
        return _link(match["url"])
    if match["label"] is not None:
        return match["label"] or ("an image" if match["image"] else _link(match["target"]))
    code = match["code"]
    return code.strip() if code and _WORDS_OF_CODE.fullmatch(code) else CODE


def _link(url: str) -> str:
    end = len(url.rstrip(_TRAILING))
    try:
        host = urlsplit(url[:end] if "//" in url[:end] else f"//{url[:end]}").hostname
    except ValueError:
        host = None
    said = f"a link to {host.removeprefix('www.')}" if host else "a link"
    return said + url[end:]


def _lines(text: str) -> str:
    """Items of lists, headings, rows of tables and ends of paragraphs become sentences; markers at word borders go."""
    lines = text.split("\n")
    followed_by_blank = [not line.strip() for line in lines[1:]] + [False]
    return " ".join(_line(line, blank) for line, blank in zip(lines, followed_by_blank, strict=True))


def _line(line: str, ends_paragraph: bool) -> str:
    block, row = _BLOCK.match(line), _ROW.match(line)
    if row:
        line = ", ".join(filter(None, map(str.strip, row["cells"].split("|"))))
    words = _MARKERS.sub("", block["words"] if block else line).strip()
    return f"{words}." if words and (block or row or ends_paragraph) and not words.endswith(_OVER) else words


def _visible(text: str) -> str:
    return text if text.isprintable() else "".join(map(_visible_char, text))


def _visible_char(char: str) -> str:
    # Persian and the scripts of India spell words with zero-width joiners.
    if char.isprintable() or char in "\u200c\u200d":
        return char
    return "" if category(char) == "Cf" else " "


def _emoji_named(text: str) -> str:
    """Each emoji by its name, a row of the same ones once."""
    said = ""
    named = ""
    loose = _CHAIN.sub(lambda chain: chain[0].replace("\u200d", ""), text)
    for token in emoji.analyze(loose, non_emoji=True, join_emoji=True):
        name = _emoji_name(token.value.emoji) if isinstance(token.value, emoji.EmojiMatch) else ""
        if not name:
            said += token.chars
            named = named if token.chars.isspace() else ""
        elif name != named:
            said += f" {name} "
            named = name
    return said


def _emoji_name(sign: str) -> str:
    return _SKIN_TONE.sub("", emoji.demojize(sign, delimiters=("", ""))).replace("_", " ")


def _capped(words: str, limit: int) -> str:
    if len(words) <= limit:
        return words
    room = limit - len(SHORTENED)
    end = words.rfind(" ", room // 2, room + 1)
    return words[: end if end > 0 else room].rstrip(" ,;:.…") + SHORTENED


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


def as_spoken(line: str, mode: Mode, *, own_model: bool) -> str:
    """What the avatar is given so that it says this line: in dialogue mode the provider's model is asked to say it, since it would answer the line itself."""
    text = speakable(line)
    return f"Repeat after me, word for word: {text}" if text and mode is Mode.DIALOGUE and not own_model else text

"""Slack's control characters, both ways: plain words that may stand in a Slack text, and a Slack text read token by token."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from bot.speech.splitter import preview

TEXT_LIMIT = 3_000
"""Of one message as `measure` counts it. `chat.update` refuses more than 4,000; the rest is for a name and a mark."""

_TOKEN = re.compile(r"<([^<>]*)>")
_NESTED = 3  # bold, italic and struck through is all there is
_MARKS = {
    sign: re.compile(rf"(?P<line>\n)|(?P<may_open>(?<!\w)(?={sign}\S))?(?P<may_close>(?<=\S)(?={sign}(?!\w)))?{sign}")
    for sign in ("_", "~", r"\*")
}


def escape(text: str) -> str:
    """Plain words as they may stand in a Slack text: nothing in them can mention anybody or become a link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unescape(text: str) -> str:
    """What a person typed, `&amp;` last, so that a typed `&lt;` stays one."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def measure(text: str) -> int:
    """UTF-16 units of the escaped text: Slack does not say how it counts, and this is never less than its characters."""
    return len(escape(text).encode("utf-16-le", "surrogatepass")) // 2


def shorten(text: str, limit: int) -> str:
    """`text` itself, or its beginning and "…", at most `limit` as `measure` counts."""
    return preview(text, limit, measure)


@dataclass(frozen=True, slots=True)
class Token:
    """What stands between `<` and `>`: `<@U1|ann>` is sigil `@`, target `U1`, label `ann`; a link has no sigil."""

    sigil: str
    target: str
    label: str


def read_token(inside: str) -> Token:
    target, _, label = inside.partition("|")
    if target[:1] in ("@", "#", "!"):
        return Token(target[0], target[1:], label)
    return Token("", target, label)


def replace_tokens(text: str, say: Callable[[Token], str]) -> str:
    """The text with each token in angle brackets said by `say`."""
    return _TOKEN.sub(lambda match: say(read_token(match[1])), text)


def tokens(text: str) -> list[Token]:
    return [read_token(match[1]) for match in _TOKEN.finditer(text)]


def without_marks(text: str) -> str:
    """The text without what makes it bold, italic and struck through."""
    for _ in range(_NESTED):
        for sign in _MARKS.values():
            text = _without(sign, text)
    return text


def _without(sign: re.Pattern[str], text: str) -> str:
    """Without the pairs of one sign: each that opens on a line, with the next there that closes and has something before it."""
    opened, kept, end = -1, [], 0
    for found in sign.finditer(text):
        at = found.start()
        if found["line"]:
            opened = -1
        elif opened >= 0 and at > opened + 1 and found["may_close"] is not None:
            kept += [text[end:opened], text[opened + 1 : at]]
            opened, end = -1, at + 1
        elif opened < 0 and found["may_open"] is not None:
            opened = at
    return "".join([*kept, text[end:]])

"""Slack's texts, both ways: plain words that may stand in one, and a message as plain words.

A message is read from its `rich_text` blocks where it has them, else from its text: blocks come first because their elements are typed.
Pasted tables and forwarded messages stand in its attachments.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import emoji

from bot.speech.sentences import preview

TEXT_LIMIT = 3_000
"""Of one message as `measure` counts it. `chat.update` refuses more than 4,000; the rest is for a name and a mark."""

_TOKEN = re.compile(r"<([^<>]*)>")
_NESTED = 3  # bold, italic and struck through is all there is
_MARKS = {
    sign: re.compile(rf"(?P<line>\n)|(?P<may_open>(?<!\w)(?={sign}\S))?(?P<may_close>(?<=\S)(?={sign}(?!\w)))?{sign}")
    for sign in ("_", "~", r"\*")
}

Block = Mapping[str, Any]

ATTACHMENTS_LIMIT = 20
"""Attachments of one message that are read. Slack takes 100."""

SNIPPET = "a code snippet"
SOMEONE = "someone"
A_GROUP = "a group"
EVERYBODY = "everybody"

_MARKUP = re.compile(r"[<>&*_~`:\x00]")
_SPAN = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
_SHORTCODE = re.compile(r"(?<![\w:]):([a-z0-9_+'-]+):(?::skin-tone-\d:)?(?![\w:])")
_QUOTE = re.compile(r"^&gt; ?", re.MULTILINE)
_SPACES = re.compile(r"[^\S\n]+")
_BLANK_LINES = re.compile(r" ?\n[ \n]*")


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


# ---------------------------------------------------------------- attachments


@dataclass(frozen=True, slots=True)
class Attached:
    """One of them: a pasted table, or what `author` wrote elsewhere."""

    text: str
    blocks: tuple[Block, ...]
    author: str = ""


def attached(attachments: Iterable[Block]) -> list[Attached]:
    """Those that people put there, in order: not the previews that Slack adds to links. What a forwarded message forwards in its
    turn is left out.
    """
    found = (_attachment(attachment) for attachment in list(attachments)[:ATTACHMENTS_LIMIT])
    return [each for each in found if each]


def _attachment(attachment: Block) -> Attached | None:
    if attachment.get("is_share"):
        return Attached(
            str(attachment.get("text") or ""), _forwarded(attachment), str(attachment.get("author_name") or "")
        )
    if attachment.get("from_url") or attachment.get("original_url"):
        return None
    blocks = tuple(_blocks(attachment.get("blocks")))
    return Attached("", blocks) if blocks else None


def _forwarded(attachment: Block) -> tuple[Block, ...]:
    """The blocks of a forwarded message stand under `message_blocks`, one entry for each message."""
    messages = (each.get("message") for each in _blocks(attachment.get("message_blocks")))
    return tuple(
        block for message in messages if isinstance(message, Mapping) for block in _blocks(message.get("blocks"))
    )


# ---------------------------------------------------------------- a message


@dataclass(frozen=True, slots=True)
class Mentions:
    """Ids whose names a message needs before it can be said."""

    people: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SlackNames:
    """Names by id; who is not in it is "someone". `own_id` is the bot's, whose mention is not said."""

    own_id: str = ""
    people: Mapping[str, str] = field(default_factory=dict)
    channels: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)

    def person(self, user_id: str, label: str = "") -> str:
        if user_id == self.own_id:
            return ""
        return self.people.get(user_id) or label.lstrip("@") or SOMEONE

    def channel(self, channel_id: str, label: str = "") -> str:
        name = self.channels.get(channel_id) or label.lstrip("#")
        return f"the {name} channel" if name else "a channel"

    def group(self, group_id: str, label: str = "") -> str:
        return self.groups.get(group_id) or label.lstrip("@") or A_GROUP


def plain_words(text: str, blocks: Iterable[Block], names: SlackNames, attachments: Iterable[Block] = ()) -> str:
    """What a message says, without markup, and what people attached to it.

    Empty when there is nothing to say (only a mention of the bot, only a file).
    """
    said = [_own(text, blocks, names)]
    for each in attached(attachments):
        words = _tidy(_own(each.text, each.blocks, names))
        said.append(f"{each.author} wrote: {words}" if each.author and words else words)
    return _tidy("\n".join(said))


def _own(text: str, blocks: Iterable[Block], names: SlackNames) -> str:
    said = [_block(block, names) for block in blocks if str(block.get("type")) in _BLOCKS]
    return "\n".join(said) if said else _text(text, names)


def mentions(text: str, blocks: Iterable[Block], attachments: Iterable[Block] = ()) -> Mentions:
    """Whose names `plain_words` of the same message will ask for. Whom a message addresses stands in its own text and blocks."""
    parts = [(text, tuple(blocks)), *((each.text, each.blocks) for each in attached(attachments))]
    found = [token for text, _ in parts for token in tokens(text)]
    elements = [element for _, blocks in parts for block in blocks for element in _walk(block)]
    return Mentions(
        frozenset(token.target for token in found if token.sigil == "@")
        | {str(element["user_id"]) for element in elements if element.get("user_id")},
        frozenset(token.target for token in found if token.sigil == "#")
        | {str(element["channel_id"]) for element in elements if element.get("channel_id")},
        frozenset(token.target.removeprefix("subteam^") for token in found if token.target.startswith("subteam^"))
        | {str(element["usergroup_id"]) for element in elements if element.get("usergroup_id")},
    )


def command_line(text: str) -> str:
    """A text as the command that was typed: people and groups as the core mentions them, channels their ids, links addresses."""
    return _SPACES.sub(" ", unescape(replace_tokens(text, _typed))).strip()


def _typed(token: Token) -> str:
    if token.sigil == "@":
        return f"<@{token.target}>"
    if token.sigil == "!":
        kind, _, group = token.target.partition("^")
        return f"<@&{group}>" if kind == "subteam" else group or kind
    return token.label if token.target.startswith("mailto:") and token.label else token.target


# ---------------------------------------------------------------- rich text


def _walk(node: Block) -> Iterator[Block]:
    yield node
    for child in _children(node):
        yield from _walk(child)


def _children(node: Block) -> list[Block]:
    return _blocks(node.get("elements")) or [cell for row in _rows(node) for cell in row]


def _rows(node: Block) -> list[list[Block]]:
    rows = node.get("rows")
    return [_blocks(row) for row in rows] if isinstance(rows, list) else []


def _blocks(found: object) -> list[Block]:
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def _block(block: Block, names: SlackNames) -> str:
    if block.get("type") in _TABLES:
        return "\n".join(_sentence(", ".join(_cell(cell, names) for cell in row)) for row in _rows(block))
    return "\n".join(_part(part, names) for part in _children(block))


def _cell(cell: Block, names: SlackNames) -> str:
    """`raw_number` has its number as `value` and as people read it, `text`."""
    return _block(cell, names) if cell.get("type") == "rich_text" else str(cell.get("text") or cell.get("value", ""))


def _part(part: Block, names: SlackNames) -> str:
    match part.get("type"):
        case "rich_text_preformatted":
            return _sentence(SNIPPET)
        case "rich_text_list":
            return "\n".join(_sentence(_part(item, names)) for item in _children(part))
        case _:
            return "".join(_element(element, names) for element in _children(part))


def _element(element: Block, names: SlackNames) -> str:
    say = _ELEMENTS.get(str(element.get("type")))
    return say(element, names) if say else ""


def _value(element: Block, key: str) -> str:
    return str(element.get(key) or "")


_ELEMENTS: Mapping[str, Callable[[Block, SlackNames], str]] = {
    "text": lambda element, _: _value(element, "text"),
    "user": lambda element, names: names.person(_value(element, "user_id")),
    "channel": lambda element, names: names.channel(_value(element, "channel_id")),
    "usergroup": lambda element, names: names.group(_value(element, "usergroup_id")),
    "broadcast": lambda _, __: EVERYBODY,
    "link": lambda element, _: _value(element, "text") or _link(_value(element, "url")),
    "emoji": lambda element, _: _emoji(_value(element, "name")),
    "date": lambda element, _: _value(element, "fallback") or "a date",
    "color": lambda element, _: _value(element, "value"),
}
_TABLES = frozenset({"table", "data_table"})
_BLOCKS = _TABLES | {"rich_text"}


# ---------------------------------------------------------------- text


def _text(text: str, names: SlackNames) -> str:
    """Code spans are set aside first, so that nothing inside them is taken for markup. Most texts hold none at all."""
    if not _MARKUP.search(text):
        return text
    said, end = "", 0
    for span in _SPAN.finditer(text):
        said += _prose(text[end : span.start()], names) + _code(span[0], names)
        end = span.end()
    return said + _prose(text[end:], names)


def _code(span: str, names: SlackNames) -> str:
    if span.startswith("```"):
        return f" {SNIPPET} "
    return unescape(replace_tokens(span.strip("`"), lambda token: _token(token, names)))


def _prose(text: str, names: SlackNames) -> str:
    """Markers are taken off around the tokens, never inside one: a URL may hold `_` and `*`."""
    kept: list[str] = []

    def set_aside(token: Token) -> str:
        kept.append(_token(token, names))
        return f"\x00{len(kept) - 1}\x00"

    bare = replace_tokens(_QUOTE.sub("", text.replace("\x00", "")), set_aside)
    bare = _SHORTCODE.sub(lambda match: _emoji(match[1]), bare)
    return re.sub(r"\x00(\d+)\x00", lambda match: kept[int(match[1])], unescape(without_marks(bare)))


def _token(token: Token, names: SlackNames) -> str:
    match token.sigil:
        case "@":
            return names.person(token.target, unescape(token.label))
        case "#":
            return names.channel(token.target, unescape(token.label))
        case "!":
            return _special(token, names)
        case _:
            return unescape(token.label) or _link(unescape(token.target))


def _special(token: Token, names: SlackNames) -> str:
    kind, _, target = token.target.partition("^")
    if kind in ("here", "channel", "everyone"):
        return EVERYBODY
    if kind == "subteam":
        return names.group(target, unescape(token.label))
    return unescape(token.label)


# ---------------------------------------------------------------- the same in both


def _link(url: str) -> str:
    scheme, _, rest = url.partition(":")
    if scheme in ("mailto", "tel"):
        return rest
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return "a link"
    return f"a link to {host.removeprefix('www.')}" if host else "a link"


def _emoji(name: str) -> str:
    """The character, which people and the core's speech know; a workspace's own emoji by its name."""
    alias = name.partition("::")[0]
    character = emoji.emojize(f":{alias}:", language="alias")
    return character if character != f":{alias}:" else alias.replace("_", " ").replace("-", " ")


def _sentence(text: str) -> str:
    stripped = text.strip()
    return stripped + "." if stripped and stripped[-1].isalnum() else stripped


def _tidy(text: str) -> str:
    return _BLANK_LINES.sub("\n", _SPACES.sub(" ", text)).strip()

"""Discord's texts, both ways: plain words that may stand in one, and what people wrote as plain words."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import discord

from bot.speech.sentences import preview, split

CONTENT_LIMIT = 2_000
"""Characters of one message. (Discord's OpenAPI file says 4,000, which is not so for bots.)"""

_URL = re.compile(r"https?://[^\s<>\\]+", re.IGNORECASE)
_SIGNS = str.maketrans({sign: f"\\{sign}" for sign in "\\*_~`|<["})
_LINE_START = re.compile(r"^([^\S\n]*)(#{1,3}|-#|[-+•]|>{1,3})(?=\s)", re.MULTILINE)
_NUMBERED = re.compile(r"^([^\S\n]*\d+)([.)])(?=\s)", re.MULTILINE)


SOMEONE = "someone"
A_ROLE = "a group"
SPOILER = "a spoiler"

QUOTE_LIMIT = 200
"""Characters of a quoted message that are repeated in the reply to it."""

# https://docs.discord.com/developers/reference#message-formatting
_TOKEN = re.compile(
    r"(?<!\\)<(?:a?:(?P<emoji>\w{2,32}):\d{13,20}"
    r"|t:(?P<time>-?\d{1,13})(?::(?P<style>[tTdDfFsSR]))?"
    r"|/(?P<command>[^:>]{1,100}):\d{13,20}"
    r"|id:(?P<tab>customize|browse|guide|linked-roles)(?::\d{1,20})?"
    r"|@&(?P<role>\d{1,20})"
    r"|@!?(?P<person>\d{1,20})"
    r"|\#(?P<channel>\d{1,20}))>"
)
_CODE = re.compile(r"```.*?```|``[^`\n].*?``|`[^`\n]+`", re.DOTALL)
_SPOILER = re.compile(r"\|\|(?=\S).+?\|\|", re.DOTALL)
_EVERYBODY = re.compile(r"(?<!\w)@(everyone|here)\b")
_ESCAPED = re.compile(r"\\([^0-9A-Za-z\s])")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_REPEATED = re.compile(r"(\ufdd0[^\ufdd0\ufdd1]*\ufdd1)(?:\s*\1)+")
_SPACES = re.compile(r"[^\S\n]+")
_BLANK_LINES = re.compile(r" ?\n[ \n]*\n ?")
_TABS = {
    "customize": "Channels and Roles",
    "browse": "Browse Channels",
    "guide": "Server Guide",
    "linked-roles": "Linked Roles",
}
_TIMES = {"t": "%H:%M", "T": "%H:%M:%S", "d": "%-d %B %Y", "D": "%-d %B %Y"}


def escape(text: str) -> str:
    """`text` so that it is read as it is. Addresses stay as they are, or they could not be followed."""
    said, end = "", 0
    for url in _URL.finditer(text):
        said += text[end : url.start()].translate(_SIGNS) + url[0]
        end = url.end()
    said += text[end:].translate(_SIGNS)
    return _NUMBERED.sub(r"\1\\\2", _LINE_START.sub(r"\1\\\2", said))


def measure(text: str) -> int:
    """The length of `text`, once escaped, in UTF-16 units: what counts most of all ways to count characters."""
    return units(escape(text))


def units(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def shorten(text: str, limit: int) -> str:
    """The beginning of `text` that takes at most `limit` once escaped, not escaped yet."""
    return preview(text, limit, measure)


def pages(text: str, limit: int = CONTENT_LIMIT, shown: Callable[[str], str] = escape) -> list[str]:
    """`text` as it is `shown`, in messages of at most `limit` each."""
    return [shown(part) for part in split(text, limit, lambda part: units(shown(part)))]


# ---------------------------------------------------------------- what people wrote


def words_of(text: str, guild: discord.Guild | None, own_id: str, people: Mapping[str, str]) -> str:
    """A text as plain words. `people` are the names of whom it mentions."""
    found = mentioned(text)
    roles, channels = {}, {}
    own = {own_id}
    if guild:
        roles = {id_: role.name for id_ in found.roles if (role := guild.get_role(int(id_)))}
        channels = {id_: there.name for id_ in found.channels if (there := guild.get_channel_or_thread(int(id_)))}
        own |= {str(guild.self_role.id)} if guild.self_role else set()
    return plain_words(text, DiscordNames(frozenset(own), people, roles, channels))


def names_in(users: Iterable[discord.User | discord.Member]) -> dict[str, str]:
    return {str(user.id): user.display_name for user in users}


def names_in_payload(users: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The same, from users as Discord sends them."""
    return {str(user["id"]): _name(user) for user in users}


def _name(user: Mapping[str, Any]) -> str:
    nick = (user.get("member") or {}).get("nick")
    return str(nick or user.get("global_name") or user.get("username") or "")


@dataclass(frozen=True, slots=True)
class DiscordNames:
    """Names by id; who is not in it is "someone". `own_ids` are the bot's user and its role, whose mention is not said."""

    own_ids: frozenset[str] = frozenset()
    people: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)
    channels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mentioned:
    """Ids whose names a text needs before it can be said."""

    people: frozenset[str]
    roles: frozenset[str]
    channels: frozenset[str]


def mentioned(text: str) -> Mentioned:
    """Whose names `plain_words` of the same text will ask for."""
    found = list(_TOKEN.finditer(text))
    return Mentioned(*(frozenset(m[kind] for m in found if m[kind]) for kind in ("person", "role", "channel")))


def plain_words(text: str, names: DiscordNames) -> str:
    """What a message says. Empty when there is nothing to say: only a mention of the bot, only a picture."""
    said, end = "", 0
    text = (
        _unaddressed(text, names).replace("\ufdd0", "").replace("\ufdd1", "")
    )  # noncharacters, which mark emoji below
    for code in _CODE.finditer(text):
        said += _prose(text[end : code.start()], names) + code[0]
        end = code.end()
    return _tidy(said + _prose(text[end:], names))


def _unaddressed(text: str, names: DiscordNames) -> str:
    """Without the bot's mention that a message begins with, and what people put behind one."""
    first = _TOKEN.match(text.lstrip())
    if first is None or (first["person"] or first["role"]) not in names.own_ids:
        return text
    return text.lstrip()[first.end() :].lstrip(" ,:")


def with_quote(words: str, author: str, quoted: str) -> str:
    """The words of a reply, with the beginning of what it replies to: the avatar has not necessarily read that."""
    line = " ".join(quoted.split())
    if not words or not line:
        return words
    short = line if len(line) <= QUOTE_LIMIT else line[: QUOTE_LIMIT - 1].rstrip() + "…"
    return f"About {author}'s “{short}”: {words}"


def as_value(text: str) -> str:
    """A text as the value of an option: people and roles as the core mentions them, channels are their ids."""
    return _TOKEN.sub(_valued, text).strip()


def _valued(token: re.Match[str]) -> str:
    return f"<@{token['person']}>" if token["person"] else token["channel"] or token[0]


def _prose(text: str, names: DiscordNames) -> str:
    shown = _EVERYBODY.sub("everybody", _SPOILER.sub(SPOILER, text))
    said = _TOKEN.sub(lambda token: _SAID[token.lastgroup or ""](token, names), shown)
    return _ESCAPED.sub(r"\1", _REPEATED.sub(r"\1", said))


def _emoji(token: re.Match[str], _: DiscordNames) -> str:
    return f"\ufdd0{_CAMEL.sub(' ', token['emoji']).replace('_', ' ').strip()}\ufdd1"


def _role(token: re.Match[str], names: DiscordNames) -> str:
    return "" if token["role"] in names.own_ids else names.roles.get(token["role"], A_ROLE)


def _person(token: re.Match[str], names: DiscordNames) -> str:
    return "" if token["person"] in names.own_ids else names.people.get(token["person"], SOMEONE)


def _channel(token: re.Match[str], names: DiscordNames) -> str:
    name = names.channels.get(token["channel"])
    return f"the {name} channel" if name else "a channel"


_SAID: Mapping[str, Callable[[re.Match[str], DiscordNames], str]] = {
    "emoji": _emoji,
    "time": lambda token, _: _moment(int(token["time"]), "f"),
    "style": lambda token, _: _moment(int(token["time"]), token["style"]),
    "command": lambda token, _: f"/{token['command']}",
    "tab": lambda token, _: _TABS[token["tab"]],
    "role": _role,
    "person": _person,
    "channel": _channel,
}


def _moment(seconds: int, style: str) -> str:
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return "a date"
    return moment.strftime(_TIMES.get(style, "%-d %B %Y, %H:%M")) + (" UTC" if style not in {"d", "D"} else "")


def _tidy(text: str) -> str:
    bare = text.replace("\ufdd0", "").replace("\ufdd1", "")
    return _BLANK_LINES.sub("\n\n", _SPACES.sub(" ", bare)).strip()

"""Free text to a command, for platforms without typed options.

start Ann mode:dialogue           a positional word, then a named value
start --avatar "Ann Lee" --mode=dialogue
set speed 1.1                     an option's name, then its value
say hello there: it's me          the rest of the line, whole
"""

import re
from dataclasses import dataclass

from bot.commands.catalogue import Catalogue, Option, OptionType, Verb
from bot.commands.validation import ParseError, did_you_mean, listed, shown
from bot.commands.verbs import CATALOGUE
from bot.domain.conversations import Command, MessagePosted
from bot.domain.errors import AvatarbotError

_CLOSING = {'"': '"', "'": "'", "“": "”", "”": "”", "„": "“”", "‘": "’", "’": "’", "«": "»"}  # noqa: RUF001
_WORD = re.compile(r"\s*(?P<word>\S+)")
_FLAG = re.compile(r"\s*--(?P<name>[a-zA-Z][\w-]*)(?:[=:]|(?=\s|$))")
_KEY = re.compile(r"\s*(?P<name>[a-zA-Z][\w-]*)(?P<sign>=|:(?!//))(?P<space>\s?)")
_MORE = re.compile(r"\s*\S")


class _Puzzled(AvatarbotError):
    """Reading stops here; never leaves this module."""


@dataclass(frozen=True, slots=True)
class _Value:
    """A word, or what stands in quotes: its characters, and where the value ends in the line."""

    begin: int
    end: int
    behind: int
    quoted: bool = False


class _Line:
    """What was typed, read from left to right in a time that grows with its length."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._closers: dict[str, int] = {}

    def value(self, at: int) -> _Value | None:
        """The value at `at`, behind any blanks."""
        word = _WORD.match(self.text, at)
        if word is None:
            return None
        begin = word.start("word")
        closing = _CLOSING.get(self.text[begin])
        end = self._closer(closing, begin + 1) if closing else len(self.text)
        if end < len(self.text) and not self.text[end + 1 : end + 2].strip():
            return _Value(begin + 1, end, end + 1, quoted=True)
        return _Value(begin, word.end(), word.end())

    def _closer(self, closing: str, at: int) -> int:
        """Where the next of the signs in `closing` stands. Asked for each opening sign, so what was found is kept."""
        known = self._closers.get(closing, -1)
        if known < at:
            found = [place for sign in closing if (place := self.text.find(sign, at)) >= 0]
            known = self._closers[closing] = min(found, default=len(self.text))
        return known


def parse(line: str, catalogue: Catalogue = CATALOGUE) -> Command | ParseError:
    """The command in what somebody typed after the command's name; nothing typed asks for help. Never raises."""
    try:
        verb, rest = _verb(line.strip() or "help", catalogue)
        if verb.options and verb.options[0].rest:
            return Command(verb.name, _whole(verb.options[0], rest))
        return Command(verb.name, _public(verb, _Reading(verb, rest).options()))
    except _Puzzled as puzzled:
        return ParseError(puzzled.sentence)


def _public(verb: Verb, options: dict[str, str]) -> dict[str, str]:
    """Raises `_Puzzled` for what must not be typed where it may be kept."""
    for option in verb.options:
        if option.private and option.name in options:
            raise _Puzzled(
                f"“{option.name}” is taken in a form only, which nobody else and no log keeps: type {verb.name} and nothing else. Where "
                "there is no form, whoever runs Avatarbot gives it: avatarbot workspaces key. If that was a real key, change it."
            )
    return options


def _verb(line: str, catalogue: Catalogue) -> tuple[Verb, str]:
    """The verb at the beginning of a line, and what follows it."""
    words = line.split(maxsplit=2)
    for joint in (" ", "-"):
        if len(words) > 1 and (verb := catalogue.verb(joint.join(words[:2]))):
            return verb, "".join(words[2:])
    verb = catalogue.verb(words[0])
    if verb is None:
        raise _Puzzled(_unknown(words[0], catalogue))
    rest = line[len(words[0]) :].strip()
    if rest and verb.group and verb.name != words[0].casefold().replace("_", "-"):
        raise _Puzzled(_no_action(verb.group, words[1], catalogue))
    return verb, rest


def _unknown(word: str, catalogue: Catalogue) -> str:
    hint = did_you_mean(word, catalogue.entries) or " Type help to see what I can do."
    return f"I do not know {shown(word)}.{hint}"


def _no_action(group: str, word: str, catalogue: Catalogue) -> str:
    actions = [verb.action for verb in catalogue.entries[group]]
    hint = did_you_mean(word, actions) or f" Say one of {listed(actions)}."
    return f"“{group}” cannot {shown(word)}.{hint}"


def _whole(option: Option, rest: str) -> dict[str, str]:
    value = _Line(rest).value(0)
    whole = rest[value.begin : value.end] if value and value.behind == len(rest) else rest
    return {option.name: whole} if whole else {}


class _Reading:
    """Reads the options of one verb from left to right.

    `open` is the option that bare words go on to. While it is a name that completes (an avatar), option names and choices
    end it; while it is prose (a prompt), only `name:` and `--name` do.
    """

    def __init__(self, verb: Verb, text: str) -> None:
        self.verb = verb
        self.text = text
        self.at = 0
        self.open: Option | None = None
        self.given: dict[str, slice] = {}
        self._line = _Line(text)

    def options(self) -> dict[str, str]:
        while _MORE.match(self.text, self.at):
            if option := self._flag() or self._key() or self._keyword():
                self._fill(option)
            else:
                self._place()
        return {name: self.text[characters] for name, characters in self.given.items()}

    def _flag(self) -> Option | None:
        """`--name value`, `--name=value`."""
        if flag := _FLAG.match(self.text, self.at):
            self.at = flag.end()
            return self.verb.option(flag["name"]) or self._no_option(flag["name"])
        return None

    def _key(self) -> Option | None:
        """`name:value`, `name: value`, `name=value`. In prose, `Note: ` and `a=b` are words unless an option is called so."""
        key = _KEY.match(self.text, self.at)
        if key is None:
            return None
        option = self.verb.option(key["name"])
        if key["sign"] == "=" and (option is None or self._in_prose):
            return None
        if option is None and key["space"] and self.open:
            return None
        self.at = key.end()
        return option or self._no_option(key["name"])

    def _keyword(self) -> Option | None:
        """`name value`, where a value follows."""
        word = self._line.value(self.at)
        if self._in_prose or word is None or word.quoted or not _MORE.match(self.text, word.end):
            return None
        option = self.verb.option(self.text[word.begin : word.end])
        if option is None or option.name in self.given:
            return None
        self.at = word.end
        return option

    @property
    def _in_prose(self) -> bool:
        return self.open is not None and self.open.completes is None

    def _fill(self, option: Option) -> None:
        """Give `option` the next value, which a rest option and a text without quotes may go on from."""
        value = self._line.value(self.at)
        if value is None:
            raise _Puzzled(f"“{option.name}” needs a value.")
        if option.name in self.given:
            raise _Puzzled(f"“{option.name}” is given twice.")
        whole = option.rest and not value.quoted
        self.at = len(self.text) if whole else value.behind
        self.given[option.name] = slice(value.begin, len(self.text) if whole else value.end)
        goes_on = (option.type in {OptionType.TEXT, OptionType.VOICE_CHANNEL} or option.many) and not value.quoted
        self.open = option if goes_on else None

    def _place(self) -> None:
        """A bare word: a choice that is free, more of the open option, or the next free option."""
        value = self._line.value(self.at)
        assert value is not None
        word = self.text[value.begin : value.end]
        free = [option for option in self.verb.options if option.name not in self.given]
        plain = not value.quoted and not self._in_prose
        chosen = [option for option in free if plain and word.casefold() in option.choices]
        if self.open and not value.quoted and not chosen:
            self.given[self.open.name] = slice(self.given[self.open.name].start, value.end)
            self.at = value.end
        elif chosen or free:
            self._fill((chosen or free)[0])
        else:
            what = "the rest" if any(option.secret for option in self.verb.options) else shown(word)
            raise _Puzzled(f"I do not know what {what} is for. Try: {self.verb.example}")

    def _no_option(self, name: str) -> Option:
        names = [option.name for option in self.verb.options]
        hint = did_you_mean(name, names) or (f" It has {listed(names, 'and')}." if names else "")
        raise _Puzzled(f"“{self.verb.name}” has no option {shown(name)}.{hint}")


IN_A_CONVERSATION = frozenset({"stop", "interrupt"})
"""Understood wherever an avatar talks."""

ADDRESSED = IN_A_CONVERSATION | {"start", "help"}
"""Understood where every word is meant for the bot: in a direct message, or with its name before them."""

_LONGEST = 20
"""Characters; a longer message is more than one word."""


def bare_word(said: MessagePosted) -> str:
    """The one word that a message is, as it would be typed as a command; `''` for a longer message."""
    return said.text.casefold().strip(" .!\n") if len(said.text) <= _LONGEST else ""


def bare_command(said: MessagePosted, *, in_conversation: bool = False) -> Command | None:
    """The command that a message of one word is, if it is one. `in_conversation` says whether it stands where an avatar talks."""
    word = bare_word(said)
    if (word in ADDRESSED and (said.direct or said.mentioned)) or (word in IN_A_CONVERSATION and in_conversation):
        return Command(word)
    return None


def asked_form(line: str) -> Command | None:
    """The command whose form a line asks for by a question mark: `start ?`."""
    if not line.rstrip().endswith("?"):
        return None
    head = line.rstrip().removesuffix("?")
    command = parse(head) if head.endswith(" ") else None
    return command if isinstance(command, Command) and not command.options else None

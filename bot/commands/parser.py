"""Free text to a command, for platforms without typed options.

start Ann mode:dialogue           a positional word, then a named value
start --avatar "Ann Lee" --mode=dialogue
set speed 1.1                     an option's name, then its value
say hello there: it's me          the rest of the line, whole
"""

import re
from dataclasses import dataclass, field

from bot.commands.catalogue import CATALOGUE, Catalogue
from bot.commands.misunderstood import Misunderstood, shown
from bot.commands.nearest import did_you_mean, listed
from bot.commands.verb import Option, OptionType, Verb
from bot.errors import AvatarbotError
from bot.model import Command

_CLOSING = {'"': '"', "'": "'", "“": "”", "”": "”", "„": "“”", "‘": "’", "’": "’", "«": "»"}  # noqa: RUF001
_QUOTED = "|".join(
    f"{opening}(?P<q{i}>[^{closing}]*)[{closing}]" for i, (opening, closing) in enumerate(_CLOSING.items())
)
_VALUE = re.compile(rf"\s*(?:(?P<quoted>{_QUOTED})(?=\s|$)|(?P<word>\S+))")
_FLAG = re.compile(r"\s*--(?P<name>[a-zA-Z][\w-]*)(?:[=:]|(?=\s|$))")
_KEY = re.compile(r"\s*(?P<name>[a-zA-Z][\w-]*)(?P<sign>=|:(?!//))(?P<space>\s?)")
_MORE = re.compile(r"\s*\S")


class _Puzzled(AvatarbotError):
    """Reading stops here; never leaves this module."""


def parse(line: str, catalogue: Catalogue = CATALOGUE) -> Command | Misunderstood:
    """The command in what somebody typed after the command's name; nothing typed asks for help. Never raises."""
    try:
        verb, rest = _verb(line.strip() or "help", catalogue)
        if verb.options and verb.options[0].rest:
            return Command(verb.name, _whole(verb.options[0], rest))
        return Command(verb.name, _Reading(verb, rest).options())
    except _Puzzled as puzzled:
        return Misunderstood(puzzled.sentence)


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
    value = _VALUE.match(rest)
    whole = _unquoted(value) if value and value.end() == len(rest) else rest
    return {option.name: whole} if whole else {}


@dataclass
class _Reading:
    """Reads the options of one verb from left to right.

    `open` is the option that bare words go on to. While it is a name that completes (an avatar), option names and choices
    end it; while it is prose (a prompt), only `name:` and `--name` do.
    """

    verb: Verb
    text: str
    at: int = 0
    given: dict[str, str] = field(default_factory=dict)
    open: Option | None = None

    def options(self) -> dict[str, str]:
        while _MORE.match(self.text, self.at):
            if option := self._flag() or self._key() or self._keyword():
                self._fill(option)
            else:
                self._place()
        return self.given

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
        word = _VALUE.match(self.text, self.at)
        if self._in_prose or word is None or not word["word"] or not _MORE.match(self.text, word.end()):
            return None
        option = self.verb.option(word["word"])
        if option is None or option.name in self.given:
            return None
        self.at = word.end()
        return option

    @property
    def _in_prose(self) -> bool:
        return self.open is not None and self.open.completes is None

    def _fill(self, option: Option) -> None:
        """Give `option` the next value, which a rest option and a text without quotes may go on from."""
        value = _VALUE.match(self.text, self.at)
        if value is None:
            raise _Puzzled(f"“{option.name}” needs a value.")
        if option.name in self.given:
            raise _Puzzled(f"“{option.name}” is given twice.")
        whole = option.rest and value["word"] is not None
        self.at = len(self.text) if whole else value.end()
        self.given[option.name] = self.text[value.start() :].strip() if whole else _unquoted(value)
        goes_on = (option.type is OptionType.TEXT or option.many) and value["word"]
        self.open = option if goes_on else None

    def _place(self) -> None:
        """A bare word: a choice that is free, more of the open option, or the next free option."""
        value = _VALUE.match(self.text, self.at)
        assert value is not None
        word = _unquoted(value)
        free = [option for option in self.verb.options if option.name not in self.given]
        chosen = [option for option in free if word.casefold() in option.choices and not self._in_prose]
        if self.open and value["word"] and not chosen:
            self.given[self.open.name] += self.text[self.at : value.end()]
            self.at = value.end()
        elif chosen or free:
            self._fill((chosen or free)[0])
        else:
            what = "the rest" if any(option.secret for option in self.verb.options) else shown(word)
            raise _Puzzled(f"I do not know what {what} is for. Try: {self.verb.example}")

    def _no_option(self, name: str) -> Option:
        names = [option.name for option in self.verb.options]
        hint = did_you_mean(name, names) or (f" It has {listed(names, 'and')}." if names else "")
        raise _Puzzled(f"“{self.verb.name}” has no option {shown(name)}.{hint}")


def _unquoted(value: re.Match[str]) -> str:
    return value["word"] or next(filter(None, (value[f"q{i}"] for i in range(len(_CLOSING)))), "")

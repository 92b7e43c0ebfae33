"""What somebody typed, as a command: free text where a platform has no typed options, and options checked and converted. What passes here is
safe to act on or to pay for; of anything else people are told what was meant.

start Ann mode:dialogue           a positional word, then a named value
start --avatar "Ann Lee" --mode=dialogue
set speed 1.1                     an option's name, then its value
say hello there: it's me          the rest of the line, whole
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from bot.commands import urls
from bot.commands.catalogue import Catalogue, Option, OptionType, Verb
from bot.commands.verbs import CATALOGUE
from bot.domain.conversations import Command, MessagePosted
from bot.domain.errors import AvatarbotError


@dataclass(frozen=True, slots=True)
class ParseError:
    """What was typed makes no command: one sentence for the person, naming what would."""

    sentence: str


def shown(typed: str, limit: int = 40) -> str:
    """`typed` in quotes for a sentence: on one line and at most `limit` characters."""
    line = " ".join(typed.split())
    return f"“{line if len(line) <= limit else line[: limit - 1] + '…'}”"


COMPARED = 64
"""Characters of a name, and of what was typed, that are compared: the time to compare grows with their product."""

LIKENESS = 0.5
"""The least likeness, 0 to 1, of a name worth suggesting."""


def suggest(typed: str, names: Iterable[str], n: int = 1) -> list[str]:
    """The `n` names most like `typed`, best first; fewer, or none, when nothing is like it. Case does not matter.

    A name that contains what was typed as a part, or begins with it, is always like it.
    """
    wanted = _plain(typed)
    if not wanted:
        return []
    likely = [(_likeness(wanted, _plain(name)), name) for name in dict.fromkeys(names)]
    return [name for likeness, name in sorted(likely, key=lambda pair: -pair[0]) if likeness >= LIKENESS][:n]


def did_you_mean(typed: str, names: Iterable[str], n: int = 1) -> str:
    """` Did you mean “stop”?` with up to `n` names, or `''` when nothing is like it; begins with a space."""
    found = suggest(typed, names, n)
    return f" Did you mean {listed([f'“{name}”' for name in found])}?" if found else ""


def listed(words: Sequence[str], last: str = "or") -> str:
    """`a, b or c`."""
    return f" {last} ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name[: 2 * COMPARED].casefold()))[:COMPARED]


def _likeness(wanted: str, name: str) -> float:
    if name.startswith(wanted):
        return 2 - len(name) / 1000
    if len(wanted) > 2 and wanted in name:
        return 1 - len(name) / 1000
    return SequenceMatcher(None, wanted, name, autojunk=False).ratio()


# ---------------------------------------------------------------- options

Value = str | int | float | tuple[str, ...]
Values = Mapping[str, Value]

_WHOLE = re.compile(r"[+-]?\d{1,15}")
_BETWEEN = re.compile(r",?\s+|,(?=$|<?https?://)")


def validate(verb: Verb, options: Mapping[str, str]) -> Values | ParseError:
    """The options of a command as typed values, in the order of the catalogue, or the first thing that is wrong.

    Empty values count as not given. A number is an int or float, `many` URLs are a tuple, everything else is a stripped text.
    """
    unknown = next((name for name in options if verb.option(name) is None), None)
    if unknown is not None:
        return _no_option(verb, unknown)
    given = {
        option.name: text for name, raw in options.items() if (option := verb.option(name)) and (text := raw.strip())
    }
    values: dict[str, Value] = {}
    for option in verb.options:
        value = _checked(verb, option, given.get(option.name))
        if isinstance(value, ParseError):
            return value
        if value is not None:
            values[option.name] = value
    return values


def _no_option(verb: Verb, name: str) -> ParseError:
    return ParseError(
        f"“{verb.name}” has no option {shown(name)}.{did_you_mean(name, [option.name for option in verb.options])}"
    )


def _checked(verb: Verb, option: Option, text: str | None) -> Value | ParseError | None:
    if text is None:
        if option.required:
            return ParseError(f"“{verb.name}” needs {option.name}. For example: {verb.example}")
        return None
    if len(text) > option.max_length:
        return ParseError(f"“{option.name}” is too long: at most {option.max_length:,} characters, not {len(text):,}.")
    return _CHECKS[option.type](option, text)


def _text(_option: Option, text: str) -> str:
    return text


def _integer(option: Option, text: str) -> int | ParseError:
    if not _WHOLE.fullmatch(text):
        return ParseError(f"“{option.name}” must be a whole number from {_span(option)}, not {shown(text)}.")
    number = int(text)
    return number if _within(option, number) else _outside(option, text)


def _number(option: Option, text: str) -> float | ParseError:
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        return ParseError(f"“{option.name}” must be a number from {_span(option)}, not {shown(text)}.")
    return number if _within(option, number) else _outside(option, text)


def _within(option: Option, number: float) -> bool:
    return option.min is None or option.max is None or option.min <= number <= option.max


def _outside(option: Option, text: str) -> ParseError:
    return ParseError(f"“{option.name}” must be from {_span(option)}, not {shown(text)}.")


def _span(option: Option) -> str:
    return f"{option.min:g} to {option.max:g}"


def _choice(option: Option, text: str) -> str | ParseError:
    wanted = text.casefold()
    if wanted in option.choices:
        return wanted
    hint = did_you_mean(text, option.choices)
    return ParseError(f"“{option.name}” must be {listed(option.choices)}, not {shown(text)}.{hint}")


def _url(option: Option, text: str) -> Value | ParseError:
    addresses = tuple(map(_bare, filter(None, _BETWEEN.split(text)))) if option.many else (_bare(text),)
    for address in addresses:
        if wrong := urls.fault(address):
            return ParseError(f"“{option.name}” {wrong}: {shown(address)}.")
    return addresses if option.many else addresses[0]


def _bare(address: str) -> str:
    """An address without the angle brackets, and a label in them, that people and platforms put around one."""
    return address[1:-1].partition("|")[0] if address.startswith("<") and address.endswith(">") else address


_CHECKS: Mapping[OptionType, Callable[[Option, str], Value | ParseError]] = {
    OptionType.TEXT: _text,
    OptionType.INTEGER: _integer,
    OptionType.NUMBER: _number,
    OptionType.CHOICE: _choice,
    OptionType.URL: _url,
    OptionType.VOICE_CHANNEL: _text,
}


# ---------------------------------------------------------------- free text

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

LONGEST_WORD = 20
"""Characters; a longer message is more than one word."""


def bare_word(said: MessagePosted) -> str:
    """The one word that a message is, as it would be typed as a command; `''` for a longer message."""
    return said.text.casefold().strip(" .!\n") if len(said.text) <= LONGEST_WORD else ""


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

"""What was typed, checked and converted: what passes here is safe to act on or to pay for, and what does not is told with what was meant."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from bot.commands import urls
from bot.commands.catalogue import Option, OptionType, Verb


@dataclass(frozen=True, slots=True)
class ParseError:
    """What was typed makes no command: one sentence for the person, naming what would."""

    sentence: str


def shown(typed: str, limit: int = 40) -> str:
    """`typed` in quotes for a sentence: on one line and at most `limit` characters."""
    line = " ".join(typed.split())
    return f"“{line if len(line) <= limit else line[: limit - 1] + '…'}”"


LONGEST = 64
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
    return "".join(filter(str.isalnum, name[: 2 * LONGEST].casefold()))[:LONGEST]


def _likeness(wanted: str, name: str) -> float:
    if name.startswith(wanted):
        return 2 - len(name) / 1000
    if len(wanted) > 2 and wanted in name:
        return 1 - len(name) / 1000
    return SequenceMatcher(None, wanted, name, autojunk=False).ratio()


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

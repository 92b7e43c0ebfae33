"""The values of a command, checked and converted: what passes here is safe to act on or to pay for."""

import re
from collections.abc import Callable, Mapping

from bot.commands import urls
from bot.commands.errors import ParseError, shown
from bot.commands.suggestions import did_you_mean, listed
from bot.commands.verb import Option, OptionType, Verb

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
}

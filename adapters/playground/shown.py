"""Values of the core as a window shows them."""

from functools import cache

from adapters.playground.wire import OptionShown, VerbShown
from bot.commands.catalogue import CATALOGUE
from bot.commands.verb import Option, Verb


@cache
def shown_verbs() -> tuple[VerbShown, ...]:
    """The catalogue, for the composer."""
    return tuple(_shown_verb(verb) for verb in CATALOGUE.verbs)


def _shown_verb(verb: Verb) -> VerbShown:
    return VerbShown(verb.name, verb.summary, verb.example, tuple(map(_shown_option, verb.options)))


def _shown_option(option: Option) -> OptionShown:
    asks = option.completes is not None
    return OptionShown(
        option.name, option.summary, option.required, option.choices, asks=asks, rest=option.rest, secret=option.secret
    )

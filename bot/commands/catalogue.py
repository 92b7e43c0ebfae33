"""The one catalogue: verbs by name, and what of them a provider can do."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from bot.commands.verb import Option, Verb
from bot.commands.verb_options import DEFAULTS, SETTING, VOICE_PARAMS
from bot.commands.verbs import ALIASES, VERBS
from bot.domain.provider import Offer


class Catalogue:
    """Verbs by name, in their order. `only` makes a smaller one.

    `entries` are first words of names: a verb alone under its own name, the verbs of a group under the group's.
    """

    entries: Mapping[str, tuple[Verb, ...]]

    def __init__(self, verbs: Iterable[Verb]) -> None:
        self._verbs = {verb.name: verb for verb in verbs}
        grouped: dict[str, list[Verb]] = {}
        for verb in self._verbs.values():
            grouped.setdefault(verb.group or verb.name, []).append(verb)
        self.entries = MappingProxyType({entry: tuple(named) for entry, named in grouped.items()})

    @property
    def verbs(self) -> tuple[Verb, ...]:
        return tuple(self._verbs.values())

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._verbs)

    def verb(self, name: str) -> Verb | None:
        """The verb of that name or earlier name, however its case, hyphens and underscores were typed; for a group, its first."""
        wanted = name.casefold().replace("_", "-")
        wanted = ALIASES.get(wanted, wanted)
        return self._verbs.get(wanted) or next(iter(self.entries.get(wanted, ())), None)

    def named(self, name: str) -> str:
        """The name that a verb has today; what is not in the catalogue keeps its own."""
        verb = self.verb(name)
        return verb.name if verb else name

    def offered_by(self, offer: Offer) -> "Catalogue":
        """Without the verbs and options that need what the provider does not have."""
        return Catalogue(_offered(verb, offer) for verb in self.verbs if offer.has(verb.needs))

    def only(self, *entries: str) -> "Catalogue":
        """The verbs whose name or group is named. Raises `KeyError` for one that does not exist."""
        return Catalogue(verb for entry in entries for verb in self.entries[entry])


def _offered(verb: Verb, offer: Offer) -> Verb:
    gone = {option.name for option in (*DEFAULTS, *VOICE_PARAMS) if not offer.has(option.needs)}
    options = (option for option in verb.options if offer.has(option.needs))
    return replace(verb, options=tuple(_without(option, gone) if option is SETTING else option for option in options))


def _without(option: Option, gone: Collection[str]) -> Option:
    return replace(option, choices=tuple(choice for choice in option.choices if choice not in gone))


CATALOGUE = Catalogue(VERBS)

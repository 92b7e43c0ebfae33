"""The names nearest to one that is not known."""

from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher

from bot.domain.conversations import Command, Item, Suggestion

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


def instead(command: Command, suggestions: Iterable[Suggestion]) -> tuple[Item, ...]:
    """The command again with each name that may have been meant, as rows with a button."""
    return tuple(
        Item(s.name, command=Command(command.verb, {**command.options, s.option: s.name})) for s in suggestions
    )


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

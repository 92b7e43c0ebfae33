"""What somebody typed after `/avatar`, from the payload of an interaction."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.discord.application_commands import SUBCOMMAND, SUBCOMMAND_GROUP
from adapters.discord.plain_text import as_value
from bot.commands.verbs import CATALOGUE
from bot.domain.conversations import Command

Payload = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Focus:
    """The option whose value somebody is typing."""

    verb: str
    option: str
    typed: str


def invoked(data: Payload, prose: Callable[[str], str]) -> Command:
    """The command. `prose` turns free text into plain words; other values are as the core takes them."""
    name, options = _leaf(data)
    verb = CATALOGUE.verb(name)
    free = {option.name for option in verb.options if option.rest} if verb else set()
    given = {str(option["name"]): str(option.get("value", "")) for option in options}
    values = {name: prose(value) if name in free else as_value(value) for name, value in given.items()}
    return Command(name, {name: value for name, value in values.items() if value})


def focused(data: Payload) -> Focus | None:
    name, options = _leaf(data)
    for option in options:
        if option.get("focused"):
            return Focus(name, str(option["name"]), str(option.get("value", "")))
    return None


def _leaf(data: Payload) -> tuple[str, Sequence[Payload]]:
    """The verb's name, and what was given for its options."""
    words: list[str] = []
    options: Sequence[Payload] = data.get("options") or ()
    while options and options[0].get("type") in {SUBCOMMAND, SUBCOMMAND_GROUP}:
        words.append(str(options[0]["name"]))
        options = options[0].get("options") or ()
    return " ".join(words), options

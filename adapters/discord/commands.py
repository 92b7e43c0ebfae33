"""The catalogue as Discord's native commands, within Discord's limits; what was typed with them; and their names in our texts.

https://docs.discord.com/developers/interactions/application-commands
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.discord.forms import FORMS
from adapters.discord.text import as_value
from bot.commands.catalogue import Catalogue, Option, OptionType, Verb
from bot.commands.verbs import CATALOGUE, GROUPS
from bot.domain.conversations import Command, ConversationRef

Json = dict[str, Any]

COMMAND = "avatar"
SAY_THIS = "Say this with the avatar"
"""The command in the menu of a message."""

CHAT_INPUT, MESSAGE = 1, 3
SUBCOMMAND, SUBCOMMAND_GROUP = 1, 2
STRING, INTEGER, CHANNEL, NUMBER = 3, 4, 7, 10
VOICE_CHANNEL, STAGE_CHANNEL = 2, 13
IN_SERVERS, IN_DIRECT_MESSAGES = 0, 1

CHOICES_LIMIT = 25
CHOICE_LENGTH = 100
STRING_LENGTH = 6_000
OPTIONS_LIMIT = 25
DESCRIPTION_LENGTH = 100
COMMAND_LENGTH = 8_000

SEND_MESSAGES = 1 << 11
"""Who may use the commands unless a server says otherwise: whoever may write."""

_NAME = re.compile(r"[-_a-z0-9]{1,32}")
_TYPES = {OptionType.INTEGER: INTEGER, OptionType.NUMBER: NUMBER, OptionType.VOICE_CHANNEL: CHANNEL}

Payload = Mapping[str, Any]

_NAMES = "|".join(re.escape(name) for name in sorted(CATALOGUE.names, key=len, reverse=True))
_TYPED = re.compile(rf"(?<![\w/<])/{COMMAND} ({_NAMES})(?![\w-])")


def commands(*, direct_messages: bool = False, catalogue: Catalogue = CATALOGUE) -> list[Json]:
    """All commands of the bot. Raises `ValueError` for what Discord would refuse, and says which limit it breaks."""
    entries = [_entry(name, verbs) for name, verbs in catalogue.entries.items()]
    where = {
        "contexts": [IN_SERVERS, IN_DIRECT_MESSAGES] if direct_messages else [IN_SERVERS],
        "integration_types": [0],
        "default_member_permissions": SEND_MESSAGES,
    }
    built = [
        {
            "type": CHAT_INPUT,
            "name": COMMAND,
            "description": "Live avatars in this channel",
            "options": entries,
            **where,
        },
        {"type": MESSAGE, "name": SAY_THIS, **where},
    ]
    for command in built:
        _hold_to_limits(command)
    return built


def _entry(name: str, verbs: Sequence[Verb]) -> Json:
    if not verbs[0].group:
        return _subcommand(verbs[0])
    return {
        "type": SUBCOMMAND_GROUP,
        "name": name,
        "description": GROUPS.get(name, name),
        "options": [_subcommand(verb) for verb in verbs],
    }


def _subcommand(verb: Verb) -> Json:
    # Discord wants the required ones first. What a form asks for is not required here, or the form could never open.
    shown = (option for option in verb.options if not option.private)
    options = sorted(shown, key=lambda option: not option.required)
    needed = verb.name not in FORMS
    return {
        "type": SUBCOMMAND,
        "name": verb.action,
        "description": verb.summary,
        "options": [_option(option, required=option.required and needed) for option in options],
    }


def _option(option: Option, *, required: bool) -> Json:
    kind = _TYPES.get(option.type, STRING)
    built: Json = {"type": kind, "name": option.name, "description": option.summary}
    if required:
        built["required"] = True
    if option.choices:
        built["choices"] = [{"name": choice, "value": choice} for choice in option.choices]
    if option.completes:
        built["autocomplete"] = True
    if kind == STRING and not option.choices:
        built["max_length"] = min(option.max_length, STRING_LENGTH)
    if kind == CHANNEL:
        built["channel_types"] = [VOICE_CHANNEL, STAGE_CHANNEL]
    if kind != STRING and option.min is not None and option.max is not None:
        whole = int if kind == INTEGER else float
        built |= {"min_value": whole(option.min), "max_value": whole(option.max)}
    return built


# ---------------------------------------------------------------- limits


def _hold_to_limits(command: Json) -> None:
    for fault in faults(command):
        raise ValueError(f"Discord would refuse the command “{command['name']}”: {fault}")


def faults(command: Json) -> Iterator[str]:
    """What Discord would not take of a command, and its OpenAPI file does not say."""
    if command["type"] == CHAT_INPUT:
        yield from _node_faults(command, "/" + command["name"])
    elif not 1 <= len(command["name"]) <= 32:
        yield "the name of a menu command has 1 to 32 characters"
    if (size := _size(command)) > COMMAND_LENGTH:
        yield f"it has {size} characters in all, and {COMMAND_LENGTH} are allowed"


def _node_faults(node: Json, path: str) -> Iterator[str]:
    options = node.get("options", ())
    if not _NAME.fullmatch(node["name"]):
        yield f"{path} is no name of 1 to 32 small letters, digits, - and _"
    if not 1 <= len(node["description"]) <= DESCRIPTION_LENGTH:
        yield f"{path} needs a description of at most {DESCRIPTION_LENGTH} characters"
    if len(options) > OPTIONS_LIMIT:
        yield f"{path} has {len(options)} options, and {OPTIONS_LIMIT} are allowed"
    if len({option["name"] for option in options}) < len(options):
        yield f"{path} has two options of one name"
    if sorted(options, key=lambda option: not option.get("required")) != list(options):
        yield f"{path} has a required option after one that is not"
    yield from _choice_faults(node.get("choices", ()), path)
    if node.get("choices") and node.get("autocomplete"):
        yield f"{path} has both choices and suggestions"
    for option in options:
        yield from _node_faults(option, f"{path} {option['name']}")


def _choice_faults(choices: Sequence[Mapping[str, Any]], path: str) -> Iterator[str]:
    if len(choices) > CHOICES_LIMIT:
        yield f"{path} has {len(choices)} choices, and {CHOICES_LIMIT} are allowed"
    if any(not 1 <= len(str(text)) <= CHOICE_LENGTH for choice in choices for text in choice.values()):
        yield f"{path} has a choice that is empty or has more than {CHOICE_LENGTH} characters"


def _size(node: Json) -> int:
    """Names, descriptions and values of choices, all together."""
    choices = sum(len(choice["name"]) + len(str(choice["value"])) for choice in node.get("choices", ()))
    below = sum(_size(option) for option in node.get("options", ()))
    return len(node["name"]) + len(node.get("description", "")) + choices + below


# ---------------------------------------------------------------- what was typed


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


# ---------------------------------------------------------------- names in texts


class CommandMentions:
    """The id of our command, by server; `''` is the one for everywhere. Until Discord has told, texts stay as they are."""

    def __init__(self) -> None:
        self.ids: dict[str, str] = {}

    def linked(self, text: str, place: ConversationRef) -> str:
        """An escaped text with its commands as `</avatar start:ID>`."""
        found = self.ids.get(place.workspace_id) or self.ids.get("")
        return _TYPED.sub(rf"</{COMMAND} \1:{found}>", text) if found else text

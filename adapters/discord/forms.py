"""A command of the catalogue as a modal, for texts that no slash command has room for, and a filled modal as the command."""

from collections.abc import Iterator, Mapping
from typing import Any

from adapters.discord.custom_ids import form_id, form_verb
from adapters.discord.rendering import button, rows, statement
from bot.commands.buttons import Button, Look
from bot.commands.catalogue import Catalogue, Option, Verb
from bot.commands.parser import asked_form
from bot.commands.verbs import CATALOGUE
from bot.domain.conversations import Command

Json = dict[str, Any]

FORMS = frozenset({"say", "knowledge create", "upload", "account key"})
"""Verbs whose form opens when one of their required options is left out."""

ASKED = "?"
"""As the value of an option of `start` it opens the form of `start`."""

START_FIELDS = ("avatar", "voice", "language", "mode", "knowledge")
"""As many as a form has room for; the other options of `start` are typed."""

INPUTS_LIMIT = 5
TITLE_LENGTH = 45
LABEL_LENGTH = 45
DESCRIPTION_LENGTH = 100
TEXT_LENGTH = 4_000

MODAL = 9
_LABEL, _TEXT_INPUT, _SELECT = 18, 4, 3
_SHORT, _PARAGRAPH = 1, 2


def wanted(command: Command, catalogue: Catalogue = CATALOGUE) -> Verb | None:
    """The verb whose form should open, because the command lacks something that the form asks for."""
    verb = catalogue.verb(command.verb)
    if verb is not None and verb.name == "start":
        return verb if ASKED in command.options.values() else None
    if verb is None or verb.name not in FORMS:
        return None
    return verb if any(option.required and option.name not in command.options for option in verb.options) else None


def asked_for(words: str, catalogue: Catalogue = CATALOGUE) -> Verb | None:
    """The verb whose form a message asks for, if it has one: `start ?`."""
    asked = asked_form(words)
    verb = catalogue.verb(asked.verb) if asked else None
    return verb if verb and verb.name in {"start", *FORMS} else None


def offer(verb: Verb) -> Json:
    """A sentence, and the button that opens the form of a verb: Discord opens none for a message."""
    (body,) = statement(f"Choose the options of “{verb.name}” in a form.")
    opens = Button("Open the form", Command(verb.name), look=Look.PRIMARY)
    return {**body, "components": rows([button(opens, form_id(verb.name))])}


def offered(custom_id: str, catalogue: Catalogue = CATALOGUE) -> Verb | None:
    """The verb whose form the button of an `offer` opens; None for any other button."""
    name = form_verb(custom_id)
    return catalogue.verb(name) if name in {"start", *FORMS} else None


def form(verb: Verb, given: Mapping[str, str]) -> Json:
    """The modal of a verb, with what was typed already. Raises `ValueError` for more than five options."""
    options = [option for option in verb.options if verb.name != "start" or option.name in START_FIELDS]
    if len(options) > INPUTS_LIMIT:
        raise ValueError(f"“{verb.name}” has more options than a form has room for")
    return {
        "custom_id": form_id(verb.name),
        "title": verb.name.replace("-", " ").capitalize()[:TITLE_LENGTH],
        "components": [_labelled(option, given.get(option.name, "").replace(ASKED, "")) for option in options],
    }


def filled(data: Mapping[str, Any]) -> Command | None:
    """What somebody submitted; None for a form that is not ours. Empty fields are left out."""
    verb = form_verb(str(data.get("custom_id", "")))
    if verb is None:
        return None
    given = {str(field["custom_id"]): _value(field) for field in _fields(data)}
    return Command(verb, {name: value for name, value in given.items() if value})


def _labelled(option: Option, given: str) -> Json:
    return {
        "type": _LABEL,
        "label": option.name.replace("_", " ").capitalize()[:LABEL_LENGTH],
        "description": option.summary[:DESCRIPTION_LENGTH],
        "component": _choice(option, given) if option.choices else _text(option, given),
    }


def _choice(option: Option, given: str) -> Json:
    chosen = [{"label": each, "value": each, "default": each == given} for each in option.choices]
    return {"type": _SELECT, "custom_id": option.name, "required": option.required, "options": chosen}


def _text(option: Option, given: str) -> Json:
    limit = min(option.max_length, TEXT_LENGTH)
    text: Json = {
        "type": _TEXT_INPUT,
        "custom_id": option.name,
        "style": _PARAGRAPH if limit > 200 else _SHORT,
        "required": option.required,
        "max_length": limit,
    }
    return text | ({"value": given[:limit]} if given else {})


def _value(field: Mapping[str, Any]) -> str:
    """What was typed, or the one choice of a select."""
    return str(field.get("value") or next(iter(field.get("values") or ()), "")).strip()


def _fields(data: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Inputs and selects, in labels as we send them."""
    for component in data.get("components", ()):
        field = component.get("component")
        if isinstance(field, Mapping) and "custom_id" in field:
            yield field

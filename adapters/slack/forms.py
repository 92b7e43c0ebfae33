"""A verb of the catalogue as a modal, and a filled modal as the command."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.slack.payloads import View
from adapters.slack.rendering import Block, plain, section
from bot.commands.catalogue import Option, OptionType, Verb
from bot.domain.conversations import Choice, Command, ConversationRef

CALLBACK = "form"
CHANNEL = "channel"
"""The block where somebody chooses a channel, in a form opened outside of one."""

TITLE_LIMIT = 24
INPUT_LIMIT = 3_000
LABEL_LIMIT = 75
VALUE_LIMIT = 150
CHOICES_LIMIT = 100


@dataclass(frozen=True, slots=True)
class Filled:
    """A form as submitted: where, what, and the `response_url` of the channel chosen in it, if any."""

    place: ConversationRef
    command: Command
    response_url: str = ""


def form(verb: Verb, place: ConversationRef) -> Block:
    """The modal of a verb. Without a channel in `place` it asks for one."""
    inputs = [_input(option) for option in verb.options]
    where = [] if place.channel_id else [_channel_input()]
    return {
        "type": "modal",
        "callback_id": CALLBACK,
        "private_metadata": _remember(verb.name, place),
        "title": plain(verb.name.replace("-", " ").capitalize(), TITLE_LIMIT),
        "submit": plain(verb.action.replace("-", " ").capitalize(), TITLE_LIMIT),
        "close": plain("Cancel", TITLE_LIMIT),
        "blocks": [section(verb.summary), *where, *inputs],
    }


def remembered(view: View) -> tuple[str, ConversationRef]:
    """The verb and the place that a form was opened for. Raises `ValueError`."""
    kept = json.loads(view.private_metadata)
    return str(kept["verb"]), ConversationRef("slack", str(kept["w"]), str(kept["c"]), str(kept["t"]))


def _remember(verb: str, place: ConversationRef) -> str:
    return json.dumps({"verb": verb, "w": place.workspace_id, "c": place.channel_id, "t": place.thread_id})


def filled(view: View, response_urls: Mapping[str, str]) -> Filled:
    """What somebody submitted. Raises `ValueError` for a form that is not ours."""
    verb, place = remembered(view)
    given = {block: action.given for block, actions in view.state.values.items() for action in actions.values()}
    channel_id = given.pop(CHANNEL, "")
    if channel_id:
        place = ConversationRef(place.platform, place.workspace_id, channel_id)
    return Filled(place, Command(verb, given), response_urls.get(channel_id, ""))


def refused(view: View, sentence: str) -> dict[str, Any]:
    """The answer to a submission that keeps the form open and shows why."""
    first = next(iter(view.state.values), CHANNEL)
    return {"response_action": "errors", "errors": {first: sentence}}


def option_list(choices: Sequence[Choice]) -> dict[str, Any]:
    """The answer to somebody typing into a select. A value too long for Slack cannot be offered."""
    return {"options": [_offered(choice) for choice in choices[:CHOICES_LIMIT] if 0 < len(choice.value) <= VALUE_LIMIT]}


def _offered(choice: Choice) -> Block:
    detail = {"description": plain(choice.detail, LABEL_LIMIT)} if choice.detail else {}
    return {"text": plain(choice.label, LABEL_LIMIT), "value": choice.value, **detail}


# ---------------------------------------------------------------- inputs


def _input(option: Option) -> Block:
    return {
        "type": "input",
        "block_id": option.name,
        "optional": not option.required,
        "label": plain(option.name.replace("_", " ").capitalize()),
        "hint": plain(option.summary),
        "element": {"action_id": option.name, **_element(option)},
    }


def _element(option: Option) -> Block:
    if option.completes:
        return {"type": "external_select", "min_query_length": 0}
    match option.type:
        case OptionType.CHOICE:
            return {"type": "static_select", "options": [_offered(Choice(name, name)) for name in option.choices]}
        case OptionType.NUMBER | OptionType.INTEGER:
            return _number(option)
        case OptionType.URL if not option.many:
            return {"type": "url_text_input"}
        case _:
            limit = min(option.max_length, INPUT_LIMIT)
            return {"type": "plain_text_input", "multiline": limit > 200, "max_length": limit}


def _number(option: Option) -> Block:
    bounds = {"min_value": option.min, "max_value": option.max}
    return {
        "type": "number_input",
        "is_decimal_allowed": option.type is OptionType.NUMBER,
        **{name: f"{bound:g}" for name, bound in bounds.items() if bound is not None},
    }


def _channel_input() -> Block:
    return {
        "type": "input",
        "block_id": CHANNEL,
        "label": plain("Channel"),
        "element": {
            "type": "conversations_select",
            "action_id": CHANNEL,
            "default_to_current_conversation": True,
            "response_url_enabled": True,
        },
    }

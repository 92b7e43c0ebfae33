"""What the fake refuses as Slack does."""

from typing import Any

import pytest

from tests.integration.slack.fake.methods import METHODS, check_blocks, check_view
from tests.integration.slack.fake.reference import Refused
from tests.integration.slack.fake.workspace import Grant, Workspace

BUTTON = {"type": "button", "text": {"type": "plain_text", "text": "Go"}, "action_id": "go"}
INPUT = {"type": "plain_text_input", "action_id": "text", "max_length": 3_000}


def label(text: str) -> dict[str, str]:
    return {"type": "plain_text", "text": text}


def modal(element: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    asks = {"type": "input", "block_id": "text", "label": label("Text"), "element": {**INPUT, **(element or {})}}
    whole = {"type": "modal", "callback_id": "form", "title": label("Say"), "submit": label("Say"), "blocks": [asks]}
    return {**whole, **changes}


@pytest.mark.parametrize(
    "blocks",
    [
        [{"type": "divider", "block_id": "a"}, {"type": "divider", "block_id": "a"}],
        [{"type": "divider", "block_id": "a" * 256}],
        [{"type": "actions", "elements": [BUTTON, BUTTON]}],
        [{"type": "actions", "elements": [BUTTON | {"action_id": "a" * 256}]}],
    ],
)
def test_ids_are_there_once_and_short(blocks: list[dict[str, Any]]) -> None:
    with pytest.raises(Refused, match="invalid_blocks"):
        check_blocks(blocks)


@pytest.mark.parametrize(
    "view",
    [
        modal(title=label("T" * 25)),
        modal(submit=label("S" * 25)),
        modal(callback_id="c" * 256),
        modal(private_metadata="m" * 3_001),
        modal({"max_length": 3_001}),
    ],
)
def test_too_much_of_a_form_is_refused(view: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        check_view(view)


def test_a_form_that_fits_is_taken_once_for_one_trigger() -> None:
    workspace, given = Workspace(), {"trigger_id": "t1", "view": modal()}
    METHODS["views.open"](workspace, Grant(), given)
    with pytest.raises(Refused, match="exchanged_trigger_id"):
        METHODS["views.open"](workspace, Grant(), given)


@pytest.mark.parametrize("method", ["chat.postMessage", "chat.postEphemeral"])
def test_a_message_without_words_is_refused(method: str) -> None:
    with pytest.raises(Refused, match="no_text"):
        METHODS[method](Workspace(), Grant(), {"channel": "C0GENERAL", "user": "U0ANN", "text": ""})


def test_nobody_who_left_is_written_to() -> None:
    workspace = Workspace()
    workspace.users["U0ANN"] = type(workspace.users["U0ANN"])("U0ANN", "Ann", deleted=True)
    with pytest.raises(Refused, match="user_disabled"):
        METHODS["conversations.open"](workspace, Grant(), {"users": "U0ANN"})

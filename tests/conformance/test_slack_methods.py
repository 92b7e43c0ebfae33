"""What we call and expect of Slack's Web API, held against its method reference."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from adapters.slack import client
from adapters.slack.client import READS_FORMS
from adapters.slack.manifest import OPTIONAL_SCOPES, SCOPES
from adapters.slack.publisher import SlackPublisher

ROOT = Path(__file__).parents[2]
METHODS = Path(os.environ.get("SPECS_DIR", ROOT.parent / "shared" / "data")) / "slack" / "slack-api-ref" / "methods"

pytestmark = pytest.mark.skipif(not METHODS.exists(), reason=f"no Slack specifications in {METHODS}")

OURS = sorted(
    {
        name
        for module in ROOT.glob("adapters/slack/*.py")
        for name in re.findall(r'"((?:[a-z]+\.)+[a-z][A-Za-z]+)"', module.read_text())
        if name.split(".")[0]
        in {
            "apps",
            "assistant",
            "auth",
            "chat",
            "conversations",
            "files",
            "oauth",
            "reactions",
            "usergroups",
            "users",
            "views",
        }
        and not name.startswith("message.")
    }
)

# The reference leaves out what every method may answer.
OF_EVERY_METHOD = {"account_inactive", "not_authed", "team_access_not_granted", "token_expired"}


def spec(method: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((METHODS / f"{method}.json").read_text())
    return found


def test_the_methods_we_call_are_found_in_our_code() -> None:
    assert {"chat.postMessage", "users.info", "views.open", "apps.connections.open"} <= set(OURS)


@pytest.mark.parametrize("method", OURS)
def test_a_method_exists_and_reads_what_we_send(method: str) -> None:
    assert bool(spec(method).get("json_input_supported")) != (method in READS_FORMS)


@pytest.mark.parametrize("method", [name for name in OURS if not name.startswith(("oauth", "apps"))])
def test_its_scope_is_asked_for(method: str) -> None:
    scopes = set(spec(method)["scope"].get("bot", []))
    assert not scopes or scopes & {*SCOPES, *OPTIONAL_SCOPES}


def test_edits_stay_within_their_tier() -> None:
    assert spec("chat.update")["rate_limits"] == "t3"
    edits = SlackPublisher.pace.edits_per_second
    assert edits
    assert edits * 60 <= 50


def test_each_refusal_we_know_is_one_of_slacks() -> None:
    known = {code for path in METHODS.glob("*.json") for code in json.loads(path.read_text()).get("errors", {})}
    ours = {*client._PLACE_GONE, *client._MESSAGE_GONE, client.MISSING_SCOPE}
    assert ours - known <= OF_EVERY_METHOD

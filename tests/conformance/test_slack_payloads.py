"""Payloads that python-slack-sdk has recorded from Slack, replayed through the adapter."""

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.domain.conversations import Command, Inbound
from tests.integration.slack.fake import Grant, SlackUser, payloads
from tests.integration.slack.fake.workspace import Channel
from tests.integration.slack.harness import SlackHarness, open_slack

ROOT = Path(__file__).parents[2]
SPECS = Path(os.environ.get("SPECS_DIR", ROOT.parent / "shared" / "data")) / "slack"
RECORDED = SPECS / "python-slack-sdk" / "socket_mode_envelopes.json"
ENVELOPES: list[dict[str, Any]] = json.loads(RECORDED.read_text())["envelopes"] if RECORDED.exists() else []

pytestmark = pytest.mark.skipif(not ENVELOPES, reason=f"no Slack specifications in {RECORDED}")


@pytest.fixture
async def slack() -> AsyncIterator[SlackHarness]:
    """A workspace in which the recorded people and channels exist."""
    async with open_slack(socket=False, grant=Grant(team="T111", bot_user="U111")) as harness:
        workspace = harness.fake.workspace
        for user_id in ("U111", "U222"):
            workspace.users[user_id] = SlackUser(user_id, user_id, team="T111")
        workspace.channels["C111"] = Channel("C111")
        yield harness


def kind_of(envelope: dict[str, Any]) -> str:
    payload = envelope["payload"]
    return str(payload.get("event", {}).get("type") or payload.get("type") or payload.get("command"))


@pytest.mark.parametrize("envelope", ENVELOPES, ids=kind_of)
async def test_a_recorded_payload_is_understood(slack: SlackHarness, envelope: dict[str, Any]) -> None:
    status, _ = await slack.fake.deliver(envelope["type"], envelope["payload"])
    assert status == 200


def recorded(kind: str) -> dict[str, Any]:
    return next(envelope for envelope in ENVELOPES if kind_of(envelope) == kind)


async def only_inbound(slack: SlackHarness, kind: str) -> Inbound:
    envelope = recorded(kind)
    await slack.fake.deliver(envelope["type"], envelope["payload"])
    (inbound,) = slack.core.inbounds
    return inbound


async def test_the_recorded_mention_is_a_call_for_help(slack: SlackHarness) -> None:
    inbound = await only_inbound(slack, "app_mention")
    assert inbound.body == Command("help")
    assert inbound.person.id == recorded("app_mention")["payload"]["event"]["user"]
    assert inbound.place.workspace_id == "T111"


async def test_the_recorded_command_is_one(slack: SlackHarness) -> None:
    inbound = await only_inbound(slack, "/hello-socket-mode")
    assert inbound.body == Command("help")
    assert inbound.place.channel_id == "C111"
    assert inbound.reply_to
    assert inbound.reply_to.handle == recorded("/hello-socket-mode")["payload"]["response_url"]


def test_our_stand_in_sends_what_slack_sends() -> None:
    """Each field of ours stands in what was recorded, but for those that came later."""
    command = payloads.command("U111", "", "C111", "https://hooks.slack.com/1")
    assert set(command) - set(recorded("/hello-socket-mode")["payload"]) <= {"is_enterprise_install"}
    event = payloads.event(payloads.message("U111", "", "C111", "1.0"))
    later = {"context_team_id", "context_enterprise_id"}
    assert set(event) - set(recorded("app_mention")["payload"]) <= later

"""What Slack sends, in the shapes that were recorded from it: see the Socket Mode envelopes of python-slack-sdk."""

import hashlib
import hmac
import itertools
import json
import time
from typing import Any
from urllib.parse import urlencode

from tests.integration.slack.fake.workspace import BOT_USER, TEAM

SIGNING_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
HOOK_FIELDS = {
    "text",
    "blocks",
    "response_type",
    "replace_original",
    "delete_original",
    "thread_ts",
    "unfurl_links",
    "unfurl_media",
}
COMMAND = "slash_commands"
EVENT = "events_api"
INTERACTIVE = "interactive"

_numbers = itertools.count(1)


def signed(body: bytes, secret: str = SIGNING_SECRET, at: int | None = None) -> dict[str, str]:
    stamp = str(at if at is not None else int(time.time()))
    digest = hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}"}


def over_http(kind: str, payload: dict[str, Any]) -> tuple[bytes, str]:
    if kind == EVENT:
        return json.dumps(payload).encode(), "application/json"
    form = payload if kind == COMMAND else {"payload": json.dumps(payload)}
    return urlencode(form).encode(), "application/x-www-form-urlencoded"


def trigger_id() -> str:
    return f"{next(_numbers)}.98234.abcdef"


def event(inner: dict[str, Any], *, team: str = TEAM, enterprise: str | None = None, **beside: Any) -> dict[str, Any]:
    return {
        "token": "verification-token",
        "team_id": team,
        "api_app_id": "A0APP",
        "event": inner,
        "type": "event_callback",
        "event_id": f"Ev{next(_numbers):08d}",
        "event_time": 1_610_241_741,
        "authorizations": [
            {
                "enterprise_id": enterprise,
                "team_id": None if beside.get("org_wide") else team,
                "user_id": BOT_USER,
                "is_bot": True,
                "is_enterprise_install": bool(beside.pop("org_wide", False)),
            }
        ],
        "is_ext_shared_channel": False,
        "context_team_id": team,
        "context_enterprise_id": enterprise,
        "event_context": "4-event",
        **beside,
    }


def message(user: str, text: str, channel: str, ts: str, kind: str = "channel", **more: Any) -> dict[str, Any]:
    return {
        "type": "message",
        "client_msg_id": f"c{next(_numbers)}",
        "user": user,
        "text": text,
        "team": TEAM,
        "channel": channel,
        "channel_type": kind,
        "ts": ts,
        "event_ts": ts,
        **more,
    }


def command(user: str, text: str, channel: str, response_url: str, name: str = "/avatar") -> dict[str, Any]:
    return {
        "token": "verification-token",
        "team_id": TEAM,
        "team_domain": "team",
        "channel_id": channel,
        "channel_name": "general",
        "user_id": user,
        "user_name": user.lower(),
        "command": name,
        "text": text,
        "api_app_id": "A0APP",
        "is_enterprise_install": "false",
        "response_url": response_url,
        "trigger_id": trigger_id(),
    }


def _interaction(kind: str, user: str) -> dict[str, Any]:
    return {
        "type": kind,
        "team": {"id": TEAM, "domain": "team"},
        "user": {"id": user, "username": user.lower(), "name": user.lower(), "team_id": TEAM},
        "api_app_id": "A0APP",
        "token": "verification-token",
        "trigger_id": trigger_id(),
        "enterprise": None,
        "is_enterprise_install": False,
    }


def press(
    user: str, action: dict[str, Any], message: dict[str, Any], channel: str, response_url: str
) -> dict[str, Any]:
    container = {"type": "message", "message_ts": message["ts"], "channel_id": channel, "is_ephemeral": False}
    return _interaction("block_actions", user) | {
        "container": container,
        "channel": {"id": channel, "name": "general"},
        "message": message,
        "response_url": response_url,
        "actions": [{**action, "action_ts": "1610197998.018632"}],
    }


def press_in_view(user: str, action: dict[str, Any], view: dict[str, Any]) -> dict[str, Any]:
    """A button of the home tab or of a modal."""
    return _interaction("block_actions", user) | {
        "container": {"type": "view", "view_id": view.get("id", "V0")},
        "view": view,
        "actions": [{**action, "action_ts": "1610197998.018632"}],
    }


def options(user: str, action_id: str, block_id: str, typed: str, view: dict[str, Any]) -> dict[str, Any]:
    """Somebody types into an external select of a modal. There is no `trigger_id` here."""
    body = _interaction("block_suggestion", user) | {
        "container": {"type": "view", "view_id": view["id"]},
        "action_id": action_id,
        "block_id": block_id,
        "value": typed,
        "view": view,
    }
    del body["trigger_id"]
    return body


def submission(user: str, view: dict[str, Any], values: dict[str, Any], **more: Any) -> dict[str, Any]:
    return _interaction("view_submission", user) | {
        "view": view | {"state": {"values": values}, "hash": "161.abc", "app_installed_team_id": TEAM},
        "response_urls": [],
        **more,
    }


def shortcut(user: str, callback_id: str) -> dict[str, Any]:
    return _interaction("shortcut", user) | {"callback_id": callback_id, "action_ts": "1610198080.300836"}


def message_shortcut(
    user: str, callback_id: str, message: dict[str, Any], channel: str, response_url: str
) -> dict[str, Any]:
    return _interaction("message_action", user) | {
        "callback_id": callback_id,
        "action_ts": "1610198080.300836",
        "message_ts": message["ts"],
        "channel": {"id": channel, "name": "general"},
        "message": message,
        "response_url": response_url,
    }

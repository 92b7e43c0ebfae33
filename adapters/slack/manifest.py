"""The Slack app as code: what is pasted at api.slack.com/apps to create it."""

import json
from typing import Any
from urllib.parse import quote

SCOPES = (
    "app_mentions:read",
    "channels:history",
    "channels:read",
    "chat:write",
    "commands",
    "groups:history",
    "groups:read",
    "im:history",
    "mpim:history",
    "users:read",
)
"""Without one of these something people are promised does not work; `avatarbot doctor` names what is missing."""

OPTIONAL_SCOPES = ("files:write", "im:write", "reactions:write", "usergroups:read")
"""Transcripts as files, answers by direct message, a mark on what was spoken, access by group: each is left out where not granted."""

EVENTS = (
    "app_home_opened",
    "app_mention",
    "app_uninstalled",
    "channel_archive",
    "channel_deleted",
    "channel_left",
    "group_archive",
    "group_deleted",
    "group_left",
    "member_left_channel",
    "message.channels",
    "message.groups",
    "message.im",
    "message.mpim",
    "tokens_revoked",
)

UNDER = "/slack"
EVENTS_PATH = f"{UNDER}/events"
INSTALL_PATH = f"{UNDER}/install"
REDIRECT_PATH = f"{UNDER}/oauth_redirect"

CREATION_PAGE = "https://api.slack.com/apps?new_app=1&manifest_json="
LINK_LIMIT = 8_000
"""Characters of a URL that servers take as a rule; browsers take more."""

SAY_SHORTCUT = "say_with_avatar"
START_SHORTCUT = "start_avatar"


def manifest(command: str = "/avatar", public_url: str | None = None) -> dict[str, Any]:
    """The manifest for Socket Mode, or for HTTP when the service has a public `https` address.

    Passes Slack's published schema, major version 2 (slackapi/manifest-schema).
    """
    base = public_url.rstrip("/") if public_url else None
    return {
        "_metadata": {"major_version": 2},
        "display_information": {
            "name": "Avatarbot",
            "description": "Live video avatars that talk in your channels",
            "background_color": "#1f1b3a",
        },
        "features": _features(command, base),
        "oauth_config": _oauth(base),
        "settings": _settings(base),
    }


def creation_link(manifest: dict[str, Any]) -> str:
    """The page at api.slack.com where an app is created from this manifest. Raises `ValueError` for one too long for a URL."""
    link = CREATION_PAGE + quote(json.dumps(manifest, separators=(",", ":")), safe="")
    if len(link) > LINK_LIMIT:
        raise ValueError(f"the link would have {len(link):,} characters, and {LINK_LIMIT:,} are sure to work")
    return link


def _features(command: str, base: str | None) -> dict[str, Any]:
    slash_command = {
        "command": command,
        "description": "Host a live avatar in this channel",
        "usage_hint": "start | stop | say | interrupt | watch | help",
        "should_escape": True,
    }
    return {
        "bot_user": {"display_name": "Avatarbot", "always_online": True},
        "app_home": {
            "home_tab_enabled": True,
            "messages_tab_enabled": True,
            "messages_tab_read_only_enabled": False,
        },
        "slash_commands": [slash_command | ({"url": base + EVENTS_PATH} if base else {})],
        "shortcuts": [
            {
                "name": "Say with the avatar",  # Slack allows 24 characters
                "type": "message",
                "callback_id": SAY_SHORTCUT,
                "description": "Have the avatar of this conversation say this message",
            },
            {
                "name": "Start an avatar",
                "type": "global",
                "callback_id": START_SHORTCUT,
                "description": "Start a live avatar in a channel",
            },
        ],
    }


def _oauth(base: str | None) -> dict[str, Any]:
    scopes = {"scopes": {"bot": [*SCOPES, *OPTIONAL_SCOPES], "bot_optional": list(OPTIONAL_SCOPES)}}
    return scopes | ({"redirect_urls": [base + REDIRECT_PATH]} if base else {})


def _settings(base: str | None) -> dict[str, Any]:
    events: dict[str, Any] = {"bot_events": list(EVENTS)}
    interactivity: dict[str, Any] = {"is_enabled": True}
    if base:
        events["request_url"] = base + EVENTS_PATH
        interactivity |= {"request_url": base + EVENTS_PATH, "message_menu_options_url": base + EVENTS_PATH}
    return {
        "event_subscriptions": events,
        "interactivity": interactivity,
        "org_deploy_enabled": base is not None,
        "socket_mode_enabled": base is None,
        "token_rotation_enabled": False,
    }

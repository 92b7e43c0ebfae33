"""What Discord sends, as it sends it."""

from datetime import UTC, datetime
from typing import Any

from discord.utils import time_snowflake

Json = dict[str, Any]

BOT, GUILD, CHANNEL = "900000000000000001", "800000000000000001", "700000000000000001"
ANN, BEN = "550000000000000001", "550000000000000002"
TOKEN = "OTAw.y.z"
USER: Json = {
    "id": BOT,
    "username": "avatarbot",
    "discriminator": "0",
    "avatar": None,
    "global_name": None,
    "bot": True,
}
NAMES = {ANN: "Ann", BEN: "Ben"}
FIRST_NUMBER = 500
"""Of an interaction, unless it has its own; below are messages."""
EPOCH_ID = time_snowflake(datetime.now(UTC))
"""Of the first thing that happens: ids tell the time, and this is now."""

_EVERYTHING = "2248473465835073"
_TIME = "2026-01-01T00:00:00+00:00"


def user(person: str) -> Json:
    name = NAMES.get(person, f"Person {person[-6:]}")
    return {"id": person, "username": name.lower(), "discriminator": "0", "avatar": None, "global_name": name}


def member(person: str = "") -> Json:
    """In a message without the user, in an interaction with."""
    found = {"roles": [], "joined_at": _TIME, "deaf": False, "mute": False, "flags": 0}
    return found | {"user": user(person)} if person else found


def own_member() -> Json:
    return member() | {"user": USER}


def message(message_id: str, channel: str, content: str, author: Json) -> Json:
    empty: Json = {name: [] for name in ("mentions", "mention_roles", "attachments", "embeds", "components")}
    times = {"timestamp": _TIME, "edited_timestamp": None}
    return {
        "id": message_id, "channel_id": channel, "content": content, "author": author, "tts": False, "type": 0, "flags": 0,
        "mention_everyone": False, "pinned": False, **times, **empty,
    }  # fmt: skip


def attachment(attachment_id: str, name: str, size: int) -> Json:
    url = f"https://cdn.discordapp.com/attachments/1/{attachment_id}/{name}"
    return {"id": attachment_id, "filename": name, "size": size, "url": url, "proxy_url": url}


def channel(channel_id: str = CHANNEL, name: str = "general", guild_id: str = GUILD) -> Json:
    return {
        "id": channel_id, "type": 0, "name": name, "guild_id": guild_id, "position": 0, "permission_overwrites": [], "nsfw": False,
    }  # fmt: skip


def thread(thread_id: str, parent: Json, name: str) -> Json:
    metadata = {"archived": False, "auto_archive_duration": 1440, "archive_timestamp": _TIME, "locked": False}
    return {
        "id": thread_id, "type": 11, "name": name, "guild_id": parent["guild_id"], "parent_id": parent["id"], "owner_id": BOT,
        "member_count": 1, "message_count": 0, "thread_metadata": metadata, "last_message_id": None, "rate_limit_per_user": 0,
    }  # fmt: skip


def command(verb: str, number: int = FIRST_NUMBER, token: str = "interaction-token", **options: Any) -> Json:
    """`/avatar VERB` of Ann's, as Discord tells it; `number` sets it apart from everything else that happens."""
    kinds = {str: 3, int: 4}
    given = [{"type": kinds[type(value)], "name": name, "value": value} for name, value in options.items()]
    data = {"id": "7", "name": "avatar", "type": 1, "options": [{"type": 1, "name": verb, "options": given}]}
    return _interaction(2, ANN, CHANNEL, number, token) | {"data": data}


def press(shown: Json, custom_id: str, number: int, person: str = ANN) -> Json:
    """A button of a message."""
    data = {"component_type": 2, "custom_id": custom_id, "id": 1}
    return _interaction(3, person, shown["channel_id"], number, f"press-{number}") | {"data": data, "message": shown}


def _interaction(kind: int, person: str, where: str, number: int, token: str) -> Json:
    there = channel(where) | {"permissions": "2048"}
    return {
        "id": str(EPOCH_ID + number), "application_id": BOT, "token": token, "version": 1, "type": kind, "guild_id": GUILD,
        "channel_id": where, "channel": there, "locale": "en-US", "app_permissions": _EVERYTHING, "entitlements": [], "context": 0,
        "member": member(person) | {"permissions": "2048"}, "authorizing_integration_owners": {"0": GUILD},
        "attachment_size_limit": 1_000_000,
    }  # fmt: skip


def guild(guild_id: str = GUILD, channels: int = 1, roles: int = 0, emoji: int = 0) -> Json:
    first = {"id": guild_id, "name": "@everyone", "permissions": _EVERYTHING, "position": 0}
    every: Json = {"color": 0, "hoist": False, "managed": False, "mentionable": False, "flags": 0}
    more = [
        {"id": f"{guild_id[:12]}{100_000 + n}", "name": f"role {n}", "permissions": "0", "position": n}
        for n in range(roles)
    ]
    ids = [CHANNEL if guild_id == GUILD and n == 0 else f"{guild_id[:12]}{n:06}" for n in range(channels)]
    faces = [_face(f"{guild_id[:12]}{200_000 + n}", n) for n in range(emoji)]
    lists: Json = {name: [] for name in ("stickers", "features", "threads", "members", "voice_states")}
    return {
        "id": guild_id, "name": "Team", "owner_id": ANN, "unavailable": False, "member_count": 2, "emojis": faces,
        "roles": [role | every for role in (first, *more)],
        "channels": [channel(id_, f"channel-{id_[-4:]}", guild_id) for id_ in ids],
        "verification_level": 0, "default_message_notifications": 0, "explicit_content_filter": 0, "mfa_level": 0,
        "afk_timeout": 60, "premium_tier": 0, "nsfw_level": 0, "system_channel_flags": 0, "preferred_locale": "en-US",
        "presences": [], "stage_instances": [], "guild_scheduled_events": [], "soundboard_sounds": [], **lists,
    }  # fmt: skip


def _face(emoji_id: str, number: int) -> Json:
    shown = {"available": True, "animated": False, "managed": False, "require_colons": True}
    return {"id": emoji_id, "name": f"face_{number}", "roles": [], **shown}


def application() -> Json:
    owner = {**USER, "id": ANN, "bot": False}
    return {
        "id": BOT, "name": "Avatarbot", "icon": None, "description": "", "bot_public": True, "bot_require_code_grant": False,
        "verify_key": "", "flags": 0, "owner": owner, "team": None,
    }  # fmt: skip


def kept_commands(written: list[Json], guild_id: str = "") -> list[Json]:
    """As Discord gives commands back: with ids and versions, permissions as text, empty lists left out."""
    kept = [{**_kept_option(command), "id": str(7 + n), "version": "1"} for n, command in enumerate(written)]
    for command in kept:
        command["default_member_permissions"] = str(command.get("default_member_permissions", 0))
        if guild_id:
            command |= {"guild_id": guild_id, "contexts": None, "integration_types": [0]}
    return kept


def _kept_option(node: Json) -> Json:
    filled = {name: value for name, value in node.items() if value != []}
    options = [_kept_option(option) for option in node.get("options", ())]
    return {"name_localizations": None, **filled} | ({"options": options} if options else {})

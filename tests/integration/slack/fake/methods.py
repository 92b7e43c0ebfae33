"""The Web API methods that the app uses, with the refusals that matter to it."""

import json
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block

from tests.integration.slack.fake.reference import Refused
from tests.integration.slack.fake.workspace import BOT_ID, Channel, Ephemeral, Grant, Message, Workspace

Arguments = Mapping[str, Any]
Answer = dict[str, Any]


def check_blocks(blocks: Any, limit: int = 50) -> list[dict[str, Any]]:
    found = json.loads(blocks) if isinstance(blocks, str) else list(blocks or [])
    if len(found) > limit:
        raise Refused("msg_blocks_too_many")
    check_ids(found)
    for raw, block in zip(found, Block.parse_all(found), strict=True):
        if block is None:
            raise Refused("invalid_blocks", detail=f"unknown block {raw.get('type')}")
        try:
            block.validate_json()
        except SlackObjectFormationError as wrong:
            raise Refused("invalid_blocks", detail=str(wrong)) from wrong
    return found


def check_ids(blocks: list[dict[str, Any]]) -> None:
    """Those of blocks are there once in a message, those of actions once in a block; 255 characters at most."""
    for ids in (named(blocks, "block_id"), *(named(block.get("elements") or (), "action_id") for block in blocks)):
        if len(ids) > len(set(ids)) or any(not 0 < len(each) <= 255 for each in ids):
            raise Refused("invalid_blocks", detail=f"ids {ids}")


def named(parts: Iterable[Mapping[str, Any]], name: str) -> list[str]:
    return [str(part[name]) for part in parts if name in part]


def says_something(text: str, blocks: list[dict[str, Any]]) -> None:
    if not text and not blocks:
        raise Refused("no_text")


def check_text(text: str, limit: int) -> str:
    if len(text) > limit:
        raise Refused("msg_too_long")
    return text


def writable(workspace: Workspace, channel_id: str) -> Channel:
    channel = workspace.channels.get(channel_id)
    if channel_id.startswith("U") and channel_id in workspace.users:
        channel = workspace.direct(channel_id)
    if channel is None or not channel.exists:
        raise Refused("channel_not_found")
    if channel.archived:
        raise Refused("is_archived")
    if not channel.member:
        raise Refused("not_in_channel")
    return channel


def auth_test(workspace: Workspace, grant: Grant, _: Arguments) -> Answer:
    return {
        "url": "https://team.example/",
        "team": "Team",
        "team_id": grant.team,
        "enterprise_id": grant.enterprise,
        "user": "avatarbot",
        "user_id": grant.bot_user,
        "bot_id": BOT_ID,
        "is_enterprise_install": grant.org_wide,
    }


def post_message(workspace: Workspace, grant: Grant, args: Arguments) -> Answer:
    channel = writable(workspace, args["channel"])
    thread_ts = args.get("thread_ts") or None
    text, blocks = check_text(args.get("text") or "", 40_000), check_blocks(args.get("blocks"))
    says_something(text, blocks)
    metadata = args.get("metadata")
    metadata = json.loads(metadata) if isinstance(metadata, str) else metadata
    if metadata and not {"event_type", "event_payload"} <= set(metadata):
        raise Refused("invalid_metadata_format")
    message = workspace.add(Message(channel.id, workspace.next_ts(), grant.bot_user, text, blocks, thread_ts, metadata))
    return {"channel": channel.id, "ts": message.ts, "message": as_json(message)}


def own(workspace: Workspace, grant: Grant, channel: str, ts: str, verb: str) -> Message:
    message = workspace.message(channel, ts)
    if message is None:
        raise Refused("message_not_found")
    if message.author != grant.bot_user:
        raise Refused(f"cant_{verb}_message")
    return message


def update(workspace: Workspace, grant: Grant, args: Arguments) -> Answer:
    channel = writable(workspace, args["channel"])
    message = own(workspace, grant, channel.id, args["ts"], "update")
    text, blocks = check_text(args.get("text") or "", 4_000), check_blocks(args.get("blocks"))
    says_something(text, blocks)
    message.text, message.blocks = text, blocks
    message.edits += 1
    return {"channel": channel.id, "ts": message.ts, "text": message.text}


def post_ephemeral(workspace: Workspace, _: Grant, args: Arguments) -> Answer:
    channel = writable(workspace, args["channel"])
    if args["user"] not in workspace.users:
        raise Refused("user_not_in_channel")
    text, blocks = check_text(args.get("text") or "", 40_000), check_blocks(args.get("blocks"))
    says_something(text, blocks)
    workspace.ephemerals.append(Ephemeral(channel.id, args["user"], text, tuple(blocks), args.get("thread_ts")))
    return {"message_ts": workspace.next_ts()}


def conversations_open(workspace: Workspace, _: Grant, args: Arguments) -> Answer:
    user = workspace.users.get(args["users"])
    if user is None:
        raise Refused("user_not_found")
    if user.deleted:
        raise Refused("user_disabled")
    return {"channel": {"id": workspace.direct(args["users"]).id}}


READ_SCOPES = {"channel": "channels:read", "group": "groups:read", "im": "im:read", "mpim": "mpim:read"}


def conversations_info(workspace: Workspace, grant: Grant, args: Arguments) -> Answer:
    """Each kind of conversation has a scope of its own, and what is not public exists for its members only."""
    channel = workspace.channels.get(args["channel"])
    if channel is None or not (channel.member or channel.kind == "channel"):
        raise Refused("channel_not_found")
    if (needed := READ_SCOPES[channel.kind]) not in grant.scopes:
        raise Refused("missing_scope", needed=needed, provided=",".join(sorted(grant.scopes)))
    kinds = {f"is_{kind}": channel.kind == kind for kind in READ_SCOPES}
    return {"channel": {"id": channel.id, "name": channel.name, "is_private": channel.kind != "channel", **kinds}}


def replies(workspace: Workspace, _: Grant, args: Arguments) -> Answer:
    writable(workspace, args["channel"])
    found = workspace.in_thread(args["channel"], args["ts"])
    if not found:
        raise Refused("thread_not_found")
    return page(found, args)


def history(workspace: Workspace, _: Grant, args: Arguments) -> Answer:
    writable(workspace, args["channel"])
    return page(workspace.in_channel(args["channel"])[::-1], args)


def page(found: list[Message], args: Arguments) -> Answer:
    """What is younger than `oldest`, from the cursor on, no more than the limit."""
    try:
        oldest, start, limit = Decimal(args.get("oldest", "0")), int(args.get("cursor", 0)), int(args.get("limit", 100))
    except ArithmeticError:
        raise Refused("invalid_ts_oldest") from None
    except ValueError:
        raise Refused("invalid_cursor") from None
    young = [message for message in found if Decimal(message.ts) > oldest]
    end = start + min(limit, 999)
    cursor = {"response_metadata": {"next_cursor": str(end)}} if end < len(young) else {}
    return {"messages": [listed(message, args) for message in young[start:end]], "has_more": bool(cursor), **cursor}


def listed(message: Message, args: Arguments) -> Answer:
    """Metadata comes only when asked for."""
    body = as_json(message)
    if str(args.get("include_all_metadata", "")).lower() not in ("true", "1"):
        body.pop("metadata", None)
    return body


def users_info(workspace: Workspace, grant: Grant, args: Arguments) -> Answer:
    user = workspace.users.get(args["user"])
    if user is None:
        raise Refused("user_not_found")
    profile = {"display_name": user.name, "real_name": f"{user.name} Example"}
    flags = {"is_admin": user.admin, "is_owner": False, "is_restricted": user.guest, "is_ultra_restricted": False}
    body = {"id": user.id, "team_id": user.team, "name": user.name.lower(), "profile": profile, "deleted": user.deleted}
    if user.enterprise:
        body["enterprise_user"] = {"id": user.id, "enterprise_id": user.enterprise, "teams": list(user.teams)}
    return {"user": body | flags}


def usergroups_list(workspace: Workspace, grant: Grant, args: Arguments) -> Answer:
    """Of one team: an organisation's token has to say which."""
    team = args.get("team_id") if grant.org_wide else grant.team
    if not team:
        raise Refused("missing_argument")
    with_users = str(args.get("include_users", "")).lower() in ("true", "1")
    shown = [group for group in workspace.groups if group["team_id"] == team]
    return {"usergroups": [{name: group[name] for name in group if name != "users" or with_users} for group in shown]}


def reactions_add(workspace: Workspace, _: Grant, args: Arguments) -> Answer:
    message = workspace.message(args["channel"], args["timestamp"])
    if message is None:
        raise Refused("message_not_found")
    if args["name"] in message.reactions:
        raise Refused("already_reacted")
    message.reactions.append(args["name"])
    return {}


def set_status(workspace: Workspace, _: Grant, args: Arguments) -> Answer:
    workspace.statuses.append(dict(args))
    return {}


def check_view(view: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(view) if isinstance(view, str) else dict(view)
    check_blocks(found.get("blocks"), limit=100)
    if found.get("type") == "modal":
        for part in ("title", *(each for each in ("submit", "close") if each in found)):
            if not 0 < len(found[part]["text"]) <= 24:
                raise Refused("invalid_arguments", detail=part)
    if any(part.get("max_length", 0) > 3_000 for part in elements(found)):
        raise Refused("invalid_arguments", detail="max_length")
    if len(set(named(elements(found), "action_id"))) < len(named(elements(found), "action_id")):
        raise Refused("invalid_arguments", detail="action_id")
    if len(found.get("callback_id", "")) > 255:
        raise Refused("invalid_arguments", detail="callback_id")
    if len(found.get("private_metadata", "")) > 3_000:
        raise Refused("invalid_arguments", detail="private_metadata")
    return found


def elements(view: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The inputs of a view."""
    return [block["element"] for block in view.get("blocks") or () if "element" in block]


def views_open(workspace: Workspace, _: Grant, args: Arguments) -> Answer:
    """What somebody did opens one view."""
    if not args.get("trigger_id"):
        raise Refused("invalid_arguments")
    if args["trigger_id"] in workspace.triggers_used:
        raise Refused("exchanged_trigger_id")
    workspace.triggers_used.add(args["trigger_id"])
    view = check_view(args["view"]) | {"id": f"V{len(workspace.views)}", "team_id": "T0TEAM"}
    workspace.views.append(view)
    return {"view": view}


def views_publish(workspace: Workspace, _: Grant, args: Arguments) -> Answer:
    workspace.homes[args["user_id"]] = check_view(args["view"])
    return {"view": workspace.homes[args["user_id"]]}


def complete_upload(workspace: Workspace, grant: Grant, args: Arguments) -> Answer:
    files = json.loads(args["files"]) if isinstance(args["files"], str) else args["files"]
    names = [workspace.uploads[file["id"]][0] for file in files]
    if channel_id := args.get("channel_id"):
        channel = writable(workspace, channel_id)
        text = args.get("initial_comment") or ""
        message = Message(channel.id, workspace.next_ts(), grant.bot_user, text, thread_ts=args.get("thread_ts"))
        message.files = names
        workspace.add(message)
    return {"files": [{"id": file["id"]} for file in files]}


def as_json(message: Message) -> dict[str, Any]:
    body: dict[str, Any] = {
        "type": "message",
        "user": message.author,
        "ts": message.ts,
        "text": message.text,
        "blocks": message.blocks,
    }
    if message.thread_ts:
        body["thread_ts"] = message.thread_ts
    if message.metadata:
        body["metadata"] = message.metadata
    return body


METHODS: Mapping[str, Callable[[Workspace, Grant, Arguments], Answer]] = {
    "assistant.threads.setStatus": set_status,
    "auth.test": auth_test,
    "chat.postEphemeral": post_ephemeral,
    "chat.postMessage": post_message,
    "chat.update": update,
    "conversations.history": history,
    "conversations.info": conversations_info,
    "conversations.open": conversations_open,
    "conversations.replies": replies,
    "files.completeUploadExternal": complete_upload,
    "reactions.add": reactions_add,
    "usergroups.list": usergroups_list,
    "users.info": users_info,
    "views.open": views_open,
    "views.publish": views_publish,
}

"""What Slack sends, as typed values: only the fields that are read, and whatever else passes unseen."""

from dataclasses import dataclass
from typing import Any

import msgspec

Blocks = list[dict[str, Any]]


# ---------------------------------------------------------------- events


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """A message as it stands inside an event about it, a shortcut or a button press."""

    ts: str = ""
    user: str = ""
    text: str = ""
    blocks: Blocks = []
    attachments: Blocks = []
    thread_ts: str = ""
    subtype: str = ""
    bot_id: str = ""


class MessageEvent(msgspec.Struct, frozen=True, kw_only=True):
    """`message` in all its subtypes, and `app_mention`."""

    channel: str
    ts: str
    channel_type: str = ""
    subtype: str = ""
    user: str = ""
    text: str = ""
    blocks: Blocks = []
    attachments: Blocks = []
    thread_ts: str = ""
    bot_id: str = ""
    user_team: str = ""
    hidden: bool = False
    message: Text | None = None
    previous_message: Text | None = None
    deleted_ts: str = ""


class ChannelEvent(msgspec.Struct, frozen=True, kw_only=True):
    """`channel_left`, `channel_archive`, `channel_deleted` and their likes for private channels."""

    channel: str


class MemberEvent(msgspec.Struct, frozen=True, kw_only=True):
    """`member_left_channel`."""

    channel: str
    user: str = ""


class HomeOpened(msgspec.Struct, frozen=True, kw_only=True):
    user: str
    channel: str = ""
    tab: str = "home"


# ---------------------------------------------------------------- commands and interactivity


class SlashCommand(msgspec.Struct, frozen=True, kw_only=True):
    command: str
    channel_id: str
    user_id: str
    trigger_id: str
    text: str = ""
    response_url: str = ""


class User(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str = ""
    team_id: str = ""


class ChannelInfo(msgspec.Struct, frozen=True, kw_only=True):
    id: str


class Picked(msgspec.Struct, frozen=True, kw_only=True):
    value: str = ""


class BlockAction(msgspec.Struct, frozen=True, kw_only=True):
    """A press or a choice. `value` for a button, the selected ones for selects and inputs."""

    action_id: str = ""
    block_id: str = ""
    type: str = ""
    value: str | None = None
    selected_option: Picked | None = None
    selected_conversation: str | None = None

    @property
    def given(self) -> str:
        picked = self.selected_option.value if self.selected_option else self.selected_conversation
        return self.value or picked or ""


class State(msgspec.Struct, frozen=True, kw_only=True):
    values: dict[str, dict[str, BlockAction]] = {}


class View(msgspec.Struct, frozen=True, kw_only=True):
    id: str = ""
    callback_id: str = ""
    private_metadata: str = ""
    state: State = State()


class ResponseUrl(msgspec.Struct, frozen=True, kw_only=True):
    channel_id: str = ""
    response_url: str = ""


class Interaction(msgspec.Struct, frozen=True, kw_only=True):
    """`block_actions`, `block_suggestion`, `shortcut`, `message_action` or `view_submission`."""

    type: str
    user: User
    trigger_id: str = ""
    callback_id: str = ""
    action_id: str = ""
    block_id: str = ""
    value: str = ""
    response_url: str = ""
    response_urls: list[ResponseUrl] = []
    channel: ChannelInfo | None = None
    message: Text | None = None
    view: View | None = None
    actions: list[BlockAction] = []


@dataclass(frozen=True, slots=True)
class InboundContext:
    """Where a payload came from: the workspace, and the bot's own id in it.

    Where the workspace is a whole organisation, `team_id` is that of its teams in which it happened.
    """

    workspace_id: str
    own_id: str
    team_id: str = ""

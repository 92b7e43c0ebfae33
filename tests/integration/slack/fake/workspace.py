"""What a Slack workspace holds: people, channels, messages, files, views."""

import time
from dataclasses import dataclass, field, replace
from typing import Any

from adapters.slack.manifest import OPTIONAL_SCOPES, SCOPES

BOT_USER = "U0BOT"
BOT_ID = "B0BOT"
TEAM = "T0TEAM"
BOT_TOKEN = "xoxb-test"

ALL_SCOPES = frozenset(SCOPES + OPTIONAL_SCOPES)


@dataclass(frozen=True)
class Grant:
    """What a token may do, where and as whom."""

    team: str = TEAM
    enterprise: str | None = None
    org_wide: bool = False
    scopes: frozenset[str] = ALL_SCOPES
    bot_user: str = BOT_USER
    expired: bool = False
    revoked: bool = False


@dataclass(frozen=True)
class SlackUser:
    id: str
    name: str
    team: str = TEAM
    admin: bool = False
    guest: bool = False
    deleted: bool = False
    teams: tuple[str, ...] = ()  # in a grid: the workspaces that they belong to
    enterprise: str = ""


@dataclass
class Channel:
    id: str
    name: str = "general"
    kind: str = "channel"  # channel, group, im, mpim
    member: bool = True
    archived: bool = False
    exists: bool = True


@dataclass
class Message:
    """`author` is a user id; the bot's own messages have its user id."""

    channel: str
    ts: str
    author: str
    text: str
    blocks: list[dict[str, Any]] = field(default_factory=list)
    thread_ts: str | None = None
    metadata: dict[str, Any] | None = None
    reactions: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    edits: int = 0


@dataclass(frozen=True)
class Ephemeral:
    channel: str
    user: str
    text: str
    blocks: tuple[dict[str, Any], ...] = ()
    thread_ts: str | None = None


@dataclass
class Hook:
    """A `response_url`."""

    channel: str
    user: str
    uses: int = 5
    expired: bool = False


class Workspace:
    def __init__(self) -> None:
        self.users = {
            user.id: user
            for user in (
                SlackUser("U0ANN", "Ann"),
                SlackUser("U0BEN", "Ben"),
                SlackUser("U0ADA", "Ada", admin=True),
                SlackUser("U0GUEST", "Guest", guest=True),
                SlackUser(BOT_USER, "Avatarbot"),
            )
        }
        self.channels = {"C0GENERAL": Channel("C0GENERAL"), "C0OTHER": Channel("C0OTHER", "other", member=False)}
        self.messages: list[Message] = []
        self.ephemerals: list[Ephemeral] = []
        self.hooks: dict[str, Hook] = {}
        self.views: list[dict[str, Any]] = []
        self.triggers_used: set[str] = set()
        self.homes: dict[str, dict[str, Any]] = {}
        self.statuses: list[dict[str, Any]] = []
        self.groups = [{"id": "S0OPS", "handle": "ops", "users": ["U0BEN"], "team_id": TEAM}]
        self.uploads: dict[str, tuple[str, bytes]] = {}
        self._last_ts = 0

    def next_ts(self) -> str:
        """The time, as the id of a message: none has it twice."""
        self._last_ts = max(self._last_ts + 1, time.time_ns() // 1000)
        seconds, micros = divmod(self._last_ts, 1_000_000)
        return f"{seconds}.{micros:06d}"

    def message(self, channel: str, ts: str) -> Message | None:
        return next((m for m in self.messages if (m.channel, m.ts) == (channel, ts)), None)

    def in_channel(self, channel: str) -> list[Message]:
        return [m for m in self.messages if m.channel == channel and m.thread_ts in (None, m.ts)]

    def in_thread(self, channel: str, thread_ts: str) -> list[Message]:
        return [m for m in self.messages if m.channel == channel and thread_ts in (m.thread_ts, m.ts)]

    def direct(self, user: str) -> Channel:
        """The conversation between the bot and somebody."""
        channel_id = "D" + user.removeprefix("U")
        return self.channels.setdefault(channel_id, Channel(channel_id, "", "im"))

    def add(self, message: Message) -> Message:
        self.messages.append(message)
        return message

    def rename(self, user_id: str, name: str) -> None:
        self.users[user_id] = replace(self.users[user_id], name=name)

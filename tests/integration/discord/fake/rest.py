"""Discord's REST: what it keeps, what it answers, and what it would not have taken."""

import asyncio
import re
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

from tests.integration.discord.fake import payloads
from tests.integration.discord.fake.limits import LONG, Limits
from tests.integration.discord.fake.payloads import ANN, BOT, CHANNEL, EPOCH_ID, GUILD, TOKEN, USER, Json
from tests.integration.discord.openapi import known_api, limits

SESSIONS_OF_A_DAY, DAY_S = 1_000, 86_400.0
FOLLOWED_UP_WITHIN_S = 900.0
"""Since the client was told of an interaction."""


def direct_with(person: str) -> str:
    """The id of the bot's channel of direct messages with somebody."""
    return f"71{person[2:]}"


@dataclass
class Answer:
    """What a call gets instead of its usual answer; `reset` breaks the connection, `slow` lets it wait so many seconds."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    reset: bool = False
    slow: float = 0.0


@dataclass
class Call:
    method: str
    path: str
    body: Any = None
    files: tuple[str, ...] = ()
    contents: tuple[bytes, ...] = ()
    query: dict[str, str] = field(default_factory=dict)
    token: str = ""
    status: int = 0
    """What it was answered with."""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def refuse(status: int, code: int) -> Answer:
    return Answer(status, {"code": code, "message": "no"})


@dataclass
class FakeRest:
    """`complaints` is what Discord would have refused, or what would be a fault even if it were taken. `limits` are those with
    long windows, unless others are given."""

    token: str = TOKEN
    shards: int = 1
    max_concurrency: int = 1
    """Shards of as many remainders may identify at once."""
    sessions_left: int = 999
    """Of new sessions on the gateway; each takes one, and they count anew when `sessions_reset_ms` have passed since they were asked for."""
    sessions_reset_ms: float = 80_000_000.0
    limits: Limits = field(default_factory=lambda: Limits(LONG))
    judged: bool = True
    """Whether bodies are held against Discord's OpenAPI file."""
    calls: list[Call] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    script: dict[str, deque[Answer]] = field(default_factory=dict)
    channels: dict[str, Json] = field(default_factory=lambda: {CHANNEL: payloads.channel()})
    messages: dict[str, Json] = field(default_factory=dict)
    nonces: dict[str, Json] = field(default_factory=dict)
    commands: list[Json] = field(default_factory=list)
    guild_commands: dict[str, list[Json]] = field(default_factory=dict)
    reactions: Counter[str] = field(default_factory=Counter)
    acknowledged: set[str] = field(default_factory=set)
    acknowledged_within_s: float = 15.0
    """Since the client was told. Discord says 3, within which one process alone may not be done where a machine has much to do."""
    asked: dict[str, float] = field(default_factory=dict)
    """When the client was told of an interaction, by its token."""
    events: deque[tuple[str, Json]] = field(default_factory=lambda: deque(maxlen=1_000))
    """What has to be told on the gateway because of these calls, the bot's own messages and edits too."""
    left: set[str] = field(default_factory=set)
    """People who are in no server any more."""
    refused: list[str] = field(default_factory=list)
    """Calls that came too fast, each with the limit that it met."""
    said: int = 0
    _sessions_until: float | None = None

    def next_answers(self, call: str, *answers: Answer) -> None:
        """`call` as in `POST /channels/1/messages`, a regular expression."""
        self.script.setdefault(call, deque()).extend(answers)

    def made(self, call: str) -> list[Call]:
        return [each for each in self.calls if re.fullmatch(call, str(each))]

    def texts(self, channel: str) -> list[str]:
        """What the bot has written in a channel, oldest first."""
        found = [m for m in self.messages.values() if m["channel_id"] == channel and m["author"]["id"] == BOT]
        return [str(message["content"]) for message in sorted(found, key=lambda m: int(m["id"]))]

    def message(self, content: str, person: str = ANN, channel: str = CHANNEL) -> Json:
        """A message of somebody's, not told on the gateway yet."""
        self.said += 1
        made = payloads.message(str(EPOCH_ID + self.said), channel, content, payloads.user(person))
        made["member"], made["guild_id"] = payloads.member(), self.channels[channel].get("guild_id", GUILD)
        self.messages[made["id"]] = made
        return made

    # ------------------------------------------------------------ answering

    def answer(self, call: Call) -> Answer:
        self.calls.append(call)
        answer = self._answered(call)
        call.status = answer.status
        return answer

    def _answered(self, call: Call) -> Answer:
        if self.judged:
            self.complaints += _faults(call)
        for pattern, answers in self.script.items():
            if answers and re.fullmatch(pattern, str(call)):
                return answers.popleft()
        if not call.path.startswith(("/interactions", "/webhooks")) and call.token != f"Bot {self.token}":
            return Answer(401, {"code": 0, "message": "401: Unauthorized"})
        verdict = self.limits.judge(str(call))
        if verdict.refused:
            self.refused.append(f"{call}: {verdict.headers}")
            return Answer(429, verdict.refused, verdict.headers)
        found = self._usual(call)
        found.headers |= verdict.headers
        return found

    def _usual(self, call: Call) -> Answer:  # noqa: PLR0911, PLR0912 - a table of calls
        match call.method, call.path.strip("/").split("/"):
            case "GET", ["users", "@me"]:
                return Answer(200, USER)
            case "GET", ["users", "@me", "guilds"]:
                return Answer(200, [])
            case "GET", ["oauth2", "applications", "@me"]:
                return Answer(200, payloads.application())
            case "GET", ["gateway", "bot"]:
                limit = {
                    "total": SESSIONS_OF_A_DAY,
                    "remaining": self.sessions_left,
                    "reset_after": self._sessions_reset(),
                }
                limit["max_concurrency"] = self.max_concurrency
                address = {"url": "wss://gateway.discord.gg", "shards": self.shards}
                return Answer(200, address | {"session_start_limit": limit})
            case "POST", ["users", "@me", "channels"]:
                channel = direct_with(call.body["recipient_id"])
                return Answer(200, self.channels.setdefault(channel, {"id": channel, "type": 1}))
            case _, ["applications", _, *where, "commands"]:
                return self._commands(call, where[-1] if where else "")
            case _, ["channels", channel, *rest]:
                return self._channel(call, channel, rest) if channel in self.channels else refuse(404, 10003)
            case "GET", ["guilds", _, "members", person]:
                return refuse(404, 10007) if person in self.left else Answer(200, payloads.member(person))
            case "GET", ["guilds", guild_id, "roles"]:
                return self._roles(guild_id)
            case "PATCH", ["guilds", _, "voice-states", "@me"]:
                return Answer(204)
            case "POST", ["interactions", _, token, "callback"]:
                return self._callback(token)
            case _, ["webhooks", _, token, *rest]:
                return self._follow_up(call, token, rest)
            case _:
                self.complaints.append(f"{call} is not known here")
                return refuse(404, 0)

    def take_session(self) -> bool:
        """Whether a new session may begin on the gateway. Of one too many Discord takes the bot's token away."""
        self._sessions_reset()
        self.sessions_left -= 1
        return self.sessions_left >= 0

    def _sessions_reset(self) -> int:
        """In how many milliseconds they count anew."""
        now = asyncio.get_running_loop().time()
        if self._sessions_until is None:
            self._sessions_until = now + self.sessions_reset_ms / 1_000
        if now >= self._sessions_until:
            self.sessions_left, self._sessions_until = SESSIONS_OF_A_DAY, now + DAY_S
        return round((self._sessions_until - now) * 1_000)

    def _commands(self, call: Call, guild_id: str) -> Answer:
        there = self.guild_commands.setdefault(guild_id, []) if guild_id else self.commands
        if call.method == "PUT":
            there[:] = payloads.kept_commands(call.body, guild_id)
        return Answer(200, list(there))

    # ------------------------------------------------------------ channels and messages

    def _channel(self, call: Call, channel: str, rest: list[str]) -> Answer:
        match call.method, rest:
            case "GET", []:
                return Answer(200, self.channels[channel])
            case "POST", ["typing"]:
                return Answer(204)
            case "POST", ["messages"]:
                return self._post(channel, call)
            case "GET", ["messages"]:
                return Answer(200, self._history(channel, call.query))
            case _, ["messages", message, *more]:
                found = self.messages.get(message)
                return self._message(call, found, more) if found else refuse(404, 10008)
            case _:
                return refuse(404, 0)

    def _post(self, channel: str, call: Call) -> Answer:
        """With `enforce_nonce` the same nonce gives the same message, even one that was deleted meanwhile."""
        body = call.body
        if not (body.get("content") or body.get("embeds") or call.files):
            return refuse(400, 50006)
        if found := self.nonces.get(body.get("nonce", "")):
            return Answer(200, found)
        if self._refers_to_nothing(channel, body.get("message_reference")):
            return refuse(400, 50035)
        self.said += 1
        made = payloads.message(str(EPOCH_ID + self.said), channel, body.get("content", ""), USER)
        made |= {name: body[name] for name in ("embeds", "components", "flags") if name in body}
        files = zip(call.files, call.contents, strict=True)
        made["attachments"] = [payloads.attachment(str(n), name, len(data)) for n, (name, data) in enumerate(files)]
        self.messages[made["id"]] = self.nonces[body.get("nonce", made["id"])] = made
        self._tell("MESSAGE_CREATE", made)
        return Answer(200, made)

    def _refers_to_nothing(self, channel: str, reference: Json | None) -> bool:
        """A reply has to be to a message of the same channel, unless it says that this does not matter."""
        if reference is None or not reference.get("fail_if_not_exists", True):
            return False
        return self.messages.get(str(reference["message_id"]), {}).get("channel_id") != channel

    def _tell(self, event: str, message: Json) -> None:
        if guild_id := self.channels[message["channel_id"]].get("guild_id"):
            self.events.append((event, message | {"guild_id": guild_id, "member": payloads.member()}))

    def _history(self, channel: str, query: dict[str, str]) -> list[Json]:
        """The newest first; those right after `after`, or right before `before`."""
        after, before = int(query.get("after", 0)), int(query.get("before", 1 << 63))
        limit = int(query.get("limit", 50))
        found = [m for m in self.messages.values() if m["channel_id"] == channel and after < int(m["id"]) < before]
        found.sort(key=lambda m: int(m["id"]))
        return (found[:limit] if "after" in query else found[-limit:])[::-1]

    def _message(self, call: Call, message: Json, more: list[str]) -> Answer:
        match call.method, more:
            case "PATCH", []:
                return self._edit(message, call.body)
            case "DELETE", []:
                del self.messages[message["id"]]
                return Answer(204)
            case "PUT", ["reactions", emoji, "@me"]:
                self.reactions[f"{message['id']} {emoji}"] += 1
                return Answer(204)
            case "POST", ["threads"]:
                return self._open_thread(message, call.body["name"])
            case _:
                return refuse(404, 0)

    def _edit(self, message: Json, body: Json) -> Answer:
        """Only what is the bot's own, and not so that nothing is left."""
        if message["author"]["id"] != BOT:
            return refuse(403, 50005)
        parts = ("content", "embeds", "attachments", "components")
        if not any((message | body).get(part) for part in parts):
            return refuse(400, 50006)
        message |= body
        self._tell("MESSAGE_UPDATE", message)
        return Answer(200, message)

    def _open_thread(self, message: Json, name: str) -> Answer:
        """A thread has its message's id."""
        if message["id"] in self.channels:
            return refuse(400, 160004)
        parent = self.channels[message["channel_id"]]
        self.channels[message["id"]] = payloads.thread(message["id"], parent, name)
        self.events.append(("THREAD_CREATE", self.channels[message["id"]]))
        return Answer(201, self.channels[message["id"]])

    def _roles(self, guild_id: str) -> Answer:
        """Of a server that the bot is in; the first is everyone's and has its id."""
        there = any(channel.get("guild_id") == guild_id for channel in self.channels.values())
        return Answer(200, payloads.guild(guild_id)["roles"]) if there else refuse(404, 10004)

    # ------------------------------------------------------------ interactions

    def _callback(self, token: str) -> Answer:
        if token in self.acknowledged:
            return refuse(400, 40060)
        if self._age(token) > self.acknowledged_within_s:
            return refuse(404, 10062)
        self.acknowledged.add(token)
        return Answer(204)

    def _age(self, token: str) -> float:
        now = asyncio.get_running_loop().time()
        return now - self.asked.get(token, now)

    def _follow_up(self, call: Call, token: str, rest: list[str]) -> Answer:
        if token not in self.acknowledged:
            return refuse(404, 10015)
        if self._age(token) > FOLLOWED_UP_WITHIN_S:
            return refuse(401, 50027)
        if not rest and call.method != "POST":
            return refuse(404, 0)
        return Answer(200, payloads.message(str(EPOCH_ID), CHANNEL, call.body.get("content", ""), USER))


def _faults(call: Call) -> list[str]:
    if call.body is None:
        return []
    api = known_api()
    found = api.faults(call.method, call.path, call.body) if api else list(limits(call.path, call.body))
    described = [each["filename"] for each in call.body.get("attachments", ())] if call.files else []
    if described != list(call.files):
        found.append(f"files {call.files} are described as {described}")
    return [f"{call}: {fault}" for fault in found]

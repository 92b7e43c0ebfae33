"""Discord's gateway and REST on this machine, over TLS and under Discord's own names: production code is unchanged.

The client's connector resolves every name to here. Answers of REST can be scripted with `next_answers`.
"""

import asyncio
import json
import re
import ssl
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import trustme
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

BOT, GUILD, CHANNEL, ANN = "900000000000000001", "800000000000000001", "700000000000000001", "550000000000000001"
USER = {"id": BOT, "username": "avatarbot", "discriminator": "0", "avatar": None, "global_name": None, "bot": True}
_EPOCH_ID = 1_500_000_000_000_000_000


@dataclass
class Answer:
    """What a call gets instead of its usual answer; `reset` breaks the connection."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    reset: bool = False


@dataclass
class Call:
    method: str
    path: str
    body: Any


class Here(AbstractResolver):
    def __init__(self, port: int) -> None:
        self._port = port

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host="127.0.0.1", port=self._port, family=2, proto=0, flags=0)]

    async def close(self) -> None:
        pass


@dataclass
class FakeDiscord:
    port: int = 0
    trusted: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    calls: list[Call] = field(default_factory=list)
    script: dict[str, deque[Answer]] = field(default_factory=dict)
    messages: dict[str, dict[str, Any]] = field(default_factory=dict)
    nonces: dict[str, dict[str, Any]] = field(default_factory=dict)
    commands: list[dict[str, Any]] = field(default_factory=list)
    ops: list[dict[str, Any]] = field(default_factory=list)  # what the client said on the gateway, heartbeats left out
    close_with: int = 0  # after the next identify
    said: int = 0
    _gateway: web.WebSocketResponse | None = None
    _seq: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def connector(self) -> aiohttp.TCPConnector:
        return aiohttp.TCPConnector(resolver=Here(self.port), ssl=self.trusted)

    def next_answers(self, call: str, *answers: Answer) -> None:
        """`call` as in `POST /channels/1/messages`, a regular expression."""
        self.script.setdefault(call, deque()).extend(answers)

    def made(self, call: str) -> list[Call]:
        return [each for each in self.calls if re.fullmatch(call, f"{each.method} {each.path}")]

    async def until(self, true: Any, seconds: float = 8) -> None:
        async with asyncio.timeout(seconds):
            while not true():
                self._news.clear()
                await self._news.wait()

    # ------------------------------------------------------------ the gateway

    async def gateway(self, request: web.Request) -> web.WebSocketResponse:
        socket = self._gateway = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"op": 10, "d": {"heartbeat_interval": 40_000}})
        async for frame in socket:
            said = json.loads(frame.data)
            if said["op"] == 1:
                await socket.send_json({"op": 11})
                continue
            self.ops.append(said)
            self._news.set()
            if said["op"] == 2:
                await self._welcome(socket)
            elif said["op"] == 6:
                await self.dispatch("RESUMED", {})
        return socket

    async def _welcome(self, socket: web.WebSocketResponse) -> None:
        if self.close_with:
            await socket.close(code=self.close_with)
            return
        ready = {
            "v": 10,
            "user": USER,
            "guilds": [{"id": GUILD, "unavailable": True}],
            "session_id": "session",
            "resume_gateway_url": "wss://gateway-resume.discord.gg",
            "application": {"id": BOT, "flags": 0},
            "shard": [0, 1],
        }
        await self.dispatch("READY", ready)
        await self.dispatch("GUILD_CREATE", guild())

    async def dispatch(self, name: str, payload: Any) -> None:
        self._seq += 1
        assert self._gateway is not None
        await self._gateway.send_json({"op": 0, "t": name, "s": self._seq, "d": payload})

    async def tell(self, op: int, payload: Any = None) -> None:
        assert self._gateway is not None
        await self._gateway.send_json({"op": op, "d": payload})

    async def hang_up(self, code: int) -> None:
        assert self._gateway is not None
        await self._gateway.close(code=code)

    def message(self, content: str) -> dict[str, Any]:
        """A message of Ann's in the channel, not told on the gateway yet."""
        self.said += 1
        person = {"id": ANN, "username": "ann", "discriminator": "0", "avatar": None, "global_name": "Ann"}
        member = {"roles": [], "joined_at": "2026-01-01T00:00:00+00:00", "deaf": False, "mute": False, "flags": 0}
        made = _message(str(_EPOCH_ID + self.said), CHANNEL, content, person)
        made["member"], made["guild_id"] = member, GUILD
        self.messages[made["id"]] = made
        return made

    # ------------------------------------------------------------ REST

    async def rest(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix("/api/v10")
        text = await request.text() if request.content_type == "application/json" else ""
        call = Call(request.method, path, json.loads(text) if text else None)
        self.calls.append(call)
        self._news.set()
        for pattern, answers in self.script.items():
            if answers and re.fullmatch(pattern, f"{call.method} {path}"):
                answer = answers.popleft()
                if answer.reset:
                    assert request.transport is not None
                    request.transport.abort()
                return _json(answer.body, answer.status, answer.headers)
        return self._usual(call, dict(request.query))

    def _usual(self, call: Call, query: dict[str, str]) -> web.Response:  # noqa: PLR0911 - a table of calls
        match call.method, call.path.strip("/").split("/"):
            case "GET", ["users", "@me"]:
                return _json(USER)
            case "GET", ["oauth2", "applications", "@me"]:
                return _json(application())
            case "GET", ["gateway", "bot"]:
                limit = {"total": 1000, "remaining": 999, "reset_after": 1, "max_concurrency": 1}
                return _json({"url": "wss://gateway.discord.gg", "shards": 1, "session_start_limit": limit})
            case "GET", ["applications", _, "commands"]:
                return _json(self.commands)
            case "PUT", ["applications", _, "commands"]:
                self.commands = [dict(command, id=str(n)) for n, command in enumerate(call.body)]
                return _json(self.commands)
            case "POST", ["channels", channel, "messages"]:
                return _json(self._post(channel, call.body))
            case "PATCH", ["channels", _, "messages", message]:
                self.messages[message] |= call.body
                return _json(self.messages[message])
            case "GET", ["channels", _, "messages"]:
                after = int(query.get("after", 0))
                found = [message for message in self.messages.values() if int(message["id"]) > after]
                return _json(sorted(found, key=lambda m: -int(m["id"])))
            case "POST", ["users", "@me", "channels"]:
                return _json({"id": "710000000000000001", "type": 1})
            case _:
                return web.Response(status=204)

    def _post(self, channel: str, body: Any) -> dict[str, Any]:
        """With `enforce_nonce` the same nonce gives the same message."""
        if found := self.nonces.get(body.get("nonce", "")):
            return found
        self.said += 1
        made = _message(str(_EPOCH_ID + self.said), channel, body.get("content", ""), USER)
        self.messages[made["id"]] = self.nonces[body.get("nonce", made["id"])] = made
        return made


def _message(message_id: str, channel: str, content: str, author: dict[str, Any]) -> dict[str, Any]:
    empty: dict[str, Any] = {name: [] for name in ("mentions", "mention_roles", "attachments", "embeds", "components")}
    times = {"timestamp": "2026-01-01T00:00:00+00:00", "edited_timestamp": None}
    return {
        "id": message_id, "channel_id": channel, "content": content, "author": author, "tts": False, "type": 0, "flags": 0,
        "mention_everyone": False, "pinned": False, **times, **empty,
    }  # fmt: skip


def command(verb: str) -> dict[str, Any]:
    """`/avatar VERB` of Ann's, as Discord tells it."""
    person = {"id": ANN, "username": "ann", "discriminator": "0", "avatar": None, "global_name": "Ann"}
    member = {"user": person, "roles": [], "joined_at": "2026-01-01T00:00:00+00:00", "deaf": False, "mute": False}
    channel = {"id": CHANNEL, "type": 0, "name": "general", "guild_id": GUILD, "permissions": "2048"}
    return {
        "id": str(_EPOCH_ID + 900), "application_id": BOT, "token": "interaction-token", "version": 1, "type": 2,
        "guild_id": GUILD, "channel_id": CHANNEL, "channel": channel, "locale": "en-US", "app_permissions": "8",
        "member": {**member, "flags": 0, "permissions": "2048"}, "entitlements": [], "context": 0,
        "authorizing_integration_owners": {"0": GUILD}, "attachment_size_limit": 1_000_000,
        "data": {"id": "7", "name": "avatar", "type": 1, "options": [{"type": 1, "name": verb, "options": []}]},
    }  # fmt: skip


def guild() -> dict[str, Any]:
    role = {"id": GUILD, "name": "@everyone", "permissions": "2248473465835073", "position": 0, "color": 0}
    role |= {"hoist": False, "managed": False, "mentionable": False, "flags": 0}
    channel = {"id": CHANNEL, "type": 0, "name": "general", "position": 0, "permission_overwrites": [], "nsfw": False}
    lists: dict[str, Any] = {
        name: [] for name in ("emojis", "stickers", "features", "threads", "members", "voice_states")
    }
    return {
        "id": GUILD, "name": "Team", "owner_id": ANN, "roles": [role], "channels": [channel], "member_count": 2,
        "verification_level": 0, "default_message_notifications": 0, "explicit_content_filter": 0, "mfa_level": 0,
        "afk_timeout": 60, "premium_tier": 0, "nsfw_level": 0, "system_channel_flags": 0, "preferred_locale": "en-US",
        "presences": [], "stage_instances": [], "guild_scheduled_events": [], "soundboard_sounds": [], **lists,
    }  # fmt: skip


def application() -> dict[str, Any]:
    owner = {**USER, "id": ANN, "bot": False}
    return {
        "id": BOT, "name": "Avatarbot", "icon": None, "description": "", "bot_public": True, "bot_require_code_grant": False,
        "verify_key": "", "flags": 0, "owner": owner, "team": None,
    }  # fmt: skip


def _json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    # discord.py parses what is exactly `application/json`: aiohttp's own helper would add a charset.
    if status == 204:
        return web.Response(status=204)
    return web.Response(
        body=json.dumps(body).encode(), status=status, headers={"Content-Type": "application/json", **(headers or {})}
    )


@asynccontextmanager
async def open_fake() -> AsyncIterator[FakeDiscord]:
    authority, fake = trustme.CA(), FakeDiscord()
    names = ("discord.com", "gateway.discord.gg", "gateway-resume.discord.gg")
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*names).configure_cert(served)
    authority.configure_trust(fake.trusted)
    app = web.Application()
    app.router.add_get("/", fake.gateway)
    app.router.add_route("*", "/api/v10/{path:.*}", fake.rest)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=served)
    await site.start()
    fake.port = runner.addresses[0][1]
    try:
        yield fake
    finally:
        await runner.cleanup()

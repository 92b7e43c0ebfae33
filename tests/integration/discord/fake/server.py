"""The fake itself. The client's connector resolves every name to here."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import trustme
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from tests.integration.discord.fake import payloads
from tests.integration.discord.fake.payloads import BOT, USER, Json
from tests.integration.discord.fake.rest import Answer, Call, FakeRest
from tests.integration.discord.fake.voice import HOSTS, FakeVoice
from tests.patience import HANG_S

NAMES = ("discord.com", "gateway.discord.gg", "gateway-resume.discord.gg", *HOSTS)
HEARTBEAT, IDENTIFY, VOICE_STATE, RESUME = 1, 2, 4, 6
IDENTIFIES_APART_S = 4.8
"""Discord says 5; the way there may have been shorter the second time."""


class Here(AbstractResolver):
    def __init__(self, port: int) -> None:
        self._port = port

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host="127.0.0.1", port=self._port, family=2, proto=0, flags=0)]

    async def close(self) -> None:
        pass


def connector(port: int, authority: str) -> aiohttp.TCPConnector:
    """What leads to the fake on this port, and trusts only its authority (PEM)."""
    trusted = ssl.create_default_context(cadata=authority)
    return aiohttp.TCPConnector(resolver=Here(port), ssl=trusted, limit=0)


@dataclass
class FakeDiscord(FakeRest):
    port: int = 0
    authority: str = ""
    guilds: list[Json] = field(default_factory=lambda: [payloads.guild()])
    ops: list[Json] = field(default_factory=list)
    """What the client said on the gateway, heartbeats left out."""
    closed: list[int] = field(default_factory=list)
    """With which codes connections ended."""
    identified: dict[int, float] = field(default_factory=dict)
    """When each key of `max_concurrency` was used last."""
    welcomed: int = 0
    """How many new sessions were told all of their servers."""
    close_with: int = 0
    """After the next identify."""
    refuse_connections: int = 0
    heartbeat_interval: int = 40_000
    frozen: bool = False
    """Connections stay open and nothing comes through them any more, not even acknowledgements: zombies."""
    voice: FakeVoice = field(init=False)
    _gateway: web.WebSocketResponse | None = None
    _of_shard: dict[int, web.WebSocketResponse] = field(default_factory=dict)
    """Where a bot has several shards."""
    _session: int = 0
    _sent: list[Json] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.voice = FakeVoice(self.dispatch, self._news, self.complaints)

    def connector(self) -> aiohttp.TCPConnector:
        return connector(self.port, self.authority)

    async def until(self, true: Any, seconds: float = HANG_S) -> None:
        async with asyncio.timeout(seconds):
            while not true():
                self._news.clear()
                await self._news.wait()

    def said_ops(self) -> list[int]:
        return [said["op"] for said in self.ops]

    # ------------------------------------------------------------ the gateway

    async def gateway(self, request: web.Request) -> web.StreamResponse:
        if request.host.partition(":")[0] in HOSTS:
            return await self.voice.serve(request)
        if self.refuse_connections:
            self.refuse_connections -= 1
            return web.Response(status=503)
        socket = self._gateway = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"op": 10, "d": {"heartbeat_interval": self.heartbeat_interval}})
        async for frame in socket:
            await self._take(socket, json.loads(frame.data))
        self.closed.append(socket.close_code or 0)
        self._news.set()
        return socket

    async def _take(self, socket: web.WebSocketResponse, said: Json) -> None:
        if said["op"] == HEARTBEAT:
            if not self.frozen:
                await socket.send_json({"op": 11})
            return
        self.ops.append(said)
        self._news.set()
        if said["op"] == IDENTIFY:
            await self._welcome(socket, said["d"])
        elif said["op"] == RESUME:
            await self._resume(said["d"])
        elif said["op"] == VOICE_STATE:
            await self.voice.asked(said["d"])

    async def _welcome(self, socket: web.WebSocketResponse, asked: Json) -> None:
        if not await self.admits(socket, asked):
            return
        self._session += 1
        self._sent.clear()
        shard, count = asked.get("shard", (0, 1))
        if count > 1:
            self._of_shard[shard] = socket
        here = [guild for guild in self.guilds if (int(guild["id"]) >> 22) % count == shard]
        ready = {
            "v": 10,
            "user": USER,
            "guilds": [{"id": guild["id"], "unavailable": True} for guild in here],
            "session_id": f"session-{self._session}",
            "resume_gateway_url": "wss://gateway-resume.discord.gg",
            "application": {"id": BOT, "flags": 0},
            "shard": [shard, count],
        }
        await self.dispatch("READY", ready, socket)
        for guild in here:
            await self.dispatch("GUILD_CREATE", guild, socket)
        self.welcomed += 1
        self._news.set()

    async def admits(self, socket: web.WebSocketResponse, asked: Json) -> bool:
        """Whether a new session begins; else the client is told as Discord tells it."""
        if code := self.close_with or (4004 if asked["token"] != self.token else 0):
            await socket.close(code=code)
        elif not self.take_session():
            self.complaints.append("a session too many was begun")
            self.token = "taken away"
            await socket.close(code=4004)
        elif self._is_early(shard := asked.get("shard", (0, 1))[0]):
            self.complaints.append(f"shard {shard} identified too soon")
            await socket.send_json({"op": 9, "d": False})
        else:
            return True
        return False

    def _is_early(self, shard: int) -> bool:
        """Of the shards of one key Discord takes one identify in five seconds."""
        key, now = shard % self.max_concurrency, asyncio.get_running_loop().time()
        before, self.identified[key] = self.identified.get(key, float("-inf")), now
        return now - before < IDENTIFIES_APART_S

    async def _resume(self, asked: Json) -> None:
        """Everything is said again that the client has not heard, unless the session is over."""
        if asked["session_id"] != f"session-{self._session}":
            await self.tell(9, False)
            return
        self.frozen = False
        for frame in [frame for frame in self._sent if frame["s"] > asked["seq"]]:
            await self._send(frame)
        await self.dispatch("RESUMED", {})

    async def dispatch(self, name: str, payload: Any, to: web.WebSocketResponse | None = None) -> None:
        """To the shard of the server that it is about, where there are several."""
        self.note_interaction(name, payload)
        frame = {"op": 0, "t": name, "s": len(self._sent) + 1, "d": payload}
        self._sent.append(frame)
        socket = to or (self._of_shard.get(self._shard_of(payload)) if self._of_shard else self._gateway)
        if socket is not None and not self.frozen:
            await self._send(frame, socket)

    def note_interaction(self, name: str, payload: Any) -> None:
        """From now on the client has three seconds."""
        if name == "INTERACTION_CREATE" and "token" in payload:
            self.asked[payload["token"]] = asyncio.get_running_loop().time()

    def _shard_of(self, payload: Any) -> int:
        return (int(payload.get("guild_id") or 0) >> 22) % self.shards

    async def tell(self, op: int, payload: Any = None) -> None:
        await self._send({"op": op, "d": payload})

    def expire_session(self) -> None:
        """Nothing of it will be said again."""
        self._session += 1

    async def forget_session(self) -> None:
        """The same, and the client is told."""
        self.expire_session()
        await self.tell(9, False)

    async def hang_up(self, code: int) -> None:
        assert self._gateway is not None
        await self._gateway.close(code=code)

    async def _send(self, frame: Json, to: web.WebSocketResponse | None = None) -> None:
        socket = to or self._gateway
        assert socket is not None
        with contextlib.suppress(ConnectionError):  # what is not heard now is said again after a resume
            await socket.send_json(frame)

    # ------------------------------------------------------------ REST

    async def rest(self, request: web.Request) -> web.StreamResponse:
        answer = self.answer(await _call(request))
        while self.events:
            await self.dispatch(*self.events.popleft())
        self._news.set()
        await asyncio.sleep(answer.slow)
        if answer.reset:
            assert request.transport is not None
            request.transport.abort()
        return _response(answer)


async def _call(request: web.Request) -> Call:
    path, token = request.path.removeprefix("/api/v10"), request.headers.get("Authorization", "")
    call = Call(request.method, path, query=dict(request.query), token=token)
    if request.content_type == "application/json":
        call.body = json.loads(await request.text())
    elif request.content_type == "multipart/form-data":
        await _read_parts(call, await request.multipart())
    return call


async def _read_parts(call: Call, parts: aiohttp.MultipartReader) -> None:
    """`payload_json`, and a part named `files[n]` for each file."""
    async for part in parts:
        assert isinstance(part, aiohttp.BodyPartReader)
        if part.name == "payload_json":
            call.body = json.loads(await part.read())
        else:
            assert part.name == f"files[{len(call.files)}]", part.name
            call.files += (part.filename or "",)
            call.contents += (bytes(await part.read()),)


def _response(answer: Answer) -> web.Response:
    if answer.status == 204:
        return web.Response(status=204, headers=answer.headers)
    # discord.py parses what is exactly `application/json`: aiohttp's own helper would add a charset.
    headers = {"Content-Type": "application/json", **answer.headers}
    return web.Response(body=json.dumps(answer.body).encode(), status=answer.status, headers=headers)


@asynccontextmanager
async def open_fake(fake: FakeDiscord | None = None) -> AsyncIterator[FakeDiscord]:
    """Fails at its end for what Discord would not have taken."""
    authority, fake = trustme.CA(), fake or FakeDiscord()
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*NAMES).configure_cert(served)
    fake.authority = authority.cert_pem.bytes().decode()
    app = web.Application()
    app.router.add_get("/", fake.gateway)
    app.router.add_route("*", "/api/v10/{path:.*}", fake.rest)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=served)
    await site.start()
    fake.port = runner.addresses[0][1]
    await fake.voice.open()
    looking = asyncio.create_task(fake.limits.stalls.watch())
    try:
        yield fake
    finally:
        looking.cancel()
        fake.voice.close()
        await runner.cleanup()
    assert fake.complaints == []

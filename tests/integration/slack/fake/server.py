"""The stand-in itself: an HTTP server on loopback, and deliveries to the app."""

import asyncio
import json
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from aiohttp import WSMsgType, web

from tests.integration.slack.fake import payloads, reference
from tests.integration.slack.fake.methods import METHODS, check_blocks
from tests.integration.slack.fake.reference import Refused
from tests.integration.slack.fake.throttle import Throttle
from tests.integration.slack.fake.workspace import BOT_TOKEN, Ephemeral, Grant, Workspace

APP_TOKEN = "xapp-test"
ACK_S = 3.0

Deliver = Callable[[bytes, dict[str, str]], Awaitable[tuple[int, bytes]]]
"""Posts one signed delivery to the app's endpoint; its status and body."""


@dataclass(frozen=True)
class Call:
    """One Web API call as it came, and the error it was answered with. `at` is a time of `time.monotonic`."""

    method: str
    token: str
    args: dict[str, Any]
    error: str = ""
    at: float = field(default_factory=time.monotonic, compare=False)


@dataclass
class Trouble:
    """What the next calls of a method meet instead of an answer."""

    status: int = 200
    error: str = ""
    times: int = 1
    headers: tuple[tuple[str, str], ...] = ()
    slow_s: float = 0.0
    after: bool = False  # the call has its effect first
    hangs_up: bool = False


class FakeSlack:
    """One Slack. `limits=False` switches rate limits off; `troubles` break chosen methods, `slow` makes them answer late."""

    def __init__(self, *, limits: bool = True) -> None:
        self.workspace = Workspace()
        self.grants: dict[str, Grant] = {BOT_TOKEN: Grant()}
        self.refresh_tokens: dict[str, Grant] = {}
        self.codes: dict[str, dict[str, Any]] = {}
        self.calls: list[Call] = []
        self.complaints: list[str] = []
        self.troubles: dict[str, Trouble] = {}
        self.alts: dict[str, str] = {}  # of files, by name
        self.hooks_busy = Trouble(times=0)
        self.slow: dict[str, float] = {}
        self.sockets: list[web.WebSocketResponse] = []
        self.tickets_refused: deque[int] = deque()
        self.tickets: set[str] = set()
        self.tickets_tried: list[str] = []
        self.deaf = False
        self.pings = 0
        self.ack_s = ACK_S
        self.others = 0  # connections of somebody else who has the same token
        self.limits = limits
        self.later_s = 0.0
        self.url = ""
        self.deliver_http: Deliver | None = None
        self.throttle = Throttle(lambda: asyncio.get_running_loop().time() + self.later_s)
        self._acks: dict[str, asyncio.Future[Any]] = {}
        self._envelopes = 0
        self._turn = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator["FakeSlack"]:
        app = web.Application(client_max_size=20_000_000)
        app.router.add_route("*", "/api/{method}", self._api)
        app.router.add_post("/hooks/{hook}", self._hook)
        app.router.add_post("/upload/{file}", self._upload)
        app.router.add_get("/link", self._link)
        runner = web.AppRunner(app, shutdown_timeout=0.2, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            for socket in list(self.sockets):
                await socket.close()
            await runner.cleanup()

    @property
    def api_url(self) -> str:
        return f"{self.url}/api/"

    def called(self, method: str) -> list[Call]:
        return [call for call in self.calls if call.method == method]

    # ------------------------------------------------ Web API

    async def _api(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        token, args, is_json = await _arguments(request)
        await asyncio.sleep(self.slow.get(method, 0.0))
        if (trouble := self._trouble(method)) and not trouble.after:
            self.calls.append(Call(method, token, args, trouble.error or str(trouble.status)))
            return await _broken(request, trouble)
        try:
            answer = {"ok": True, **self._answer(method, token, args, is_json=is_json)}
            self.calls.append(Call(method, token, args))
        except Refused as refused:
            return self._refusal(method, token, args, refused)
        scopes = ",".join(sorted(self.grants[token].scopes)) if token in self.grants else ""
        return (
            await _broken(request, trouble)
            if trouble
            else web.json_response(answer, headers={"X-OAuth-Scopes": scopes})
        )

    def _refusal(self, method: str, token: str, args: dict[str, Any], refused: Refused) -> web.Response:
        self.calls.append(Call(method, token, args, refused.error))
        if refused.error in ("unknown_method", "invalid_arguments", "invalid_json", "invalid_blocks", "msg_too_long"):
            self.complaints.append(f"{method}: {refused.error} {refused.beside}")
        body = {"ok": False, "error": refused.error, **refused.beside}
        if refused.error == "ratelimited":
            return web.json_response(body, status=429, headers={"Retry-After": str(refused.beside["retry_after"])})
        return web.json_response(body)

    def _answer(self, method: str, token: str, args: dict[str, Any], *, is_json: bool) -> dict[str, Any]:
        reference.check_call(method, args, is_json=is_json)
        if method == "apps.connections.open":
            return self._open_connection(token)
        if method == "oauth.v2.access":
            return self._grant_access(args)
        grant = self._grant(token)
        reference.check_scopes(method, grant.scopes)
        wait = self.throttle.retry_after(token, method, str(args.get("channel", ""))) if self.limits else 0
        if wait:
            raise Refused("ratelimited", retry_after=max(1, math.ceil(wait)))
        if method == "files.getUploadURLExternal":
            return self._upload_url(args)
        if method not in METHODS:
            raise Refused("unknown_method")
        return METHODS[method](self.workspace, grant, args)

    def _grant(self, token: str) -> Grant:
        grant = self.grants.get(token)
        if grant is None:
            raise Refused("invalid_auth" if token else "not_authed")
        if grant.expired or grant.revoked:
            raise Refused("token_expired" if grant.expired else "account_inactive")
        return grant

    def _trouble(self, method: str) -> Trouble | None:
        trouble = self.troubles.get(method)
        if trouble is None or trouble.times <= 0:
            return None
        trouble.times -= 1
        return trouble

    def _grant_access(self, args: dict[str, Any]) -> dict[str, Any]:
        if args.get("grant_type") == "refresh_token":
            return self._rotate(str(args["refresh_token"]))
        installed = self.codes.pop(str(args.get("code")), None)
        if installed is None:
            raise Refused("invalid_code")
        return installed

    def _rotate(self, refresh_token: str) -> dict[str, Any]:
        grant = self.refresh_tokens.pop(refresh_token, None)
        if grant is None:
            raise Refused("invalid_refresh_token")
        self._envelopes += 1
        access, refresh = f"xoxe.xoxb-{self._envelopes}", f"xoxe-1-{self._envelopes}"
        self.grants[access], self.refresh_tokens[refresh] = replace(grant, expired=False), grant
        return {
            "access_token": access,
            "refresh_token": refresh,
            "expires_in": 43_200,
            "token_type": "bot",
            "bot_user_id": grant.bot_user,
            "team": {"id": grant.team, "name": "Team"},
        }

    def _upload_url(self, args: dict[str, Any]) -> dict[str, Any]:
        if len(alt := str(args.get("alt_txt", ""))) > 1_000:
            raise Refused("alt_txt_too_large")
        file_id = f"F{len(self.workspace.uploads)}"
        self.alts[str(args["filename"])] = alt
        self.workspace.uploads[file_id] = (str(args["filename"]), b"")
        return {"upload_url": f"{self.url}/upload/{file_id}", "file_id": file_id}

    async def _upload(self, request: web.Request) -> web.Response:
        file_id = request.match_info["file"]
        name, _ = self.workspace.uploads[file_id]
        self.workspace.uploads[file_id] = (name, await request.read())
        return web.Response(text="OK")

    async def _hook(self, request: web.Request) -> web.Response:
        """A `response_url`: five answers within half an hour."""
        hook = self.workspace.hooks.get(request.match_info["hook"])
        if hook is None or hook.expired or hook.uses <= 0:
            return web.Response(status=404, text="expired_url" if hook and hook.expired else "used_url")
        if self.hooks_busy.times > 0:
            self.hooks_busy.times -= 1
            return await _broken(request, self.hooks_busy)
        hook.uses -= 1
        body = await request.json()
        unknown = set(body) - payloads.HOOK_FIELDS
        if unknown:
            self.complaints.append(f"response_url: {sorted(unknown)}")
        if not body.get("delete_original"):
            blocks = tuple(check_blocks(body.get("blocks")))
            if not body.get("text") and not blocks:
                self.complaints.append("response_url: no_text")
            self.workspace.ephemerals.append(Ephemeral(hook.channel, hook.user, body.get("text", ""), blocks))
        return web.Response(text="ok")

    # ------------------------------------------------ Socket Mode

    def _open_connection(self, token: str) -> dict[str, Any]:
        if token != APP_TOKEN:
            raise Refused("invalid_auth" if token else "not_authed")
        ticket = f"ticket{len(self.called('apps.connections.open'))}"
        self.tickets.add(ticket)
        return {"url": f"{self.url.replace('http', 'ws', 1)}/link?ticket={ticket}"}

    async def _link(self, request: web.Request) -> web.StreamResponse:
        ticket = request.query["ticket"]
        self.tickets_tried.append(ticket)
        if self.tickets_refused:
            return web.Response(status=self.tickets_refused.popleft())
        if ticket not in self.tickets:
            return web.Response(status=403)
        self.tickets.discard(ticket)
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        self.sockets.append(socket)
        await socket.send_json({"type": "hello", "num_connections": len(self.sockets) + self.others})
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                self._acknowledged(json.loads(message.data))
            elif message.type is WSMsgType.PING and not self.deaf:
                self.pings += 1
                await socket.pong(message.data)
        self.sockets.remove(socket)
        return socket

    def _acknowledged(self, ack: dict[str, Any]) -> None:
        waiting = self._acks.pop(ack["envelope_id"], None)
        if waiting and not waiting.done():
            waiting.set_result(ack.get("payload"))

    async def disconnect(self, reason: str = "refresh_requested", *, close: bool = True) -> None:
        """Asks the oldest connection to come again, and closes it, as a routine refresh does."""
        socket = self.sockets[0]
        await socket.send_json({"type": "disconnect", "reason": reason})
        if close:
            await socket.close()

    async def _deliver_socket(self, kind: str, payload: dict[str, Any]) -> tuple[int, bytes]:
        self._envelopes += 1
        envelope_id = f"envelope-{self._envelopes}"
        waiting: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._acks[envelope_id] = waiting
        self._turn += 1
        turn = self._turn % (len(self.sockets) + self.others)
        if turn >= len(self.sockets):
            return 200, b""  # somebody else has it
        socket = self.sockets[turn]
        envelope = {"envelope_id": envelope_id, "type": kind, "payload": payload}
        await socket.send_json(envelope | {"accepts_response_payload": kind != "events_api"})
        try:
            answer = await asyncio.wait_for(waiting, self.ack_s)
        except TimeoutError:
            return 0, b""
        return 200, json.dumps(answer).encode() if answer is not None else b""

    # ------------------------------------------------ deliveries

    async def deliver(self, kind: str, payload: dict[str, Any]) -> tuple[int, bytes]:
        """Gives the app one payload, by a socket when there is one, else by signed HTTP. Status 0: not acknowledged in 3 s."""
        if self.deliver_http is None:
            return await self._deliver_socket(kind, payload)
        body, content_type = payloads.over_http(kind, payload)
        headers = payloads.signed(body) | {"Content-Type": content_type}
        return await asyncio.wait_for(self.deliver_http(body, headers), self.ack_s)


async def _arguments(request: web.Request) -> tuple[str, dict[str, Any], bool]:
    is_json = request.content_type == "application/json"
    args: dict[str, Any] = dict(request.query)
    args |= json.loads(await request.text() or "{}") if is_json else dict(await request.post())
    token = request.headers.get("Authorization", "").removeprefix("Bearer ") or str(args.pop("token", ""))
    return token, args, is_json


async def _broken(request: web.Request, trouble: Trouble) -> web.Response:
    await asyncio.sleep(trouble.slow_s)
    if trouble.hangs_up and request.transport:
        request.transport.close()
    headers = dict(trouble.headers)
    if trouble.error:
        return web.json_response({"ok": False, "error": trouble.error}, status=trouble.status, headers=headers)
    return web.Response(status=trouble.status, text="<html>oops</html>", content_type="text/html", headers=headers)

"""Slack over Socket Mode: two WebSockets that we open, so that nothing needs to reach us.

Our own client, because the SDK's asks for no new ticket after a refused handshake, leaves a gap at each routine refresh and
takes a dead socket for a live one. Two connections at a time: while one is being refreshed Slack delivers to the other.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import Any

import aiohttp
import structlog
from aiohttp import WSMsgType

from adapters.slack.client import WORKSPACE_GONE, SlackRefused, WebApi
from adapters.slack.health import Peers
from adapters.slack.receiver import Deliveries, carry_out, todo
from bot.domain.errors import PlaceGone, PlatformError, SettingsError, Throttled
from bot.domain.text import read_json

CONNECTIONS = 2
QUIET_S = 10.0
"""After so long without a word we ask for one. Slack itself pings every few seconds."""

DEAD_AFTER = 2
"""Questions without an answer after which a socket counts as dead."""

STEADY_S = 10.0
"""A connection that lasted so long is followed by the next at once; shorter ones with growing pauses."""

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0

DRAIN_S = 5.0
"""How long a connection that we close waits for what is under way on it."""

SWITCHED_OFF = "link_disabled"

_FINAL = WORKSPACE_GONE | {"not_allowed_token_type", "missing_scope", "forbidden_team", "no_permission"}
_CHECK_TOKEN = "Slack does not accept SLACK_APP_TOKEN: it has to be an app-level token (xapp-…) with connections:write."  # noqa: S105

log = structlog.get_logger(__name__)


class SocketMode:
    """Receives until cancelled. Raises `SettingsError` for what only the operator can mend."""

    def __init__(
        self, deliveries: Deliveries, web: WebApi, app_token: str, peers: Peers, quiet_s: float = QUIET_S
    ) -> None:
        self._deliveries = deliveries
        self._web = web
        self._peers = peers
        self._busy: dict[aiohttp.ClientWebSocketResponse, set[asyncio.Task[None]]] = {}  # by open connection
        self._looking: set[aiohttp.ClientWebSocketResponse] = set()  # closed by us, to hear how many there are
        self._token = app_token
        self._quiet_s = quiet_s

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(CONNECTIONS):
                    tasks.create_task(self._keep_connected(tasks))
        except* SettingsError as errors:
            raise errors.exceptions[0] from None

    async def _keep_connected(self, tasks: asyncio.TaskGroup) -> None:
        """Connection after connection, each with a ticket of its own: a ticket is good once, even for a refused handshake."""
        loop = asyncio.get_running_loop()
        pause = FIRST_PAUSE_S
        while True:
            began = loop.time()
            try:
                await self._connected(tasks)
            except Throttled as throttled:
                pause = max(pause, throttled.retry_after)
            except (PlatformError, aiohttp.ClientError, TimeoutError) as error:
                log.info("Slack: no connection yet", detail=getattr(error, "detail", type(error).__name__))
            if loop.time() - began > STEADY_S:
                pause = FIRST_PAUSE_S
                continue
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - so that replicas do not come at once
            pause = min(LONGEST_PAUSE_S, pause * 2)

    async def _connected(self, tasks: asyncio.TaskGroup) -> None:
        url = await self._ticket()
        async with self._web.session.ws_connect(url, timeout=_TIMEOUT, autoping=False) as socket:
            self._busy[socket] = set()
            self._peers.ours(len(self._busy))
            try:
                _heed(await self._serve(socket, tasks))
            finally:
                del self._busy[socket]
                self._peers.ours(len(self._busy))
            if socket in self._looking:
                self._looking.remove(socket)
                await asyncio.sleep(self._peers.looks.pause)

    async def _serve(self, socket: aiohttp.ClientWebSocketResponse, tasks: asyncio.TaskGroup) -> str:
        """Receive until the connection ends; returns why, if Slack said so. What is under way then goes on in `tasks`."""
        async for message in _live(socket, self._quiet_s):
            if message.get("type") == "disconnect":
                return str(message.get("reason", ""))
            if message.get("type") == "hello":
                self._count(message, tasks)
            if "envelope_id" in message:
                delivery = tasks.create_task(_deliver(self._deliveries, socket, message))
                self._busy[socket].add(delivery)
                delivery.add_done_callback(self._busy[socket].discard)
        return ""

    def _count(self, hello: Mapping[str, Any], tasks: asyncio.TaskGroup) -> None:
        told = hello.get("num_connections")
        again_after = self._peers.told(told) if isinstance(told, int) else None
        if again_after is not None:
            tasks.create_task(self._refresh(again_after))

    async def _refresh(self, after: float) -> None:
        """Close one connection when it has nothing under way: the next one's `hello` says how many there are then."""
        await asyncio.sleep(after)
        socket, busy = next(iter(self._busy.items()), (None, set()))
        if busy:
            await asyncio.wait(busy, timeout=DRAIN_S)
        if socket:
            self._looking.add(socket)
            await socket.close()

    async def _ticket(self) -> str:
        try:
            answer = await self._web.call(self._token, "apps.connections.open")
        except PlaceGone as gone:
            raise SettingsError(_CHECK_TOKEN, gone.detail) from None
        except SlackRefused as refused:
            if refused.code in _FINAL:
                raise SettingsError(_CHECK_TOKEN, refused.detail) from None
            raise
        return str(answer["url"])


_TIMEOUT = aiohttp.ClientWSTimeout(ws_close=2.0)


async def _deliver(
    deliveries: Deliveries, socket: aiohttp.ClientWebSocketResponse, envelope: Mapping[str, Any]
) -> None:
    """Commit, then acknowledge. What is not acknowledged Slack delivers again, if it is an event."""
    payload = envelope.get("payload")
    answered = await deliveries(payload if isinstance(payload, dict) else {})
    if answered.status != 200:
        return
    ack: dict[str, Any] = {"envelope_id": envelope["envelope_id"]}
    if answered.body and envelope.get("accepts_response_payload"):
        ack["payload"] = json.loads(answered.body) if answered.body.startswith("{") else {"text": answered.body}
    afterwards = todo(answered)
    if await _send(socket.send_json(ack)) and afterwards is not None:
        await carry_out(afterwards)


def _heed(reason: str) -> None:
    """A connection ends every few hours by Slack's own wish; only when the operator switched the mode off it is for good."""
    log.info("Slack: a connection ended", reason=reason)
    if reason == SWITCHED_OFF:
        raise SettingsError("Socket Mode is switched off for this app: switch it on at api.slack.com/apps.")


async def _live(socket: aiohttp.ClientWebSocketResponse, quiet_s: float) -> AsyncIterator[Mapping[str, Any]]:
    """What comes in until the socket closes or proves dead: traffic of any kind is life, silence is asked about."""
    unanswered = 0
    while unanswered <= DEAD_AFTER:
        try:
            message = await socket.receive(timeout=quiet_s)
        except TimeoutError:
            unanswered += 1
            await _send(socket.ping())
            continue
        unanswered = 0
        if message.type is WSMsgType.PING:
            await _send(socket.pong(message.data))
        elif message.type is WSMsgType.TEXT:
            yield _object(message.data)
        elif message.type in _OVER:
            return
    log.warning("Slack: a connection is dead")


_OVER = frozenset({WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR})


async def _send(sending: Awaitable[None]) -> bool:
    """Whether it went out; a socket that takes nothing more will say so when it is read."""
    try:
        await sending
    except (aiohttp.ClientError, ConnectionError) as error:
        log.info("Slack: a connection takes nothing more", detail=type(error).__name__)
        return False
    return True


def _object(text: str) -> Mapping[str, Any]:
    try:
        found = read_json(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}

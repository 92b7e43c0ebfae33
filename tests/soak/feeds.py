"""The ways in which a stranger's bytes reach the service, each as a function that sends one input and judges the answer."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from random import Random
from typing import Any
from urllib.parse import quote, urlencode

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

from tests.acceptance.member import ticket
from tests.integration.slack.fake import payloads
from tests.soak import garbage
from tests.soak.service import Fed, link

Feed = Callable[[Random], Awaitable[None]]

BROKE = 1011
"""The code with which a socket closes when its handler raised."""
FRAMES_PER_SOCKET = 50
ANSWER_S = 60.0

HOOK = "https://hooks.slack.example/1"
MESSAGE = {"type": "message", "user": "U0BOT", "text": "x", "ts": "1790000000.000001", "blocks": []}
BUTTON = {
    "type": "button",
    "action_id": "run:stop:1",
    "block_id": "b",
    "value": "x",
    "text": {"type": "plain_text", "text": "Stop"},
}
VIEW = {"id": "V1", "callback_id": "start", "private_metadata": "C0GENERAL", "state": {"values": {}}, "type": "modal"}
DELIVERIES = (
    (payloads.EVENT, payloads.event(payloads.message("U0ANN", "<@U0BOT> hello", "C0GENERAL", "1790000000.000001"))),
    (payloads.EVENT, payloads.event({"type": "member_left_channel", "user": "U0ANN", "channel": "C0GENERAL", "team": "T0TEAM"})),
    (payloads.EVENT, payloads.event({"type": "app_home_opened", "user": "U0ANN", "channel": "D0ANN", "tab": "home"})),
    (payloads.COMMAND, payloads.command("U0ANN", "status", "C0GENERAL", HOOK)),
    (payloads.INTERACTIVE, payloads.press("U0ANN", BUTTON, MESSAGE, "C0GENERAL", HOOK)),
    (payloads.INTERACTIVE, payloads.press_in_view("U0ANN", BUTTON, VIEW)),
    (payloads.INTERACTIVE, payloads.options("U0ANN", "avatar", "avatar", "al", VIEW)),
    (payloads.INTERACTIVE, payloads.submission("U0ANN", VIEW, {"avatar": {"avatar": {"type": "plain_text_input", "value": "x"}}})),
    (payloads.INTERACTIVE, payloads.shortcut("U0ANN", "start")),
    (payloads.INTERACTIVE, payloads.message_shortcut("U0ANN", "say", MESSAGE, "C0GENERAL", HOOK)),
)  # fmt: skip


@contextlib.asynccontextmanager
async def slack(service: Fed) -> AsyncIterator[Feed]:
    """Signed bodies: as the service's secret is not known, only Slack could send them, and only Slack's faults are in them."""
    async with httpx.AsyncClient(base_url=service.deployment.url, trust_env=False, timeout=ANSWER_S) as http:

        async def feed(random: Random) -> None:
            body, content_type = _delivery(random)
            headers = payloads.signed(body) | {"Content-Type": content_type}
            answer = await http.post("/slack/events", content=body, headers=headers)
            assert answer.status_code < 500, (answer.status_code, body)

        yield feed


def _delivery(random: Random) -> tuple[bytes, str]:
    kind, payload = random.choice(DELIVERIES)
    if kind == payloads.COMMAND and random.random() < 0.5:
        payload = payload | {"text": garbage.line(random), "trigger_id": payloads.trigger_id()}
    payload = garbage.broken(payload, random) if random.random() < 0.8 else payload
    if kind == payloads.COMMAND:
        body, content_type = urlencode(payload, errors="surrogatepass").encode(), "application/x-www-form-urlencoded"
    else:
        body, content_type = payloads.over_http(kind, payload)
    return (garbage.torn(body, random) if random.random() < 0.2 else body), content_type


@contextlib.asynccontextmanager
async def callback(service: Fed) -> AsyncIterator[Feed]:
    """The pages to which an installation leads, with states that are none, or are good and come with nonsense."""
    async with httpx.AsyncClient(base_url=service.deployment.url, trust_env=False, timeout=ANSWER_S) as http:

        async def feed(random: Random) -> None:
            state = garbage.text(random)
            if random.random() < 0.3:
                sent_on = await http.get("/slack/install")
                state = dict(httpx.URL(sent_on.headers["location"]).params)["state"]
            query = {
                name: random.choice((garbage.text(random), state, "access_denied"))
                for name in ("code", "state", "error", "x")
                if random.random() < 0.6
            }
            raw = urlencode(query, errors="surrogatepass").encode()
            url = "/slack/oauth_redirect?" + (garbage.torn(raw, random) if random.random() < 0.3 else raw).decode(
                "latin-1"
            )
            answer = await http.get(
                quote(url, safe="/?&=%+"), headers={"Cookie": f"slack-app-oauth-state={quote(state)}"}
            )
            assert answer.status_code < 500 or "text/html" in answer.headers["content-type"], (answer.status_code, url)

        yield feed


REQUESTS = (
    b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-A: b\r\n\r\n",
    b'GET /v/static/viewer.js HTTP/1.1\r\nHost: localhost\r\nRange: bytes=0-10\r\nIf-None-Match: "x"\r\n\r\n',
    b"GET /playground/pictures/a/b HTTP/1.1\r\nHost: localhost\r\nCookie: a=b; c\r\n\r\n",
    b"GET /v/transcript.md HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer abc\r\n\r\n",
    b'POST /playground/enter HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nContent-Length: 11\r\n\r\n{"key": "a"}',
    b"POST /slack/events HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\n\r\n",
    (
        b"GET /v/socket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n\x81\x82\0\0\0\0{}"
    ),
)  # fmt: skip


@contextlib.asynccontextmanager
async def raw_http(service: Fed) -> AsyncIterator[Feed]:
    """Requests that are torn, over a connection that then says nothing more."""

    async def feed(random: Random) -> None:
        request = garbage.torn(random.choice(REQUESTS), random)
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        try:
            writer.write(request)
            if writer.can_write_eof():
                writer.write_eof()
            async with asyncio.timeout(ANSWER_S):
                answer = await reader.read(200)
        except ConnectionError:
            return
        finally:
            writer.transport.abort()
        assert not answer.startswith(b"HTTP/1.1 5"), (answer, request)

    yield feed


TO_VIEWER: Sequence[Any] = (
    {"type": "present", "grant": "x" * 32},
    {"type": "visible", "on": True, "plays": True},
    {"type": "visible", "on": False},
    {"type": "ack", "number": 1},
    {"type": "key"},
    {"type": "say", "nonce": "n", "text": "Hello"},
    {"type": "do", "nonce": "n", "verb": "interrupt"},
)
ECHO = "987654321"
LOOK = {"type": "look", "look": 1, "channel": "lobby", "thread": "", "verb": "start", "option": "avatar", "typed": "a"}
WHERE = {"nonce": "n", "channel": "lobby", "thread": ""}
TO_PLAYGROUND: Sequence[Any] = (
    {"type": "enter"},
    {"type": "write", "text": "Hello", **WHERE},
    {"type": "run", "text": "/avatar status", "picked": {"avatar": "x"}, **WHERE},
    {"type": "pick", "verb": "voices", "options": {"page": "2"}, "confirmed": True, **WHERE},
    {"type": "press", "nonce": "n", "message": "1", "action": "stop"},
    {"type": "rewrite", "nonce": "n", "message": "1", "text": "x"},
    {"type": "withdraw", "nonce": "n", "message": "1"},
    LOOK,
    {"type": "rename", "name": "Ben"},
    {"type": "open-channel", "name": "x"},
    {"type": "close-channel", "name": "x"},
)


@contextlib.asynccontextmanager
async def viewer(service: Fed) -> AsyncIterator[Feed]:
    """With a good link, and without one in a tenth of the sockets."""
    first = json.dumps({"type": "present", "grant": await link(service)})
    yield _frames(service, "/v/socket", {}, first, TO_VIEWER, json.dumps({"type": "do", "nonce": ECHO, "verb": "x"}))


@contextlib.asynccontextmanager
async def playground(service: Fed) -> AsyncIterator[Feed]:
    headers = {"Cookie": await ticket(service.deployment)}
    yield _frames(
        service,
        "/playground/socket",
        headers,
        '{"type": "enter"}',
        TO_PLAYGROUND,
        json.dumps(LOOK | {"look": int(ECHO)}),
    )


def _frames(  # noqa: PLR0917
    service: Fed, path: str, headers: dict[str, str], first: str, samples: Sequence[Any], probe: str
) -> Feed:
    """One frame at a time, followed by one whose answer says that it was read; a socket that was closed is followed by another."""
    free: list[ClientConnection] = []

    async def opened(random: Random) -> ClientConnection:
        url = f"ws://127.0.0.1:{service.port}{path}"
        origin = Origin(service.deployment.url)
        socket = await connect(
            url, origin=origin, additional_headers=headers, max_size=None, max_queue=None, proxy=None
        )
        if random.random() < 0.9:
            await socket.send(first)
        return socket

    async def feed(random: Random) -> None:
        socket = free.pop() if free else await opened(random)
        noise = garbage.as_json(samples, random)
        frame = noise if random.random() < 0.05 else noise.decode("utf-8", "replace")
        try:
            await socket.send(frame)
            await socket.send(probe)
            async with asyncio.timeout(ANSWER_S):
                while ECHO not in str(await socket.recv()):
                    pass
        except ConnectionClosed:
            assert socket.close_code != BROKE, frame
            return
        if random.random() < 1 / FRAMES_PER_SOCKET:
            await socket.close()
            assert socket.close_code != BROKE, frame
        else:
            free.append(socket)

    return feed

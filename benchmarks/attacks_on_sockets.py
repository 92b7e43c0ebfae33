"""The viewer's and the playground's sockets."""

import asyncio
import contextlib
import json
import re
from collections import Counter
from collections.abc import Callable

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from benchmarks.target import SECRET, Target

STRANGE: tuple[str | bytes, ...] = (
    b"binary",
    "{",
    '{"type": "nothing"}',
    '{"type": "enter", "person": 1}',
    "[" * 10_000,
    "",
)
_LINK = re.compile(r"/v/#?([\w-]{20,})")
RETRIES = 200


async def link(aim: Target, http: httpx.AsyncClient) -> str:
    """The secret of a Watch link of Ann's, to a live session."""
    await aim.command(http, "U0ANN", "start")
    for _ in range(RETRIES):
        if aim.sessions:
            await aim.command(http, "U0ANN", "watch")
            await asyncio.sleep(0.3)
            if found := _LINK.search(json.dumps([shown.blocks for shown in aim.slack.workspace.ephemerals])):
                return found[1]
        await asyncio.sleep(0.2)
    raise RuntimeError("no link")


async def _present(aim: Target, secret: str) -> ClientConnection:
    socket = await connect(f"ws://127.0.0.1:{aim.port}/v/socket", max_size=None, proxy=None)
    await socket.send(json.dumps({"type": "present", "grant": secret}))
    return socket


async def nonces(aim: Target, http: httpx.AsyncClient) -> str:
    """Sent for six seconds by somebody who reads nothing."""
    socket = await _present(aim, await link(aim, http))
    aim.statuses.clear()
    socket.transport.pause_reading()
    sent = await _flood(
        socket, lambda number: json.dumps({"type": "do", "verb": "x", "nonce": f"{number}{'n' * 30_000}"}), 3_000
    )
    return f"{sent} of 3000 frames were taken"


async def rejoins(aim: Target, http: httpx.AsyncClient) -> str:
    socket = await _present(aim, await link(aim, http))
    aim.statuses.clear()
    sent = await _flood(socket, lambda number: json.dumps({"type": "visible", "on": number % 2 == 0}), 10_000)
    return f"{sent} of 10000 frames were taken"


async def _flood(socket: ClientConnection, frame: Callable[[int], str], most: int) -> int:
    sent = 0
    with contextlib.suppress(TimeoutError, ConnectionClosed):
        async with asyncio.timeout(6):
            for number in range(most):
                await socket.send(frame(number))
                sent += 1
            await asyncio.sleep(2)
    socket.transport.abort()
    return sent


async def many_sockets(aim: Target, http: httpx.AsyncClient) -> str:
    """How many show the session."""
    secret = await link(aim, http)
    aim.statuses.clear()
    heard = Counter(await asyncio.gather(*(_watches(aim, secret) for _ in range(300))))
    return ", ".join(f"{times} x {what}" for what, times in sorted(heard.items()))


async def _watches(aim: Target, secret: str) -> str:
    try:
        async with asyncio.timeout(15):
            socket = await _present(aim, secret)
            await socket.send(json.dumps({"type": "visible", "on": True, "plays": True}))
            kind = str(json.loads(await socket.recv())["type"])
            await asyncio.sleep(4)
            await socket.close()
    except (OSError, TimeoutError, ConnectionClosed, InvalidHandshake) as error:
        return type(error).__name__
    return kind


async def strange_frames(aim: Target, http: httpx.AsyncClient) -> str:
    entered = await http.post(f"{aim.url}/playground/enter", json={"key": SECRET}, headers={"Origin": aim.url})
    headers = {"Cookie": entered.headers["set-cookie"].partition(";")[0], "Origin": aim.url}
    secret = await link(aim, http)
    aim.statuses.clear()
    closed: Counter[str] = Counter()
    for frame in STRANGE * 5:
        for path, first in (
            ("/v/socket", ""),
            ("/v/socket", json.dumps({"type": "present", "grant": secret})),
            ("/playground/socket", ""),
            ("/playground/socket", '{"type": "enter"}'),
        ):
            closed[await _closed(aim, path, headers, [first, frame] if first else [frame])] += 1
    return "closed with " + ", ".join(f"{times} x {code}" for code, times in sorted(closed.items()))


async def _closed(aim: Target, path: str, headers: dict[str, str], frames: list[str | bytes]) -> str:
    async with connect(f"ws://127.0.0.1:{aim.port}{path}", additional_headers=headers, proxy=None) as socket:
        for frame in frames:
            with contextlib.suppress(ConnectionClosed):
                await socket.send(frame)
                await asyncio.sleep(0.02)
        try:
            async with asyncio.timeout(5):
                await socket.wait_closed()
        except TimeoutError:
            return "nothing"
        return str(socket.close_code)

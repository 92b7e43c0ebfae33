"""A server that is attacked over raw sockets serves everybody else, and its memory stays as it was."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.browser.session_fixture import SECRET
from tests.integration.web.served import Peer, Served, served
from tests.patience import HANG_S

MB = 1024 * 1024
GROWTH = 12 * MB
GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
CHUNKED = b"POST /playground/enter HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
UPGRADE = (
    b"GET /v/socket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One for all attacks: none may leave anything behind."""
    with served(tmp_path_factory.mktemp("served")) as process:
        yield process


async def pour(peer: Peer, piece: bytes, total: int) -> int:
    """Send a piece over and over until it is refused; how much was taken."""
    taken = 0
    while taken < total and await peer.send(piece):
        taken += len(piece)
    return taken


ENDLESS = {
    "one header": (b"GET / HTTP/1.1\r\nX-Large: ", b"a" * 65_536),
    "many headers": (b"GET / HTTP/1.1\r\n", b"X-Small: a\r\n" * 4_000),
    "an address": (b"GET /", b"a" * 65_536),
    "blank lines": (b"", b"\r\n" * 32_768),
    "a trailer": (CHUNKED + b"1\r\na\r\n0\r\nX-Large: ", b"a" * 65_536),
    "many trailers": (CHUNKED + b"1\r\na\r\n0\r\n", b"X-Small: a\r\n" * 4_000),
    "an extension of a chunk": (CHUNKED + b"1;x=", b"a" * 65_536),
}


@pytest.mark.parametrize("kind", ENDLESS)
async def test_a_head_or_trailer_without_end_is_refused(target: Served, kind: str) -> None:
    begin, more = ENDLESS[kind]
    await target.serves_others()
    before = target.memory
    async with target.connection() as peer:
        await peer.send(begin)
        taken = await pour(peer, more, 40 * MB)
        await target.serves_others()
    assert taken < 10 * MB  # what the buffers of both kernels hold
    assert target.memory - before < GROWTH
    assert "Traceback" not in target.log


async def test_a_head_of_just_under_64_kb_is_answered(target: Served) -> None:
    async with target.connection() as peer:
        await peer.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Large: " + b"a" * 60_000 + b"\r\n\r\n")
        assert b" 200 " in await peer.answer()


async def drip(peer: Peer, piece: bytes) -> None:
    with contextlib.suppress(ConnectionError):
        while await peer.send(piece):
            await asyncio.sleep(0.1)


SLOW = {
    "says nothing": (b"", b""),
    "a head byte by byte": (b"GET / HTTP/1.1\r\nX-Slow: ", b"a"),
    "blank lines": (b"", b"\r\n"),
    "a second head byte by byte": (GET + b"GET / HTTP/1.1\r\nX-Slow: ", b"a"),
    "a body byte by byte": (
        b"POST /playground/enter HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900\r\n\r\n",
        b"a",
    ),
    "a body that nobody wants": (b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999\r\n\r\n", b"a"),
}


@pytest.mark.parametrize("kind", SLOW)
async def test_who_takes_too_long_is_cut_off(target: Served, kind: str) -> None:
    begin, more = SLOW[kind]
    async with target.connection() as peer:
        await peer.send(begin)
        dripping = asyncio.create_task(drip(peer, more)) if more else None
        await peer.rest()
        if dripping:
            dripping.cancel()
    await target.serves_others()
    assert "Traceback" not in target.log


async def test_more_silent_connections_than_there_are_files_stop_nobody(tmp_path: Path) -> None:
    with served(tmp_path, files=256, head_within=60) as target:
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(10):
                await asyncio.gather(*(stack.enter_async_context(target.connection()) for _ in range(60)))
                await target.serves_others()
                assert target.files < 200
        assert "Traceback" not in target.log
        assert "out of system resource" not in target.log


async def test_requests_are_not_piled_up(target: Served) -> None:
    await target.serves_others()
    before = target.memory
    async with target.connection() as peer:
        await pour(peer, GET * 5_000, 20 * MB)
        await target.serves_others()
    assert target.memory - before < GROWTH


async def test_who_does_not_read_is_cut_off(target: Served) -> None:
    await target.serves_others()
    before = target.memory
    async with target.connection() as peer:
        await peer.send(UPGRADE)
        await peer.answer()
        peer.reader._transport.pause_reading()  # type: ignore[attr-defined]
        ping = b"\x89\xfd\0\0\0\0" + b"p" * 125
        await pour_at_most(peer, ping * 500, 40 * MB)
        await target.serves_others()
    assert target.memory - before < GROWTH


async def pour_at_most(peer: Peer, piece: bytes, total: int) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(5):  # runs out
            await pour(peer, piece, total)


@pytest.mark.parametrize("piece", [b"\0\x80\0\0\0\0", b"\0\xfe\x80\0\0\0\0\0" + b"a" * 32_768])
async def test_a_message_without_end_is_refused(target: Served, piece: bytes) -> None:
    await target.serves_others()
    before = target.memory
    async with target.connection() as peer:
        await peer.send(UPGRADE)
        await peer.answer()
        await peer.send(b"\x01\x80\0\0\0\0")
        taken = await pour(peer, piece * (65_536 // len(piece)), 40 * MB)
        await target.serves_others()
    assert taken < 10 * MB
    assert target.memory - before < GROWTH


async def test_a_message_of_more_than_64_kb_is_refused(target: Served) -> None:
    async with connect(f"ws://127.0.0.1:{target.port}/v/socket") as socket:
        await socket.send("x" * 65_537)
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


async def enter(target: Served) -> tuple[str, str]:
    """(ticket, origin) of the playground."""
    origin = f"http://127.0.0.1:{target.port}"
    async with httpx.AsyncClient(base_url=origin, trust_env=False, timeout=HANG_S) as http:
        entered = await http.post("/playground/enter", json={"key": SECRET}, headers={"Origin": origin})
    return entered.headers["set-cookie"].partition(";")[0], origin


STRANGE: tuple[str | bytes, ...] = (
    b"binary",
    "{",
    '{"type": "nothing"}',
    '{"type": "enter", "person": 1}',
    "[" * 10_000,
)


@pytest.mark.parametrize("frame", STRANGE)
async def test_a_strange_frame_closes_its_socket_and_leaves_no_trace(target: Served, frame: str | bytes) -> None:
    ticket, origin = await enter(target)
    url = f"ws://127.0.0.1:{target.port}"
    entered = '{"type": "enter"}'
    for path, first in (("/v/socket", None), ("/playground/socket", None), ("/playground/socket", entered)):
        headers = {"Cookie": ticket, "Origin": origin}
        async with connect(url + path, additional_headers=headers) as socket:
            if first:
                await socket.send(first)
                await socket.recv()
            await socket.send(frame)
            await socket.wait_closed()
    assert "Traceback" not in target.log


FIRST = {"/v/socket": b'{"type":"present","grant":"x"}', "/playground/socket": b'{"type":"enter"}'}


@pytest.mark.parametrize("path", FIRST)
async def test_who_leaves_behind_a_strange_frame_leaves_no_trace(target: Served, path: str) -> None:
    """What closes the socket finds nobody there any more."""
    ticket, origin = await enter(target)
    more = f"Cookie: {ticket}\r\nOrigin: {origin}\r\n\r\n"
    head = UPGRADE.replace(b"/v/socket", path.encode()).replace(b"localhost", origin[7:].encode())[:-2] + more.encode()
    frames = b"".join(b"\x81" + bytes((0x80 + len(text),)) + b"\0\0\0\0" + text for text in (FIRST[path], b"{"))
    for _ in range(50):
        async with target.connection() as peer:
            await peer.send(head)
            assert b" 101 " in await peer.answer()
            await peer.send(frames)
    await target.serves_others()
    assert "Traceback" not in target.log


async def test_text_that_is_none_closes_its_socket(target: Served) -> None:
    async with target.connection() as peer:
        await peer.send(UPGRADE)
        await peer.answer()
        await peer.send(b"\x81\x82\0\0\0\0\xff\xfe")
        await peer.rest()
    assert "Traceback" not in target.log


@pytest.mark.parametrize(
    "path", ["/playground/pictures/é/é", "/playground/pictures/%C3%A9/%C3%A9", "/playground/pictures/a/a", "/%ff", "/é"]
)
async def test_a_strange_path_is_not_found(target: Served, path: str) -> None:
    ticket, _ = await enter(target)
    async with target.connection() as peer:
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{target.port}\r\nCookie: {ticket}\r\n\r\n"
        await peer.send(request.encode())
        assert b" 40" in (await peer.answer()).split(b"\r\n")[0]
    assert "Traceback" not in target.log


async def test_what_makes_no_sense_is_worth_one_line_a_minute(target: Served) -> None:
    for nonsense in (b"\0\1\2\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"not http at all\r\n\r\n") * 10:
        async with target.connection() as peer:
            await peer.send(nonsense)
            await peer.rest()
    assert target.log.count("Invalid HTTP request") == 1
    assert "not http at all" not in target.log

"""Raw bytes, half-open connections, anonymous pages."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator

import httpx

from benchmarks.target import SECRET, Target
from tests.integration.web.served import Peer

MB = 1024 * 1024
HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = b"POST /playground/enter HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
PATHS = (
    "/playground/pictures/é/é",
    "/playground/pictures/a/a",
    "/%ff",
    "/é",
    "/v/%00",
    "/../../etc/passwd",
    "/v/static/%2e%2e/x",
)
NONSENSE = (
    b"\0\1\2\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"not http\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
)


async def nothing(_: Target, __: httpx.AsyncClient) -> str:
    await asyncio.sleep(5)
    return ""


@contextlib.asynccontextmanager
async def _peer(aim: Target) -> AsyncIterator[Peer]:
    reader, writer = await asyncio.open_connection("127.0.0.1", aim.port)
    try:
        yield Peer(reader, writer)
    finally:
        writer.transport.abort()


async def heads(aim: Target, _: httpx.AsyncClient) -> str:
    return await _poured(aim, HEAD, b"X-Large: " + b"a" * 65_520 + b"\r\n")


async def trailers(aim: Target, _: httpx.AsyncClient) -> str:
    return await _poured(aim, CHUNKED, b"X-Large: " + b"a" * 65_520 + b"\r\n")


async def _poured(aim: Target, begin: bytes, piece: bytes) -> str:
    """Ten connections at once, 40 MB each."""
    taken = await asyncio.gather(*(_pour(aim, begin, piece) for _ in range(10)))
    return f"{sum(taken) / MB:.0f} of {len(taken) * 40} MB were taken"


async def _pour(aim: Target, begin: bytes, piece: bytes) -> int:
    taken = 0
    async with _peer(aim) as peer:
        more = await peer.send(begin)
        while more and taken < 40 * MB:
            more = await peer.send(piece)
            taken += len(piece)
        await asyncio.sleep(1)
    return taken


async def half_open(aim: Target, http: httpx.AsyncClient) -> str:
    """They are held for five seconds, while somebody else wants to write."""
    async with contextlib.AsyncExitStack() as stack:
        opened = await asyncio.gather(*(_opened(stack, aim) for _ in range(1_500)))
        await asyncio.sleep(5)
        begin = asyncio.get_running_loop().time()
        answer = await aim.command(http, "U0ANN", "status")
        took = asyncio.get_running_loop().time() - begin
    return f"{sum(opened)} opened; a command meanwhile took {took:.1f} s: {answer}"


async def _opened(stack: contextlib.AsyncExitStack, aim: Target) -> bool:
    try:
        async with asyncio.timeout(10):
            peer = await stack.enter_async_context(_peer(aim))
            return bool(await peer.send(HEAD))
    except (OSError, TimeoutError):
        return False


async def installs(aim: Target, http: httpx.AsyncClient) -> str:
    before = aim.rows
    statuses: Counter[int] = Counter()
    for _ in range(50):
        answers = await asyncio.gather(*(http.get(f"{aim.url}/slack/install") for _ in range(20)))
        statuses.update(answer.status_code for answer in answers)
    return f"rows {before} -> {aim.rows}; {dict(statuses)}"


async def strange_paths(aim: Target, http: httpx.AsyncClient) -> str:
    entered = await http.post(f"{aim.url}/playground/enter", json={"key": SECRET}, headers={"Origin": aim.url})
    cookie = entered.headers["set-cookie"].partition(";")[0]
    answers: Counter[str] = Counter()
    for path in PATHS * 10:
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{aim.port}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"
        answers[await _status(aim, request.encode())] += 1
    for nonsense in NONSENSE * 10:
        answers[await _status(aim, nonsense)] += 1
    return ", ".join(f"{times} x {status}" for status, times in sorted(answers.items()))


async def _status(aim: Target, request: bytes) -> str:
    async with _peer(aim) as peer:
        await peer.send(request)
        words = (await peer.rest()).split(b" ", 2)
    return words[1].decode() if len(words) > 1 else "closed"

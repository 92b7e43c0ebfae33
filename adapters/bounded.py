"""HTTP answers that end: after so many bytes, and after so many seconds, whatever the other side does."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping

import httpx

PLAIN = {"accept-encoding": "identity"}
"""Headers for a client whose answers are bounded: a compressed answer could be a thousand times as large as what was counted."""


class TooLong(httpx.TransportError):
    """The answer is larger than anybody reads."""


def at_most(most_bytes: int) -> Mapping[str, list[Callable[[httpx.Response], Awaitable[None]]]]:
    """`event_hooks` for a client none of whose answers is larger. Reading them raises as with `bounded`."""

    async def bound(response: httpx.Response) -> None:
        _refuse_compressed(response)
        response.stream = _stream(response, most_bytes, None)

    return {"response": [bound]}


@contextlib.asynccontextmanager
async def bounded(
    http: httpx.AsyncClient, request: httpx.Request, *, most_bytes: int, within_s: float
) -> AsyncIterator[httpx.Response]:
    """The answer to `request`, not read yet. It has to be there, and read to its end, `within_s` seconds from now.

    Raises `httpx.ReadTimeout` when it is not, `TooLong` beyond `most_bytes`, `httpx.DecodingError` for one that is compressed.
    """
    ends_at = asyncio.get_running_loop().time() + within_s
    async with _until(ends_at):
        response = await http.send(request, stream=True)
    try:
        _refuse_compressed(response)
        async with contextlib.aclosing(_stream(response, most_bytes, ends_at)) as stream:
            yield httpx.Response(response.status_code, headers=response.headers, stream=stream, request=request)
    finally:
        await response.aclose()


def _refuse_compressed(response: httpx.Response) -> None:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise httpx.DecodingError("compressed, which was not asked for", request=response.request)


def _stream(response: httpx.Response, most_bytes: int, ends_at: float | None) -> httpx.AsyncByteStream:
    assert isinstance(response.stream, httpx.AsyncByteStream)
    return _Bounded(response.stream, most_bytes, ends_at)


class _Bounded(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream, most_bytes: int, ends_at: float | None) -> None:
        self._stream = stream
        self._pieces = aiter(stream)
        self._most_bytes = most_bytes
        self._left = most_bytes
        self._ends_at = ends_at

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        async with _until(self._ends_at):
            piece = await anext(self._pieces)
        self._left -= len(piece)
        if self._left < 0:
            raise TooLong(f"more than {self._most_bytes:,} bytes")
        return piece

    async def aclose(self) -> None:
        if isinstance(self._pieces, AsyncGenerator):
            await self._pieces.aclose()
        await self._stream.aclose()


@contextlib.asynccontextmanager
async def _until(ends_at: float | None) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout_at(ends_at):
            yield
    except TimeoutError:
        raise httpx.ReadTimeout("no end in time") from None

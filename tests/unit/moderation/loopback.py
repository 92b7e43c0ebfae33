"""A moderation service on this machine that answers whatever a test wants."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

YES = b'{"allow": true}'


@dataclass
class Loopback:
    """One answer for all requests, byte for byte."""

    answer: bytes = YES
    status: bytes = b"200 OK"
    headers: tuple[bytes, ...] = ()
    length: int | None = None  # that it claims
    wait: asyncio.Event | None = None  # before it answers
    endless: bytes = b""  # what it goes on sending
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    url: str = ""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                await self._answer_one(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    async def _answer_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        size = next(int(line[16:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length: "))
        self.requests.append(head + await reader.readexactly(size))
        if self.wait:
            await self.wait.wait()
        length = len(self.answer) if self.length is None else self.length
        lines = [b"HTTP/1.1 " + self.status, b"content-length: %d" % length, *self.headers, b"", self.answer]
        writer.write(b"\r\n".join(lines))
        while self.endless:
            writer.write(self.endless)
            await writer.drain()
        await writer.drain()

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["Loopback"]:
        handlers: set[asyncio.Task[None]] = set()

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.ensure_future(self._serve(reader, writer))
            handlers.add(task)
            task.add_done_callback(handlers.discard)

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/judge"
        try:
            yield self
        finally:
            server.close()
            for task in handlers:
                task.cancel()
            await asyncio.gather(*handlers, return_exceptions=True)
            await asyncio.sleep(0)  # what was aborted is closed

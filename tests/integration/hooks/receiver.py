"""A receiver of hooks on loopback, and an internet that is nothing else."""

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn
from standardwebhooks import Webhook
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.commands.urls import IpAddress
from tests.patience import until

PUBLIC, INSIDE = "93.184.216.34", "10.0.0.7"


@dataclass
class Received:
    """One attempt, as it came in."""

    headers: dict[str, str]
    content: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class Receiver:
    """Answers with `answers` in turn, then with 204; waits for `open` before it does."""

    port: int = 0
    answers: list[Response] = field(default_factory=list)
    attempts: list[Received] = field(default_factory=list)
    taken: list[Received] = field(default_factory=list)
    under_way: int = 0
    most_under_way: int = 0
    open: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, request: Request) -> Response:
        received = Received(dict(request.headers), await request.body())
        self.attempts.append(received)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await self.open.wait()
        finally:
            self.under_way -= 1
        answer = self.answers.pop(0) if self.answers else Response(status_code=204)
        if answer.status_code < 300:
            self.taken.append(received)
        return answer

    async def has(self, taken: int) -> None:
        await until(lambda: len(self.taken) >= taken)

    async def was_asked(self, attempts: int) -> None:
        await until(lambda: len(self.attempts) >= attempts)


def verified(received: Received, secret: str) -> dict[str, Any]:
    """Its payload, after the signature was looked at by the makers of Standard Webhooks. Raises where that is wrong."""
    payload: dict[str, Any] = Webhook(secret).verify(received.content, received.headers)
    return payload


class Internet(httpx.AsyncBaseTransport):
    """All of it is one server on loopback, but for what is on loopback itself; `went` is where connections were wanted to."""

    def __init__(self, port: int) -> None:
        self.went: list[str] = []
        self._port = port
        self._way = httpx.AsyncHTTPTransport(verify=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == "127.0.0.1":
            return await self._way.handle_async_request(request)
        self.went.append(request.url.host)
        here = httpx.Request(
            request.method,
            request.url.copy_with(scheme="http", host="127.0.0.1", port=self._port),
            headers=request.headers,
            stream=request.stream,
            extensions=request.extensions,
        )
        return await self._way.handle_async_request(here)


@dataclass
class Names:
    """What names resolve to at this moment."""

    addresses: dict[str, str] = field(default_factory=lambda: {"hooks.example": PUBLIC})

    async def __call__(self, host: str) -> Sequence[IpAddress]:
        with contextlib.suppress(ValueError):
            return [ipaddress.ip_address(host)]
        return [ipaddress.ip_address(self.addresses[host])] if host in self.addresses else []


@contextlib.asynccontextmanager
async def receiving(port: int = 0) -> AsyncIterator[Receiver]:
    receiver = Receiver()
    receiver.open.set()
    app = Starlette(routes=[Route("/{path:path}", receiver.__call__, methods=["POST", "GET"])])
    config = uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
    config.load()
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", port))
    receiver.port = listening.getsockname()[1]
    serving = asyncio.create_task(server.serve([listening]))
    try:
        yield receiver
    finally:
        receiver.open.set()
        server.should_exit = True
        await serving
        listening.close()

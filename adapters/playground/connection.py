"""One visit of one client: what it says, in order; what it is told, as soon as can be."""

import asyncio
from contextlib import suppress

from starlette.websockets import WebSocket, WebSocketDisconnect

from adapters.playground.clients import Client
from adapters.playground.handler import PlaygroundInboundHandler
from adapters.playground.protocol import Enter, FromClient, ListValues, decode
from bot.domain.conversations import Inbound
from bot.log_throttle import warn_of_outsider
from bot.ports.chat import ChatPlatform
from bot.web.incoming import ended_by, text_of

ENTER_WITHIN_S = 5.0
NO_PAGE_OF_OURS = 1008
"""WebSocket close code: policy violation."""


async def serve_connection(socket: WebSocket, handler: PlaygroundInboundHandler, platform: ChatPlatform) -> None:
    """Serve one client until it closes."""
    with suppress(WebSocketDisconnect):  # closing a client is how every visit ends
        await socket.accept()
        try:
            await _admit(socket, handler, platform)
        except (ValueError, TimeoutError):
            warn_of_outsider("a client's socket sent what no page of ours sends")
            await socket.close(NO_PAGE_OF_OURS)


async def _admit(socket: WebSocket, handler: PlaygroundInboundHandler, platform: ChatPlatform) -> None:
    async with asyncio.timeout(ENTER_WITHIN_S):
        enter = await _frame(socket)
    if isinstance(enter, Enter):
        await _serve(socket, handler, platform, enter)


async def _serve(socket: WebSocket, handler: PlaygroundInboundHandler, platform: ChatPlatform, enter: Enter) -> None:
    client = handler.enter(socket, enter)
    try:
        await _until_it_closes(_Visit(socket, handler, platform, client))
    finally:
        handler.leave(client)


async def _until_it_closes(visit: "_Visit") -> None:
    with ended_by(WebSocketDisconnect, ValueError):
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(visit.client.write())
            await visit.read(tasks)


class _Visit:
    def __init__(
        self, socket: WebSocket, handler: PlaygroundInboundHandler, platform: ChatPlatform, client: Client
    ) -> None:
        self._socket = socket
        self._handler = handler
        self._platform = platform
        self.client = client

    async def read(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            frame = await _frame(self._socket)
            match frame:
                case ListValues():
                    tasks.create_task(self._handler.look(self.client, frame))
                case Enter():
                    raise ValueError("entered twice")
                case _:
                    if question := await self._handler.take(self.client, frame):
                        tasks.create_task(self._answer(question))

    async def _answer(self, question: Inbound) -> None:
        assert question.reply_to is not None
        await self._platform.reply(question.reply_to, await self._handler.core.answer(question))


async def _frame(socket: WebSocket) -> FromClient:
    return decode(await text_of(socket))

"""What comes in over a socket."""

import asyncio

import pytest
from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect

from bot.web.page import ended_by, text_of

FRAMES = 500


async def test_a_flooded_socket_yields_between_frames() -> None:
    coming = iter(({"type": "websocket.connect"}, *[{"type": "websocket.receive", "text": "{}"}] * FRAMES))

    async def receive() -> Message:
        return next(coming)

    async def send(_: Message) -> None: ...

    turns = 0

    async def somebody_else() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    socket = WebSocket({"type": "websocket"}, receive, send)
    await socket.accept()
    other = asyncio.create_task(somebody_else())
    for _ in range(FRAMES):
        await text_of(socket)
    other.cancel()
    await asyncio.wait((other,))
    assert turns >= FRAMES


async def raising(*errors: Exception) -> None:
    async def end(error: Exception) -> None:
        raise error

    async with asyncio.TaskGroup() as tasks:
        for error in errors:
            tasks.create_task(end(error))


async def test_of_several_ends_the_first_kind_is_told() -> None:
    with pytest.raises(WebSocketDisconnect), ended_by(WebSocketDisconnect, ValueError):
        await raising(ValueError("no frame"), WebSocketDisconnect())


async def test_an_unexpected_end_is_not_hidden_by_another() -> None:
    with pytest.raises(ExceptionGroup) as raised, ended_by(WebSocketDisconnect, ValueError):
        await raising(ValueError("no frame"), KeyError("a fault of ours"))
    assert raised.value.subgroup(KeyError)
